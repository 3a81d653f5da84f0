"""Dated FX rates: direct, inverse, stale, missing; how far and how long one person alone moves one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from apps.access.models import User
from apps.common.errors import Invalid, Refused
from apps.markets import rules, selectors, services
from apps.markets.models import FxRate
from tests.builders import make_user, refused
from tests.markets.builders import WALL_START, Wall, make_firm, write_rate

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def rita(db: None, wall: Wall) -> User:
    """A risk owner of the firm, which counts in USD."""
    return make_user("rita", "risk owner", make_firm().scope)


@pytest.fixture
def known(rita: User) -> FxRate:
    """What counts: a euro is worth 1.25 dollars for an hour."""
    return write_rate("EUR", "USD", "1.25")


def enter(rate: str = "1.25", actor: User | str = "job:tests", **overrides: Any) -> FxRate:
    """Enter a rate for an hour from now on."""
    fields: dict[str, Any] = {"base": "EUR", "quote": "USD", "rate": rate, "source": "a test"}
    fields |= {"valid_until": selectors.wall_now() + HOUR, "reason": "as the market has it"}
    return services.set_fx_rate(**(fields | overrides), actor=actor)


def worth() -> Decimal:
    """How many dollars a euro is worth now."""
    return selectors.convert_rate("EUR", "USD", selectors.wall_now())


def test_a_currency_is_worth_itself() -> None:
    assert selectors.convert_rate("USD", "USD", WALL_START) == 1


def test_a_rate_converts_both_ways(known: FxRate) -> None:
    assert selectors.convert_rate("EUR", "USD", WALL_START) == Decimal("1.25")
    assert selectors.convert_rate("USD", "EUR", WALL_START) == Decimal("0.8")


def test_the_newest_rate_in_force_counts(known: FxRate) -> None:
    enter("1.26")
    enter("1.27")
    enter("1.28", valid_from=WALL_START + timedelta(minutes=30))

    assert selectors.convert_rate("EUR", "USD", WALL_START + timedelta(minutes=29)) == Decimal("1.27")


def test_a_stale_rate_is_refused(known: FxRate) -> None:
    with pytest.raises(Refused) as refusal:
        selectors.convert_rate("USD", "EUR", WALL_START + timedelta(hours=1, seconds=1))

    assert refusal.value.code == "FX_RATE_STALE"


def test_a_missing_rate_is_refused(known: FxRate) -> None:
    with pytest.raises(Refused) as refusal:
        selectors.convert_rate("GBP", "USD", WALL_START)

    assert refusal.value.code == "FX_RATE_MISSING"


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"rate": "0"}, "FX_RATE_NOT_POSITIVE"),
        ({"rate": "NaN"}, "DECIMAL_MALFORMED"),
        ({"quote": "EUR"}, "FX_RATE_PAIR"),
        ({"valid_until": WALL_START}, "FX_RATE_PERIOD"),
        ({"valid_until": WALL_START + timedelta(days=7, seconds=1)}, "FX_RATE_PERIOD"),
        ({"valid_from": WALL_START + 99 * DAY, "valid_until": WALL_START + 100 * DAY}, "FX_RATE_PERIOD"),
    ],
)
def test_a_rate_that_means_nothing_or_holds_too_long_is_refused(
    known: FxRate, overrides: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        enter(**overrides)

    assert refusal.value.code == code
    assert FxRate.objects.get() == known


def test_a_rate_holds_for_the_longest_time_and_no_longer(known: FxRate, settings: Settings) -> None:
    settings.FX_RATE_VALID_MAX_D = 2

    enter(valid_until=WALL_START + timedelta(days=2))

    with refused("FX_RATE_PERIOD"):
        enter(valid_until=WALL_START + timedelta(days=2, seconds=1))
    assert FxRate.objects.count() == 2


@pytest.mark.parametrize(
    ("rate", "known_rate", "expected"),
    [
        ("1.05", "1", False),
        ("1.0500001", "1", True),
        ("1", "1.05", False),
        ("0.95", "1", True),  # its inverse is 1.0526
        ("0.9524", "1", False),
        ("1", "1", False),
    ],
)
def test_a_rate_departs_as_far_up_as_down(rate: str, known_rate: str, expected: bool) -> None:
    assert rules.departs(Decimal(rate), Decimal(known_rate), Decimal(5)) is expected


@pytest.mark.parametrize("rate", ["0.01", "1.19", "1.3126", "100"])
def test_nobody_alone_enters_a_rate_far_from_the_one_that_counts(rita: User, known: FxRate, rate: str) -> None:
    for actor in (rita, "job:feed"):
        with refused("FX_RATE_DEPARTS"):
            enter(rate, actor)

    assert (FxRate.objects.get(), worth()) == (known, Decimal("1.25"))


@pytest.mark.parametrize("rate", ["1.3125", "1.1905"])
def test_one_person_enters_a_rate_near_the_one_that_counts(rita: User, known: FxRate, rate: str) -> None:
    enter(rate, rita)

    assert worth() == Decimal(rate)


def test_the_inverse_pair_is_measured_too(rita: User, known: FxRate) -> None:
    with refused("FX_RATE_DEPARTS"):
        enter("0.5", rita, base="USD", quote="EUR")
    assert FxRate.objects.get() == known

    enter("0.81", rita, base="USD", quote="EUR")
    assert selectors.convert_rate("USD", "EUR", WALL_START) == Decimal("0.81")


def test_a_stale_rate_is_still_what_the_next_one_is_measured_by(wall: Wall, rita: User, known: FxRate) -> None:
    wall.advance(30 * 86_400)

    with refused("FX_RATE_DEPARTS"):
        enter("2.5", rita)

    assert FxRate.objects.get() == known
    enter("1.3", rita)
    assert worth() == Decimal("1.3")


def test_of_two_stale_rates_the_one_that_started_last_measures(wall: Wall, rita: User, known: FxRate) -> None:
    wall.advance(7200)
    write_rate("USD", "EUR", "0.5")
    wall.advance(7200)

    assert selectors.last_rate("EUR", "USD", wall.now) == 2
    with refused("FX_RATE_DEPARTS"):
        enter("1.25", rita)
    assert FxRate.objects.count() == 2


def test_the_first_rate_of_a_pair_takes_two(rita: User) -> None:
    for actor in (rita, "job:feed"):
        with refused("FX_RATE_FIRST"):
            enter("1.25", actor)

    assert not FxRate.objects.exists()


def test_many_small_steps_of_one_day_are_measured_as_one(wall: Wall, rita: User, known: FxRate) -> None:
    wall.advance(60)
    enter("1.31", rita)
    wall.advance(60)

    with refused("FX_RATE_DEPARTS"):
        enter("1.37", rita)
    assert worth() == Decimal("1.31")

    wall.advance(86_400)
    enter("1.37", rita)
    assert worth() == Decimal("1.37")


def test_a_step_that_is_dated_back_is_one_of_this_day_all_the_same(wall: Wall, rita: User, known: FxRate) -> None:
    wall.advance(60)
    enter("1.31", rita, valid_from=wall.now - timedelta(days=2))
    enter("1.31", rita)
    wall.advance(60)

    with refused("FX_RATE_DEPARTS"):
        enter("1.37", rita)
    assert worth() == Decimal("1.31")
