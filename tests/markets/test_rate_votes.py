"""A rate that departs: asked for by a person, entered when a second one agrees, and counted not a moment before."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.clocks import wall_now
from apps.markets import selectors, services
from apps.markets.models import FxRate, FxRateRequest
from tests.builders import fresh, make_user, refused
from tests.markets.builders import BY, WALL_START, Wall, make_firm, write_rate


@pytest.fixture
def rita(db: None, wall: Wall) -> User:
    """A risk owner of the firm; a euro is worth 1.25 dollars."""
    found = make_user("rita", "risk owner", make_firm().scope)
    write_rate("EUR", "USD", "1.25", valid_until=WALL_START + timedelta(days=6))
    return found


@pytest.fixture
def raj(rita: User) -> User:
    """Another one."""
    return make_user("raj", "risk owner", make_firm().scope)


def ask(actor: User, rate: str = "2.5", **overrides: Any) -> FxRateRequest:
    """Put a rate to the vote."""
    fields: dict[str, Any] = {"base": "EUR", "quote": "USD", "rate": rate, "source": "the central bank"}
    fields |= {"valid_until": wall_now() + timedelta(days=1), "reason": "it was devalued"}
    return services.request_fx_rate(**(fields | overrides), actor=actor)


def vote(asked: FxRateRequest, actor: User, *, approve: bool = True, digest: str = "") -> FxRateRequest:
    """Vote on what was shown."""
    cast = {"approve": approve, "reason": "I looked it up", "digest": digest or asked.consent.digest}
    return services.vote_fx_rate(request=fresh(asked), actor=fresh(actor), **cast)


def worth() -> Decimal:
    """How many dollars a euro is worth now."""
    return selectors.convert_rate("EUR", "USD", wall_now())


def unchanged() -> bool:
    """Whether the one rate still stands alone."""
    return (FxRate.objects.count(), worth()) == (1, Decimal("1.25"))


def test_a_rate_that_waits_counts_for_nothing(rita: User) -> None:
    asked = ask(rita)

    assert unchanged()
    assert (asked.departs_from, asked.entry) == (Decimal("1.25"), None)
    assert [row.pk for row in selectors.waiting_rates()] == [asked.pk]


def test_a_second_person_lets_it_count(wall: Wall, rita: User, raj: User) -> None:
    asked = ask(rita)
    wall.advance(60)

    voted = vote(asked, raj)

    assert worth() == Decimal("2.5")
    assert voted.entry is not None
    assert (voted.entry.valid_from, voted.entry.valid_until) == (wall.now, asked.valid_until)
    assert Record.objects.get(act="fx_rate.set").actor == f"user:{raj.pk}"
    assert not selectors.waiting_rates().exists()


def test_the_first_rate_of_a_pair_is_entered_by_two(rita: User, raj: User) -> None:
    vote(ask(rita, "1.3", base="GBP"), raj)

    assert selectors.convert_rate("GBP", "USD", wall_now()) == Decimal("1.3")


def test_a_denial_ends_it_and_changes_nothing(rita: User, raj: User) -> None:
    asked = ask(rita)

    vote(asked, raj, approve=False)

    assert unchanged()
    assert fresh(asked).consent.state == "denied"


def test_who_asked_does_not_agree(rita: User) -> None:
    with refused("VOTE_EXCLUDED"):
        vote(ask(rita), rita)

    assert unchanged()


@pytest.mark.parametrize("role", ["trader", "operator", "administrator"])
def test_agreeing_takes_a_risk_owner_of_the_firm(rita: User, role: str) -> None:
    asked = ask(rita)

    with refused("PERMISSION_DENIED"):
        vote(asked, make_user("tom", role, make_firm().scope))

    assert unchanged()


def test_a_risk_owner_of_one_desk_does_not_agree_for_all(rita: User) -> None:
    desk = access.make_desk(name="alpha", **BY)

    with refused("PERMISSION_DENIED"):
        vote(ask(rita), make_user("rob", "risk owner", desk.scope))

    assert unchanged()


def test_a_service_account_neither_asks_nor_votes(rita: User) -> None:
    machine = access.make_service_account(username="feed", display_name="feed", **BY)
    access.grant_role(user=machine, role="risk owner", scope=make_firm().scope, **BY)

    with refused("PERSON_NEEDED"):
        ask(machine)
    with refused("VOTE_BY_SERVICE"):
        vote(ask(rita), machine)

    assert unchanged()
    assert FxRateRequest.objects.count() == 1


def test_a_vote_is_for_what_was_seen(rita: User, raj: User) -> None:
    with refused("DIGEST_CHANGED"):
        vote(ask(rita), raj, digest="0" * 64)

    assert unchanged()


@pytest.mark.parametrize("hours", [24, 25])
def test_after_a_day_nobody_agrees_any_more(wall: Wall, rita: User, raj: User, hours: int) -> None:
    asked = ask(rita, valid_until=wall.now + timedelta(days=3))
    wall.advance(hours * 3600)

    with refused("CONSENT_EXPIRED"):
        vote(asked, raj)

    assert unchanged()
    assert not selectors.waiting_rates().exists()


def test_nobody_agrees_to_a_rate_whose_time_is_over(wall: Wall, rita: User, raj: User) -> None:
    asked = ask(rita, valid_until=wall.now + timedelta(minutes=5))
    wall.advance(300)

    with refused("CONSENT_EXPIRED"):
        vote(asked, raj)

    assert unchanged()


def test_a_rate_that_is_entered_ends_what_waits_for_the_pair(rita: User, raj: User) -> None:
    asked, other = ask(rita), ask(rita, "0.4", base="USD", quote="EUR")
    elsewhere = ask(rita, "1.3", base="GBP")

    services.set_fx_rate(
        base="EUR", quote="USD", rate="1.26", valid_until=wall_now() + timedelta(hours=1), source="desk", **BY
    )

    assert [fresh(row).consent.state for row in (asked, other, elsewhere)] == ["void", "void", "open"]
    with refused("CONSENT_NOT_OPEN"):
        vote(asked, raj)
    assert worth() == Decimal("1.26")


def test_of_two_that_wait_for_a_pair_one_is_entered(rita: User, raj: User) -> None:
    asked, other = ask(rita), ask(rita, "3")

    vote(asked, raj)

    assert fresh(other).consent.state == "void"
    assert worth() == Decimal("2.5")


def test_when_another_rate_has_come_to_count_it_is_asked_for_anew(wall: Wall, rita: User, raj: User) -> None:
    write_rate(
        "EUR", "USD", "1.2", valid_from=WALL_START + timedelta(hours=1), valid_until=WALL_START + timedelta(days=5)
    )
    asked = ask(rita)
    wall.advance(3600)

    with refused("DIGEST_CHANGED"):
        vote(asked, raj)

    assert (worth(), fresh(asked).consent.state) == (Decimal("1.2"), "open")


def test_what_two_agreed_on_is_what_the_next_one_is_measured_by(wall: Wall, rita: User, raj: User) -> None:
    vote(ask(rita), raj)
    wall.advance(60)

    again: dict[str, Any] = {
        "base": "EUR",
        "quote": "USD",
        "source": "desk",
        "valid_until": wall_now() + timedelta(hours=1),
    }
    services.set_fx_rate(**again, rate="2.6", **BY)
    with refused("FX_RATE_DEPARTS"):
        services.set_fx_rate(**again, rate="1.25", **BY)

    assert worth() == Decimal("2.6")


def test_what_two_agreed_on_for_later_resets_nothing_yet(wall: Wall, rita: User, raj: User) -> None:
    again: dict[str, Any] = {
        "base": "EUR",
        "quote": "USD",
        "source": "desk",
        "valid_until": wall_now() + timedelta(hours=9),
    }
    wall.advance(60)
    services.set_fx_rate(**again, rate="1.31", **BY)
    vote(ask(rita, valid_from=wall.now + timedelta(hours=5)), raj)

    with refused("FX_RATE_DEPARTS"):
        services.set_fx_rate(**again, rate="1.37", **BY)

    assert worth() == Decimal("1.31")


def test_a_voter_who_left_meanwhile_does_not_count(rita: User, raj: User) -> None:
    asked = ask(rita)
    with acting(**BY):
        User.objects.filter(pk=raj.pk).update(is_active=False)

    with refused("VOTE_BY_SERVICE"):
        vote(asked, raj)

    assert unchanged()


def test_what_means_nothing_is_not_put_to_the_vote(rita: User) -> None:
    with refused("FX_RATE_NOT_POSITIVE"):
        ask(rita, "0")
    with refused("FX_RATE_PERIOD"):
        ask(rita, valid_until=wall_now() + timedelta(days=8))
    with refused("FX_RATE_PAIR"):
        ask(rita, quote="EUR")

    assert not FxRateRequest.objects.exists()
