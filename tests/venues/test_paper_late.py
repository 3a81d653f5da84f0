"""Requests that arrive when nobody waits for them any more."""

from decimal import Decimal
from pathlib import Path

import pytest

from apps.venues.adapters.base import ReplaceRequest, VenueOrderState, VenueTimeout
from apps.venues.paper import late, matching, wire
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperLate, PaperOrder
from apps.venues.paper.services import inject_fault
from apps.venues.paper.states import Call
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, list_paper, make_request, open_paper, work_in_threads

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]


@pytest.fixture
def venue(wall: Wall, folder: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> PaperAdapter:
    """A venue whose next submit, cancel or replace takes 8 s, with the open order "one"; waiting moves the wall."""
    list_paper(folder, CLOSES)
    opened = open_paper()
    opened.submit(make_request(order_type="LIMIT", limit_price="80"))
    inject_fault(kind="delay", delay_ms=8_000)
    monkeypatch.setattr(wire, "wait", wall.advance)
    return opened


def test_a_request_past_the_timeout_arrives_later(venue: PaperAdapter, wall: Wall) -> None:
    before = wall.now
    with pytest.raises(VenueTimeout):
        venue.submit(make_request("two", order_type="LIMIT", limit_price="90.5"))

    assert (wall.now - before).total_seconds() == 5
    assert venue.order_by_client_id("two") is None
    wall.advance(2.9)
    matching.match_due()
    assert venue.order_by_client_id("two") is None
    wall.advance(0.1)
    matching.match_due()

    found = venue.order_by_client_id("two")
    assert found is not None
    assert (found.state, found.limit_price) == (VenueOrderState.OPEN, Decimal("90.5"))
    assert not PaperLate.objects.exists()


def test_a_late_cancel_and_a_late_change_find_the_order_as_it_is_by_then(venue: PaperAdapter, wall: Wall) -> None:
    with pytest.raises(VenueTimeout):
        venue.cancel("one")
    inject_fault(kind="delay", delay_ms=9_000)
    with pytest.raises(VenueTimeout):
        venue.replace(ReplaceRequest("one", "BTC-USD", Decimal(1), Decimal(85)))

    wall.advance(10)
    assert late.deliver_due() == 2

    order = PaperOrder.objects.get()
    assert (order.state, order.limit_price) == (VenueOrderState.CANCELED, 80)


def test_an_answer_past_the_timeout_is_no_answer_and_nothing_arrives_of_a_question(venue: PaperAdapter) -> None:
    with pytest.raises(VenueTimeout):
        venue.positions()

    assert not PaperLate.objects.exists()


def test_two_processes_deliver_a_request_once(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, CLOSES)
    open_paper()
    for number in range(10):
        late.hold(account_name=ACCOUNT, call=Call.SUBMIT, request=make_request(str(number)), delay_ms=10)
    wall.advance(1)
    delivered: list[int] = []

    work_in_threads(*[lambda: delivered.append(late.deliver_due())] * 3)

    assert sum(delivered) == PaperOrder.objects.count() == 10
