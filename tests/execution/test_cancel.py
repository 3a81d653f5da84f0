"""Cancelling: from every state, under a hold, and with a venue that does not answer."""

from datetime import timedelta

import pytest

from apps.audit.models import Record
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues.adapters.base import VenueRejected
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, trade_in_parts, work_orders
from tests.markets.builders import BY


def resting(floor: Floor, **overrides: object) -> Order:
    """An order that works at the venue."""
    order = floor.place(order_type="LIMIT", limit_price="97", **overrides)
    work_orders()
    return Order.objects.get(pk=order.pk)


def cancel(floor: Floor, order: Order) -> Order:
    """A trader asks for it."""
    return execution.cancel(order=order, actor=floor.trader, reason="not wanted")


def test_an_unsent_order_is_cancelled_without_the_venue(floor: Floor) -> None:
    order = floor.place()

    cancel(floor, order)
    work_orders()

    order.refresh_from_db()
    assert (order.state, floor.line.calls) == (OrderState.CANCELED, [])
    assert Exposure.objects.get().working_buy == 0


def test_a_resting_order_is_pending_until_the_venue_says(floor: Floor) -> None:
    order = resting(floor)

    assert cancel(floor, order).state == OrderState.PENDING_CANCEL
    assert Exposure.objects.get().working_buy == 1
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert Exposure.objects.get().working_buy == 0
    assert Record.objects.get(act="order.cancel_asked").actor == f"user:{floor.trader.pk}"


def test_a_cancel_without_an_answer_is_asked_again(floor: Floor) -> None:
    order = resting(floor)
    cancel(floor, order)
    floor.line.lose_request = {"cancel"}
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.PENDING_CANCEL

    floor.line.lose_request = set()
    floor.wall.advance(1)
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED


def test_a_cancel_that_the_venue_refuses_is_looked_up(floor: Floor) -> None:
    order = resting(floor)
    cancel(floor, order)
    floor.venue.cancel(order.client_order_id.hex)
    floor.line.fails = {"cancel": VenueRejected("TOO_LATE")}

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED


def test_an_order_in_doubt_is_cancelled_when_the_doubt_ends(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = resting(floor)
    assert order.state == OrderState.UNKNOWN
    cancel(floor, order)

    for _ in range(3):
        floor.wall.advance(1)
        work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert PaperOrder.objects.get().state == "canceled"


def test_a_cancel_asked_in_doubt_survives_a_fill_and_a_dead_worker(floor: Floor) -> None:
    """A part fills and is booked before anybody looked the order up; whoever was to do so holds no lease any more."""
    floor.line.lose_reply = {"submit"}
    order = floor.place(quantity="5")
    trade_in_parts()
    work_orders()
    cancel(floor, order)
    Order.objects.filter(pk=order.pk).update(lease_owner="dead:1", lease_until=floor.wall.now + timedelta(hours=1))
    floor.pass_time(1)
    execution.sync_account(floor.account)
    order.refresh_from_db()
    assert (order.state, order.due_at) == (OrderState.PENDING_CANCEL, floor.wall.now)

    floor.wall.advance(1)
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, 2)


def test_an_ended_order_stays_as_it_is(floor: Floor) -> None:
    floor.hold_position("1")
    order = Order.objects.get()

    assert cancel(floor, order).state == OrderState.FILLED
    assert not Record.objects.filter(act="order.cancel_asked").exists()


@pytest.mark.parametrize("is_in_doubt", [False, True])
def test_a_protective_order_is_guarded_while_a_hold_stands(floor: Floor, is_in_doubt: bool) -> None:
    floor.hold_position("2")
    floor.line.lose_reply = {"submit"} if is_in_doubt else set()
    order = floor.place(side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97")
    work_orders()
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    with pytest.raises(Refused) as refused:
        cancel(floor, order)

    order.refresh_from_db()
    assert refused.value.code == "PROTECTIVE_GUARDED"
    assert not order.cancel_requested
    assert order.state == (OrderState.UNKNOWN if is_in_doubt else OrderState.ACCEPTED)


def test_a_protective_order_may_go_when_no_hold_stands(floor: Floor) -> None:
    floor.hold_position("2")
    order = floor.place(side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97")
    work_orders()

    assert cancel(floor, order).state == OrderState.PENDING_CANCEL
