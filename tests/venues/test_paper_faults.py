"""Failures on command: what a client sees, and what the venue's books hold."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.common.errors import Invalid, Refused
from apps.venues import services
from apps.venues.adapters.base import NoAnswer, ReplaceRequest, VenueOrderState, VenueRejected, VenueTimeout
from apps.venues.paper import matching, wire
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperFault, PaperOrder
from apps.venues.paper.services import clear_faults, inject_fault
from apps.venues.paper.states import Call, FaultKind
from tests.markets.builders import Wall
from tests.venues.builders import (
    ACCOUNT,
    check_books,
    list_paper,
    make_account,
    make_request,
    open_paper,
    work_in_threads,
)

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]
# Every call of the adapter, by its name in a fault.
CALLS: dict[str, Callable[[PaperAdapter], Any]] = {
    "submit": lambda venue: venue.submit(make_request("two")),
    "cancel": lambda venue: venue.cancel("one"),
    "replace": lambda venue: venue.replace(ReplaceRequest("one", "BTC-USD", make_request(quantity="2").quantity)),
    "cancel_all": lambda venue: venue.cancel_all(),
    "lookup": lambda venue: venue.order_by_client_id("one"),
    "open_orders": lambda venue: venue.open_orders(),
    "orders": lambda venue: venue.orders_since("", 10),
    "trades": lambda venue: venue.trades_since(0, 10),
    "positions": lambda venue: venue.positions(),
    "balances": lambda venue: venue.balances(),
    "quote": lambda venue: venue.quote("BTC-USD"),
    "ping": lambda venue: venue.ping(),
}


@pytest.fixture
def venue(wall: Wall, folder: Path, db: None) -> PaperAdapter:
    """A venue with the open order "one"."""
    list_paper(folder, CLOSES)
    opened = open_paper()
    opened.submit(make_request())
    return opened


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(wire, "wait", waited.append)
    return waited


def books() -> list[dict[str, Any]]:
    return list(PaperOrder.objects.order_by("id").values())


def test_every_call_can_be_named_in_a_fault() -> None:
    assert set(CALLS) | {Call.ANY} == set(Call.values)


@pytest.mark.parametrize("name", CALLS)
def test_a_dropped_request_never_arrives(venue: PaperAdapter, name: str) -> None:
    inject_fault(kind="drop_request", call=name)
    before = books()

    with pytest.raises(VenueTimeout):
        CALLS[name](venue)

    assert books() == before
    CALLS[name](venue)


@pytest.mark.parametrize("name", ["submit", "cancel", "replace", "cancel_all"])
def test_a_dropped_reply_leaves_the_venue_with_what_was_asked(venue: PaperAdapter, name: str) -> None:
    inject_fault(kind="drop_reply", call=name)
    before = books()

    with pytest.raises(VenueTimeout):
        CALLS[name](venue)

    after = books()
    assert after != before
    CALLS[name](venue)
    assert books() == after


def test_a_refusal_whose_reply_is_dropped_is_not_heard_but_remembered(venue: PaperAdapter) -> None:
    inject_fault(kind="drop_reply", call="submit")

    with pytest.raises(VenueTimeout):
        venue.submit(make_request("bad", quantity="0.5"))

    found = venue.order_by_client_id("bad")
    assert found is not None
    assert (found.state, found.reject_code) == (VenueOrderState.REJECTED, "ORDER_QUANTITY_STEP")


def test_a_no_whose_reply_is_dropped_is_no_answer(venue: PaperAdapter) -> None:
    inject_fault(kind="drop_reply", call="cancel")

    with pytest.raises(VenueTimeout):
        venue.cancel("nobody's")


def test_a_short_delay_only_costs_time(venue: PaperAdapter, waits: list[float]) -> None:
    inject_fault(kind="delay", delay_ms=1_500)

    assert venue.submit(make_request("two")).state == VenueOrderState.OPEN
    assert waits == [1.5]


def test_no_transaction_is_open_while_a_fault_holds_a_call_up(
    wall: Wall, folder: Path, committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_paper(folder, CLOSES)
    open_paper()
    inject_fault(kind="delay", delay_ms=1_500)
    seen: list[bool] = []
    monkeypatch.setattr(wire, "wait", lambda _: seen.append(connection.in_atomic_block))

    services.adapter_for(make_account()).submit(make_request())

    assert seen == [False]
    assert PaperOrder.objects.count() == 1


@pytest.mark.parametrize("name", ["submit", "cancel", "replace"])
def test_a_request_that_arrives_twice_acts_once(venue: PaperAdapter, name: str) -> None:
    inject_fault(kind="duplicate", call=name)

    answer = CALLS[name](venue)

    assert venue.order_by_client_id(answer.client_order_id) == answer
    assert [order["client_order_id"] for order in books()] == (["one", "two"] if name == "submit" else ["one"])


def test_a_trade_is_reported_twice_within_the_limit(venue: PaperAdapter, wall: Wall) -> None:
    venue.submit(make_request("two"))
    wall.advance(1)
    matching.match_due()
    inject_fault(kind="duplicate", call="trades")

    assert [trade.sequence for trade in venue.trades_since(0, 3)] == [1, 1, 2]
    assert [trade.sequence for trade in venue.trades_since(0, 3)] == [1, 2]


def test_trades_come_out_of_order(venue: PaperAdapter, wall: Wall) -> None:
    venue.submit(make_request("two"))
    wall.advance(1)
    matching.match_due()
    inject_fault(kind="reorder")

    assert [trade.sequence for trade in venue.trades_since(0, 10)] == [2, 1]
    assert [trade.sequence for trade in venue.trades_since(0, 10)] == [1, 2]


def test_an_order_fills_after_its_cancel_was_answered(venue: PaperAdapter) -> None:
    inject_fault(kind="fill_after_cancel")

    answer = venue.cancel("one")

    assert (answer.state, answer.filled_quantity) == (VenueOrderState.CANCELED, 0)
    found = venue.order_by_client_id("one")
    assert found is not None
    assert (found.state, found.filled_quantity, found.average_price) == (VenueOrderState.FILLED, 1, 100)
    assert [trade.quantity for trade in venue.trades_since(0, 10)] == [1]
    check_books()


def test_no_late_fill_goes_short_where_the_venue_has_no_shorts(venue: PaperAdapter, wall: Wall) -> None:
    wall.advance(1)
    matching.match_due()
    venue.submit(make_request("out", side="SELL", order_type="LIMIT", limit_price="500"))
    PaperOrder.objects.filter(client_order_id="out").update(quantity=3)
    inject_fault(kind="fill_after_cancel")

    venue.cancel("out")

    assert venue.positions() == []
    assert PaperOrder.objects.get(client_order_id="out").state == VenueOrderState.CANCELED
    check_books()


def test_an_order_that_had_ended_before_its_cancel_does_not_trade_again(venue: PaperAdapter) -> None:
    venue.cancel("one")
    inject_fault(kind="fill_after_cancel")

    assert venue.cancel("one").state == VenueOrderState.CANCELED
    assert venue.trades_since(0, 10) == []


def test_a_commanded_reject_is_remembered_like_any_other(venue: PaperAdapter) -> None:
    inject_fault(kind="reject", call="submit", code="TOO_BUSY")

    for _ in range(2):
        with pytest.raises(VenueRejected) as rejection:
            venue.submit(make_request("two"))
        assert rejection.value.code == "TOO_BUSY"

    found = venue.order_by_client_id("two")
    assert found is not None
    assert found.state == VenueOrderState.REJECTED


@pytest.mark.parametrize("name", ["cancel", "replace", "lookup", "trades"])
def test_other_calls_are_refused_without_effect(venue: PaperAdapter, name: str) -> None:
    inject_fault(kind="reject", call=name)
    before = books()

    with pytest.raises(VenueRejected) as rejection:
        CALLS[name](venue)

    assert rejection.value.code == "REJECTED_ON_COMMAND"
    assert books() == before


def test_in_an_outage_nothing_answers_until_it_ends(venue: PaperAdapter, wall: Wall) -> None:
    inject_fault(kind="outage", until=wall.now + timedelta(seconds=30))
    before = books()

    for call in CALLS.values():
        with pytest.raises(NoAnswer) as failure:
            call(venue)
        assert failure.value.code == "VENUE_NO_ANSWER"
    assert books() == before

    wall.advance(30)
    assert CALLS["submit"](venue).state == VenueOrderState.OPEN
    assert not PaperFault.objects.filter(is_open=True).exists()


def test_an_outage_stands_before_other_faults_and_spends_none(venue: PaperAdapter) -> None:
    inject_fault(kind="reject")
    inject_fault(kind="outage")

    with pytest.raises(NoAnswer):
        venue.ping()

    assert PaperFault.objects.get(kind="reject").used == 0


def test_a_fault_hits_as_many_calls_as_it_counts_and_only_its_own(venue: PaperAdapter) -> None:
    inject_fault(kind="drop_request", call="ping", count=2)
    outcomes = []

    for _ in range(4):
        venue.balances()
        try:
            venue.ping()
            outcomes.append("answer")
        except VenueTimeout:
            outcomes.append("none")

    assert outcomes == ["none", "none", "answer", "answer"]


def test_a_fault_of_one_account_leaves_the_others_alone(venue: PaperAdapter) -> None:
    other = open_paper(name="somebody-else")
    inject_fault(kind="drop_request", account_name=ACCOUNT, count=None)

    other.ping()
    with pytest.raises(VenueTimeout):
        venue.ping()


def test_two_calls_at_once_never_take_the_same_count(wall: Wall, folder: Path, committed_db: str) -> None:
    venue = open_paper()
    inject_fault(kind="drop_request", call="ping", count=5)
    outcomes: list[bool] = []

    def ping() -> None:
        for _ in range(5):
            try:
                venue.ping()
                outcomes.append(True)
            except VenueTimeout:
                outcomes.append(False)

    work_in_threads(*[ping] * 4)

    assert outcomes.count(False) == 5
    assert PaperFault.objects.get().used == 5
    assert not PaperFault.objects.get().is_open


def test_a_cleared_fault_hits_nothing(venue: PaperAdapter) -> None:
    inject_fault(kind="outage")
    inject_fault(kind="drop_request", account_name=ACCOUNT)

    assert clear_faults(account_name=ACCOUNT) == 1
    with pytest.raises(NoAnswer):
        venue.ping()
    assert clear_faults() == 1
    venue.ping()


@pytest.mark.parametrize("name", CALLS)
def test_without_a_fault_a_call_costs_no_further_query(venue: PaperAdapter, name: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        CALLS[name](venue)

    asked = [query["sql"] for query in queries if "paper_paperfault" in query["sql"]]
    assert len(asked) == 1
    assert "set_config('statement_timeout'" in asked[0]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "earthquake"}, "FAULT_UNKNOWN"),
        ({"kind": "reject", "call": "dance"}, "FAULT_CALL"),
        ({"kind": "reorder", "call": "submit"}, "FAULT_CALL"),
        ({"kind": "duplicate", "call": "any"}, "FAULT_CALL"),
        ({"kind": "fill_after_cancel", "call": "submit"}, "FAULT_CALL"),
        ({"kind": "reject", "count": 0}, "FAULT_COUNT"),
        ({"kind": "delay"}, "FAULT_DELAY"),
        ({"kind": "delay", "delay_ms": 10**9}, "FAULT_DELAY"),
        ({"kind": "reject", "delay_ms": 5}, "FAULT_DELAY"),
        ({"kind": "reject", "account_name": "nobody"}, "ACCOUNT_UNKNOWN"),
    ],
)
@pytest.mark.django_db
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inject_fault(**fields)

    assert refusal.value.code == code
    assert not PaperFault.objects.exists()


@pytest.mark.django_db
def test_where_demos_are_not_allowed_the_venue_never_fails_on_command(settings: Settings) -> None:
    inject_fault(kind="outage")
    settings.DEMO_ALLOWED = False

    for act in (lambda: inject_fault(kind=FaultKind.OUTAGE), clear_faults):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == "DEMO_ONLY"

    assert PaperFault.objects.filter(is_open=True).count() == 1
