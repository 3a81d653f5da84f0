"""Draining: a halt takes opening orders away, keeps protective ones, and says so only when it is true."""

from apps.audit.context import acting
from apps.execution import tasks
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, make_bot, work_orders
from tests.markets.builders import BY


def halt(floor: Floor) -> Hold:
    """A halt of the bot."""
    return risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)


def drain(floor: Floor) -> Hold:
    """One sweep of the drain, half a second on."""
    tasks.drain_holds()
    floor.wall.advance(0.5)
    return Hold.objects.get()


def test_opening_orders_go_and_protective_ones_stay(floor: Floor) -> None:
    floor.hold_position("2")
    opening = floor.place(order_type="LIMIT", limit_price="97")
    guard = floor.place(side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97")
    work_orders()
    unsent = floor.place()
    halt(floor)

    drain(floor)
    work_orders()
    hold = drain(floor)

    states = {order.pk: Order.objects.get(pk=order.pk).state for order in (opening, guard, unsent)}
    assert states == {
        opening.pk: OrderState.CANCELED,
        guard.pk: OrderState.ACCEPTED,
        unsent.pk: OrderState.CANCELED,
    }
    assert (hold.drain_state, hold.drained_at is None, hold.due_at) == ("drained", False, None)


def test_a_hold_is_not_drained_while_an_order_may_be_at_the_venue(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    halt(floor)

    assert drain(floor).drain_state == "pending"
    floor.line.lose_request = {"cancel"}
    for _ in range(6):
        work_orders()
        assert drain(floor).drain_state == "pending"
        assert drain(floor).drained_at is None
    assert PaperOrder.objects.get().state == "open"

    floor.line.lose_request = set()
    floor.wall.advance(1)
    work_orders()
    hold = drain(floor)

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert hold.drain_state == "drained"
    assert PaperOrder.objects.get().state == "canceled"


def test_a_halt_without_orders_is_drained_at_once(floor: Floor) -> None:
    halt(floor)

    assert drain(floor).drain_state == "drained"


def test_reducing_takes_no_order_away(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    hold = drain(floor)

    order.refresh_from_db()
    assert (hold.drain_state, order.state) == ("not_needed", OrderState.ACCEPTED)


def test_a_hold_elsewhere_takes_nothing_of_ours(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    with acting(**BY):
        other = make_bot(floor.account, "other")
    risk.place_hold(scope=other.scope, level="HALTED", **BY)

    drain(floor)

    order.refresh_from_db()
    assert (order.state, order.cancel_requested) == (OrderState.ACCEPTED, False)
