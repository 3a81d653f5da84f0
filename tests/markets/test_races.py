"""Two at once on one rate or one instrument: one acts, and nothing counts twice."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.access.models import User
from apps.common.clocks import wall_now
from apps.markets import selectors, services
from apps.markets.models import FxRate, Instrument, MarketStatus
from tests.builders import fresh, make_user
from tests.markets.builders import BY, make_firm, make_instrument, write_rate
from tests.races import codes, race

BALLOT: dict[str, Any] = {"approve": True, "reason": "agreed"}


@pytest.fixture
def owners(committed_db: str) -> list[User]:
    """Three risk owners of the firm in a database of its own; a euro is worth 1.25 dollars."""
    found = [make_user(name, "risk owner", make_firm().scope) for name in ("rita", "raj", "ron")]
    write_rate("EUR", "USD", "1.25", valid_until=wall_now() + timedelta(days=6))
    return found


def entered(rate: str, source: str = "desk") -> dict[str, Any]:
    """A rate of the pair for an hour."""
    until = wall_now() + timedelta(hours=1)
    return {"base": "EUR", "quote": "USD", "rate": rate, "valid_until": until, "source": source, "reason": "now"}


def halt(instrument: Instrument, state: str = "halted") -> dict[str, Any]:
    return {"instrument": instrument, "state": state, "source": "notice", "reason": "now"}


def test_of_two_who_agree_at_once_one_enters_the_rate(owners: list[User]) -> None:
    rita, *others = owners
    asked = services.request_fx_rate(**entered("2.5"), actor=rita)

    outcomes = race(
        *[
            lambda voter=voter: services.vote_fx_rate(
                request=asked, actor=fresh(voter), digest=asked.consent.digest, **BALLOT
            )
            for voter in others
        ]
    )

    assert codes(outcomes) == ["CONSENT_NOT_OPEN"]
    assert FxRate.objects.filter(rate=Decimal("2.5")).count() == 1


def test_a_rate_and_an_agreement_at_once_never_leave_what_nobody_could_enter_after_the_other(
    owners: list[User],
) -> None:
    rita, raj, _ = owners
    asked = services.request_fx_rate(**entered("2.5"), actor=rita)

    outcomes = race(
        lambda: services.vote_fx_rate(request=asked, actor=fresh(raj), digest=asked.consent.digest, **BALLOT),
        lambda: services.set_fx_rate(**entered("1.26"), actor="job:feed"),
    )

    [code] = codes(outcomes)
    expected = {"CONSENT_NOT_OPEN": Decimal("1.26"), "FX_RATE_DEPARTS": Decimal("2.5")}
    assert selectors.convert_rate("EUR", "USD", wall_now()) == expected[code]


def test_two_small_steps_at_once_are_measured_one_after_the_other(owners: list[User]) -> None:
    outcomes = race(
        lambda: services.set_fx_rate(**entered("1.31"), actor="job:feed"),
        lambda: services.set_fx_rate(**entered("1.2"), actor="job:feed"),
    )

    assert codes(outcomes) == ["FX_RATE_DEPARTS"]
    assert FxRate.objects.count() == 2


def test_of_two_who_agree_at_once_one_reopens(owners: list[User]) -> None:
    rita, *others = owners
    bitcoin = make_instrument()
    services.set_market_state(**halt(bitcoin), actor=rita)
    asked = services.request_market_state(**halt(bitcoin, "trading"), actor=rita)

    outcomes = race(
        *[
            lambda voter=voter: services.vote_market_state(
                request=asked, actor=fresh(voter), digest=asked.consent.digest, **BALLOT
            )
            for voter in others
        ]
    )

    assert codes(outcomes) == ["CONSENT_NOT_OPEN"]
    assert MarketStatus.objects.get().state == "trading"


def test_a_halt_at_the_moment_of_the_agreement_stands(owners: list[User]) -> None:
    rita, raj, ron = owners
    bitcoin = make_instrument()
    services.set_market_state(**halt(bitcoin), actor=rita)
    asked = services.request_market_state(**halt(bitcoin, "trading"), actor=rita)

    outcomes = race(
        lambda: services.vote_market_state(request=asked, actor=fresh(raj), digest=asked.consent.digest, **BALLOT),
        lambda: services.set_market_state(**halt(bitcoin, "maintenance"), actor=fresh(ron)),
    )

    assert codes(outcomes) in ([], ["CONSENT_NOT_OPEN"])
    assert MarketStatus.objects.get().state == "maintenance"


def test_the_first_statements_of_two_at_once_both_pass(owners: list[User]) -> None:
    bitcoin = make_instrument()

    outcomes = race(*[lambda: services.set_market_state(**halt(bitcoin), actor=BY["actor"])] * 2)

    assert codes(outcomes) == []
    assert MarketStatus.objects.count() == 1
