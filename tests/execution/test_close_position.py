"""A person's way out: sized by the venue's record, never across zero, whatever our own books say."""

from decimal import Decimal

import pytest

from apps.access import services as access
from apps.common.errors import Forbidden, Invalid, Refused
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.markets import services as markets
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues.adapters.base import NoAnswer, VenueTimeout
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY


def close(floor: Floor, **overrides: object) -> Order:
    """A trader leaves."""
    fields = {"deployment": floor.deployment, "actor": floor.trader, "reason": "out"}
    return execution.close_position(**(fields | overrides))


def orders_count() -> int:
    """How many orders there are; a denial adds none."""
    return Order.objects.count()


def test_all_of_it_is_sold(floor: Floor) -> None:
    floor.hold_position("3")

    order = close(floor)

    assert (order.state, order.side, order.quantity) == (OrderState.INITIALIZED, "SELL", 3)
    assert (order.purpose, order.is_reduce_only, order.by_person) == ("EXIT", True, True)


def test_a_flat_position_has_nothing_to_close(floor: Floor) -> None:
    with pytest.raises(Refused) as refused:
        close(floor)

    assert refused.value.code == "POSITION_FLAT"
    assert orders_count() == 0


def test_more_than_is_held_is_refused(floor: Floor) -> None:
    floor.hold_position("3")
    before = orders_count()

    with pytest.raises(Refused) as refused:
        close(floor, quantity=Decimal(4))

    assert (refused.value.code, orders_count()) == ("EXIT_EXCEEDS_POSITION", before)


def test_what_is_being_closed_is_not_closed_again(floor: Floor) -> None:
    floor.hold_position("3")
    close(floor, quantity=Decimal(2))
    work_orders()

    assert close(floor).quantity == 1
    work_orders()
    with pytest.raises(Refused):
        close(floor)


def test_without_a_reason_nothing_happens(floor: Floor) -> None:
    floor.hold_position("1")
    before = orders_count()

    with pytest.raises(Invalid):
        close(floor, reason="  ")

    assert orders_count() == before


def test_no_answer_is_not_flat(floor: Floor) -> None:
    floor.hold_position("1")
    floor.line.fails = {"positions": VenueTimeout("silence")}
    before = orders_count()

    with pytest.raises(NoAnswer):
        close(floor)

    assert orders_count() == before


def test_a_position_that_our_books_have_not_seen_yet_can_be_closed(floor: Floor) -> None:
    floor.place(quantity="3")
    work_orders()
    floor.pass_time(2)
    assert Exposure.objects.get().position == 0

    order = close(floor)
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.quantity) == (OrderState.ACCEPTED, 3)


def test_a_limit_price_is_enough_on_a_stale_feed(floor: Floor) -> None:
    floor.hold_position("2")
    markets.stall_feed(feed=floor.feed, **BY)
    floor.wall.advance(4)

    at_market, at_limit = close(floor), close(floor, limit_price=Decimal("99"))
    work_orders()

    assert at_market.codes == ["PRICE_STALE"]
    assert PaperOrder.objects.get(side="SELL").client_order_id == at_limit.client_order_id.hex


def test_a_resting_protective_order_does_not_stand_in_the_way_under_a_halt(floor: Floor) -> None:
    floor.hold_position("3")
    stop = floor.place(side="SELL", purpose="PROTECTIVE", order_type="STOP", quantity=Decimal(3), stop_price=Decimal(1))
    work_orders()
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    order = close(floor)
    work_orders()

    stop.refresh_from_db()
    order.refresh_from_db()
    assert (stop.state, stop.is_reduce_only) == (OrderState.ACCEPTED, True)
    assert (order.state, order.quantity, order.codes) == (OrderState.ACCEPTED, 3, [])


def test_a_machine_cannot_pass_for_a_person(floor: Floor) -> None:
    floor.hold_position("3")
    before = orders_count()
    machine = access.make_service_account(username="exit-bot", display_name="Exit bot", **BY)

    with pytest.raises(Forbidden) as refused:
        close(floor, actor=machine)

    assert (refused.value.code, orders_count()) == ("PERSON_NEEDED", before)


def test_a_bot_gets_out_past_its_own_resting_stop(floor: Floor) -> None:
    floor.hold_position("3")
    floor.place(side="SELL", purpose="PROTECTIVE", order_type="STOP", quantity=Decimal(3), stop_price=Decimal(1))
    work_orders()

    leaving = floor.place(side="SELL", purpose="EXIT", quantity=Decimal(3))

    assert (leaving.state, leaving.is_reduce_only) == (OrderState.INITIALIZED, True)
