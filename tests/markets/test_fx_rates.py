"""Dated FX rates: direct, inverse, stale, missing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.common.errors import Invalid, Refused
from apps.markets import selectors, services
from apps.markets.models import FxRate
from tests.markets.builders import BY, WALL_START, make_firm

pytestmark = pytest.mark.django_db


def set_rate(rate: str = "1.25", **overrides: Any) -> FxRate:
    make_firm()
    fields: dict[str, Any] = {
        "base": "EUR",
        "quote": "USD",
        "rate": rate,
        "valid_from": WALL_START,
        "valid_until": WALL_START + timedelta(hours=1),
        "source": "a test",
    }
    return services.set_fx_rate(**(fields | overrides), **BY)


def test_a_currency_is_worth_itself() -> None:
    assert selectors.convert_rate("USD", "USD", WALL_START) == 1


def test_a_rate_converts_both_ways() -> None:
    set_rate()

    assert selectors.convert_rate("EUR", "USD", WALL_START) == Decimal("1.25")
    assert selectors.convert_rate("USD", "EUR", WALL_START) == Decimal("0.8")


def test_the_newest_rate_in_force_counts() -> None:
    set_rate("1.25")
    set_rate("1.5")
    set_rate("9", valid_from=WALL_START + timedelta(minutes=30))

    assert selectors.convert_rate("EUR", "USD", WALL_START + timedelta(minutes=29)) == Decimal("1.5")


def test_a_stale_rate_is_refused() -> None:
    set_rate()

    with pytest.raises(Refused) as refusal:
        selectors.convert_rate("USD", "EUR", WALL_START + timedelta(hours=1, seconds=1))

    assert refusal.value.code == "FX_RATE_STALE"


def test_a_missing_rate_is_refused() -> None:
    set_rate()

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
    ],
)
def test_a_rate_that_means_nothing_is_refused(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        set_rate(**overrides)

    assert refusal.value.code == code
    assert not FxRate.objects.exists()
