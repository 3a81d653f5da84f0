"""The venue's own price: asked for once per venue and instrument, kept, and never invented."""

from copy import copy
from decimal import Decimal
from typing import Any

import pytest

from apps.audit.context import acting
from apps.common.clocks import to_ms
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.services import references
from apps.markets.models import ReferencePrice
from apps.venues import services as venues
from apps.venues.adapters.base import Capabilities, NoAnswer, VenueBusy, VenueDown, VenueQuote
from apps.venues.models import Account
from apps.venues.paper.adapter import CAPABILITIES, PaperAdapter
from tests.execution.builders import Floor
from tests.markets.builders import BY, make_instrument


@pytest.fixture
def priced(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A venue that says 101.5, as of now; nothing is kept yet."""
    said: dict[str, Any] = {"price": Decimal("101.5"), "late_ms": 0}

    def quote(_: PaperAdapter, symbol: str) -> VenueQuote:
        return VenueQuote(symbol, said["price"], to_ms(floor.wall.now) - said["late_ms"])

    monkeypatch.setattr(PaperAdapter, "quote", quote)
    ReferencePrice.objects.all().delete()
    floor.line.calls.clear()
    return said


def test_the_price_of_a_traded_instrument_is_kept_under_the_venues_name(floor: Floor, priced: dict[str, Any]) -> None:
    tasks.refresh_references()

    kept = ReferencePrice.objects.get()
    assert (kept.instrument, kept.source, kept.price) == (floor.instrument, "venue:paper", Decimal("101.5"))
    assert kept.seen_at == floor.wall.now


def test_an_old_price_stays_old(floor: Floor, priced: dict[str, Any]) -> None:
    priced["late_ms"] = 40_000

    execution.refresh_references()

    assert (floor.wall.now - ReferencePrice.objects.get().seen_at).total_seconds() == 40


def test_a_venue_whose_clock_is_ahead_makes_no_price_fresh_for_longer(floor: Floor, priced: dict[str, Any]) -> None:
    priced["late_ms"] = -3_600_000

    execution.refresh_references()

    assert ReferencePrice.objects.get().seen_at == floor.wall.now


@pytest.mark.parametrize(
    "error", [NoAnswer("silence"), VenueBusy("full", retry_in_s=1), VenueDown("silent", retry_in_s=1)]
)
def test_without_an_answer_there_is_no_new_price(floor: Floor, priced: dict[str, Any], error: Exception) -> None:
    floor.line.fails = {"quote": error}

    assert execution.refresh_references() == 0

    assert not ReferencePrice.objects.exists()


def test_an_account_without_its_keys_keeps_no_price_from_the_others(
    floor: Floor, priced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copy(floor.deployment)
    other.instrument = make_instrument(symbol="ETH-USD")
    answers = iter([Refused("KEYS_MISSING", "no file"), CAPABILITIES])

    def capabilities(_: Account) -> Capabilities:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(venues, "capabilities_of", capabilities)

    assert execution.refresh_references([floor.deployment, other]) == 1

    assert ReferencePrice.objects.get().instrument == other.instrument


def test_what_nobody_trades_is_not_asked_for(floor: Floor, priced: dict[str, Any]) -> None:
    with acting(**BY):
        deployments.pause(deployment=floor.deployment, **BY)

    assert execution.refresh_references() == 0

    assert floor.line.calls == []


def test_what_a_paused_bot_holds_is_asked_for(floor: Floor, priced: dict[str, Any]) -> None:
    floor.hold_position("1")
    with acting(**BY):
        deployments.pause(deployment=floor.deployment, **BY)

    assert execution.refresh_references() == 1


def test_a_venue_with_few_calls_is_asked_more_rarely(
    floor: Floor, priced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Capabilities(CAPABILITIES.order_types, CAPABILITIES.times_in_force, True, requests_per_minute=60)
    monkeypatch.setattr(venues, "capabilities_of", lambda account: few)

    heard = []
    for _ in range(12):
        heard.append(references.refresh_references())
        floor.wall.advance(1)

    assert sum(heard) == 3  # a fifth of 60 a minute is one in five seconds
