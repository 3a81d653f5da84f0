"""The venue's raw report of every trade that is new to us is kept once, redacted, with its booking."""

import json

import pytest

from apps.execution import services as execution
from apps.execution.models import Anomaly, Fill, Order
from apps.execution.services import books
from apps.venues import messages, selectors
from apps.venues.models import VenueMessage
from tests.execution.builders import Floor, work_orders
from tests.execution.tape import Tape, play

CANARY = "canary-3f9a1c77e2"


class Killed(BaseException):
    """The worker's end."""


@pytest.fixture
def tape(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """What the venue lists as trades."""
    return play(floor, monkeypatch)


@pytest.fixture
def order(floor: Floor, tape: Tape) -> Order:
    """An order of 3 that works at the venue."""
    placed = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    return placed


def sync(floor: Floor, times: int = 1) -> None:
    """Ask for the trades so many times."""
    for _ in range(times):
        floor.wall.advance(1)
        execution.sync_account(floor.account)


def reports() -> list[VenueMessage]:
    """What was kept of trades, oldest first."""
    return list(VenueMessage.objects.filter(trade_id__isnull=False).order_by("id"))


def test_the_report_of_a_booked_trade_is_kept_once_however_often_it_is_listed(
    floor: Floor, tape: Tape, order: Order
) -> None:
    tape.add(order, "1", raw={"execId": "x-1", "lastQty": "1.000"})

    sync(floor, 5)

    kept = selectors.messages_of(order.account_id, order.client_order_id).get(trade_id="t-1")
    assert (kept.call, kept.error, kept.account_id) == ("trades_since", "", floor.account.pk)
    assert kept.answer["wire"] == {"execId": "x-1", "lastQty": "1.000"}
    assert (kept.answer["stated"]["trade_id"], kept.answer["stated"]["quantity"]) == ("t-1", "1")
    assert kept.request == {"cursor": 0, "limit": books.TRADES_PER_CALL}
    assert (floor.wall.now - kept.sent_at).total_seconds() == 4
    assert len(reports()) == Fill.objects.count() == 1


def test_every_trade_has_a_report_of_its_own(floor: Floor, tape: Tape, order: Order) -> None:
    tape.add(order, "1")
    sync(floor)
    tape.add(order, "2")
    sync(floor)

    assert [(kept.trade_id, kept.answer["quantity"]) for kept in reports()] == [("t-1", "1"), ("t-2", "2")]


def test_the_report_of_a_trade_that_nobody_knows_is_kept_once(floor: Floor, tape: Tape) -> None:
    tape.add(None, "4")

    sync(floor, 3)

    (kept,) = reports()
    assert (kept.trade_id, kept.client_order_id, kept.answer["quantity"]) == ("t-1", "stranger", "4")
    assert Anomaly.objects.get().key == "t-1"


def test_the_report_of_a_bust_is_kept_once_also_while_it_waits_for_its_trade(
    floor: Floor, tape: Tape, order: Order
) -> None:
    tape.bust(tape.add(order, "1"))
    tape.late = {"t-1"}
    sync(floor, 3)
    assert [kept.trade_id for kept in reports()] == ["t-2"]

    tape.late = set()
    sync(floor, 3)

    assert [kept.trade_id for kept in reports()] == ["t-2", "t-1"]
    assert reports()[0].answer["refers_to"] == "t-1"
    assert {kept.client_order_id for kept in reports()} == {order.client_order_id.hex}


def test_no_secret_in_a_report_is_kept(floor: Floor, tape: Tape, order: Order) -> None:
    tape.add(order, "1", raw={"apiKey": CANARY, "note": f"signature={CANARY}", "price": "100"})

    sync(floor)

    (kept,) = reports()
    assert CANARY not in json.dumps(kept.answer)
    assert kept.answer["wire"]["price"] == "100"


def test_a_booking_that_is_undone_keeps_no_report(
    floor: Floor, tape: Tape, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    tape.add(order, "1")
    with monkeypatch.context() as patch:
        patch.setattr(books, "_advance_filled", killed)
        with pytest.raises(Killed):
            sync(floor)
    assert reports() == []

    sync(floor)

    assert len(reports()) == 1


def test_a_report_that_cannot_be_written_costs_no_booking_and_is_logged(
    floor: Floor, tape: Tape, order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    tape.add(order, "1", raw={"text": "a\x00b"})

    sync(floor)

    assert (Fill.objects.get().trade_id, reports()) == ("t-1", [])
    assert "venue.message_lost" in caplog.text
    assert order.client_order_id.hex in caplog.text


def test_of_a_report_without_end_the_beginning_is_kept(floor: Floor, tape: Tape, order: Order) -> None:
    tape.add(order, "1", raw={"rows": ["x" * 100] * 10_000})

    sync(floor)

    (kept,) = reports()
    assert len(kept.answer["wire"]) == messages.TEXT_MAX
