"""What a person asks for goes out from the process that was asked: no worker runs in these tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.execution import services as execution
from apps.execution.models import Fill, Order
from apps.execution.services import closing
from apps.execution.services.orders import Swept
from apps.execution.states import OrderState
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, together, work_orders
from tests.execution.drains import running
from tests.markets.builders import BY


@pytest.fixture
def resting(real_floor: Floor) -> Order:
    """An order that rests at the venue."""
    order = real_floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    return order


def at_venue(order: Order) -> PaperOrder:
    """The order in the venue's own books."""
    return PaperOrder.objects.get(client_order_id=order.client_order_id.hex)


def state_of(order: Order) -> str:
    """What our books say now."""
    return Order.objects.get(pk=order.pk).state


def test_a_persons_exit_is_at_the_venue_when_the_call_returns(real_floor: Floor) -> None:
    real_floor.place(quantity="2")
    work_orders()
    real_floor.pass_time(1)
    execution.sync_account(real_floor.account)
    assert Fill.objects.count() == 1

    order = execution.close_position(deployment=real_floor.deployment, actor=real_floor.trader, reason="get out")

    assert (at_venue(order).side, at_venue(order).quantity) == ("SELL", Decimal(2))
    assert order.state == OrderState.ACCEPTED  # the answer is the order as it is now


def test_a_persons_cancel_is_at_the_venue_when_the_call_returns(real_floor: Floor, resting: Order) -> None:
    execution.cancel_by_hand(order=resting, actor=real_floor.trader, reason="in the way")

    assert at_venue(resting).state == "canceled"
    assert state_of(resting) == OrderState.CANCELED


def test_a_machines_cancel_waits_for_a_worker(real_floor: Floor, resting: Order) -> None:
    machine = access.make_service_account(username="alpha-machine", display_name="Alpha", **BY)

    execution.cancel_by_hand(order=resting, actor=machine, reason="in the way")

    assert at_venue(resting).state == "open"
    assert state_of(resting) == OrderState.PENDING_CANCEL


def test_a_persons_cancel_without_an_answer_stays_due(real_floor: Floor, resting: Order) -> None:
    real_floor.line.lose_request.add("cancel")

    execution.cancel_by_hand(order=resting, actor=real_floor.trader, reason="in the way")

    assert at_venue(resting).state == "open"
    row = Order.objects.get(pk=resting.pk)
    assert (row.state, row.cancel_requested) == (OrderState.PENDING_CANCEL, True)
    assert row.due_at is not None


def test_a_worker_and_the_persons_process_cancel_once(real_floor: Floor, resting: Order) -> None:
    real_floor.line.calls.clear()

    together(
        lambda: execution.cancel_by_hand(order=resting, actor=real_floor.trader, reason="in the way"),
        *[work_orders] * 3,
    )
    work_orders()

    assert real_floor.line.calls.count("cancel") == 1
    assert state_of(resting) == OrderState.CANCELED


def test_a_persons_cancel_of_an_order_in_doubt_looks_it_up_and_cancels_it(real_floor: Floor) -> None:
    order = real_floor.place(order_type="LIMIT", limit_price="97")
    real_floor.line.lose_reply.add("submit")
    work_orders()
    real_floor.line.lose_reply.clear()
    assert state_of(order) == OrderState.UNKNOWN
    real_floor.wall.advance(30)

    execution.cancel_by_hand(order=order, actor=real_floor.trader, reason="in the way")

    assert at_venue(order).state == "canceled"
    assert state_of(order) == OrderState.CANCELED


def test_where_too_many_wait_for_venues_a_cancel_is_left_to_the_workers(
    real_floor: Floor, resting: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(closing, "_sending", taken)

    execution.cancel_by_hand(order=resting, actor=real_floor.trader, reason="in the way")

    assert at_venue(resting).state == "open"
    assert Order.objects.get(pk=resting.pk).due_at is not None


def test_a_third_cancel_of_many_waits_for_its_turn(
    real_floor: Floor, resting: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, has_turn = threading.Event(), threading.Event()

    @contextmanager
    def turn() -> Iterator[None]:
        waits.set()
        assert has_turn.wait(timeout=30)
        yield

    monkeypatch.setattr(closing, "_sweeping", turn())

    swept = sweep(real_floor, real_floor.trader)
    is_waiting, waited = waits.wait(timeout=30), at_venue(resting).state
    has_turn.set()
    join_sweeps()

    assert [order.pk for order in swept.asked] == [resting.pk]
    assert (is_waiting, waited, at_venue(resting).state) == (True, "open", "canceled")


def sweep(floor: Floor, actor: User) -> Swept:
    """Cancel everything that opens."""
    return execution.cancel_all_by_hand(scope=floor.bot.scope, purposes=["OPENING"], actor=actor, reason="all of it")


def join_sweeps() -> None:
    """Wait until the threads that send cancels have ended."""
    for thread in threading.enumerate():
        if thread.name.startswith("cancel-"):
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_a_persons_cancel_of_all_goes_out_from_the_process_that_was_asked(real_floor: Floor, resting: Order) -> None:
    other = real_floor.place(order_type="LIMIT", limit_price="97.01")
    work_orders()

    swept = sweep(real_floor, real_floor.trader)
    join_sweeps()

    assert {order.pk for order in swept.asked} == {resting.pk, other.pk}
    for order in (resting, other):
        assert (at_venue(order).state, state_of(order)) == ("canceled", OrderState.CANCELED)


def test_the_answer_to_a_cancel_of_all_waits_for_no_venue(
    real_floor: Floor, resting: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, cancel = threading.Event(), PaperAdapter.cancel

    def hangs(*args: Any) -> Any:
        assert answers.wait(timeout=30)
        return cancel(*args)

    monkeypatch.setattr(PaperAdapter, "cancel", hangs)
    sweep(real_floor, real_floor.trader)
    assert at_venue(resting).state == "open"

    answers.set()
    join_sweeps()

    assert at_venue(resting).state == "canceled"


def test_a_cancel_of_all_without_an_answer_is_asked_again(real_floor: Floor, resting: Order) -> None:
    real_floor.line.lose_request.add("cancel")
    with running(real_floor.wall):
        sweep(real_floor, real_floor.trader)
        deadline = time.monotonic() + 20
        while "cancel" not in real_floor.line.calls:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        real_floor.line.lose_request.clear()
        join_sweeps()

    assert (at_venue(resting).state, state_of(resting)) == ("canceled", OrderState.CANCELED)


def test_what_could_not_be_sent_in_time_stays_due(real_floor: Floor, resting: Order) -> None:
    execution.cancel_all(scope=real_floor.bot.scope, purposes=["OPENING"], actor=real_floor.trader, reason="all of it")

    closing.send_cancels([resting.pk], seconds_max=0)

    assert at_venue(resting).state == "open"
    assert Order.objects.get(pk=resting.pk).due_at is not None


def test_a_machines_cancel_of_all_waits_for_a_worker(real_floor: Floor, resting: Order) -> None:
    machine = access.make_service_account(username="alpha-machine", display_name="Alpha", **BY)

    sweep(real_floor, machine)
    join_sweeps()

    assert (at_venue(resting).state, state_of(resting)) == ("open", OrderState.PENDING_CANCEL)
