"""Our books follow the venue's: each trade once, in any order of events, and exposure always adds up."""

from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import AccountSync, Fill, Order, Position
from apps.execution.services import books
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from apps.venues.adapters.base import NoAnswer, VenueRejected
from apps.venues.paper import drills
from apps.venues.paper.models import PaperTrade
from tests.execution.builders import Floor, states_of, trade_in_parts, work_orders
from tests.execution.tape import play
from tests.markets.builders import BY


class Killed(BaseException):
    """The worker's end."""


def sync(floor: Floor) -> int:
    """Sync once and check that exposure is what orders and fills say."""
    booked = execution.sync_account(floor.account)
    assert_adds_up()
    return booked


def assert_adds_up() -> None:
    """The exposure row equals its rebuild."""
    for before in Exposure.objects.all():
        after = execution.rebuild_exposure(exposure=before)
        assert (after.position, after.working_buy, after.working_sell) == (
            before.position,
            before.working_buy,
            before.working_sell,
        )


def test_a_fill_moves_order_position_and_exposure(floor: Floor) -> None:
    order = floor.place(quantity="3")
    work_orders()
    floor.pass_time(2)

    assert sync(floor) == 1

    order.refresh_from_db()
    fill, exposure, position = Fill.objects.get(), Exposure.objects.get(), Position.objects.get()
    assert (order.state, order.filled_quantity, order.average_price) == (OrderState.FILLED, 3, fill.price)
    assert (exposure.position, exposure.working_buy, order.reserved_quantity) == (3, 0, 0)
    assert (position.quantity, position.average_price) == (3, fill.price)


def test_the_same_trades_again_change_nothing(floor: Floor) -> None:
    floor.hold_position("2")
    with acting(**BY):
        AccountSync.objects.update(cursor=0)

    assert sync(floor) == 0

    assert Fill.objects.count() == 1
    assert Exposure.objects.get().position == 2


def test_exposure_adds_up_at_every_step_of_partial_fills(floor: Floor) -> None:
    trade_in_parts()
    order = floor.place(quantity="5")
    assert_adds_up()
    work_orders()
    assert_adds_up()

    seen = []
    for _ in range(5):
        floor.pass_time(1)
        sync(floor)
        order.refresh_from_db()
        seen.append((str(order.state), int(order.filled_quantity), int(Exposure.objects.get().working_buy)))

    assert seen[:3] == [("PARTIALLY_FILLED", 2, 3), ("PARTIALLY_FILLED", 4, 1), ("FILLED", 5, 0)]
    assert sum(fill.quantity for fill in order.fills.all()) == 5


def test_a_fill_that_follows_the_cancel_is_booked(floor: Floor) -> None:
    """The venue says cancelled with 2 of 5 filled before we have booked the 2."""
    trade_in_parts()
    order = floor.place(quantity="5")
    work_orders()
    floor.pass_time(1)
    execution.cancel(order=order, actor=floor.trader, reason="enough")
    work_orders()
    order.refresh_from_db()
    assert (order.state, order.filled_quantity, order.reserved_quantity) == (OrderState.CANCELED, 0, 2)
    assert Exposure.objects.get().working_buy == 2
    assert_adds_up()

    assert sync(floor) == 1

    order.refresh_from_db()
    assert (order.state, order.filled_quantity, order.reserved_quantity) == (OrderState.CANCELED, 2, 0)
    assert (Exposure.objects.get().position, Exposure.objects.get().working_buy) == (2, 0)


def test_a_fill_booked_before_the_answer_keeps_the_venues_id(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place()
    work_orders()
    floor.pass_time(2)

    sync(floor)

    order.refresh_from_db()
    assert order.state == OrderState.FILLED
    assert order.venue_order_id == str(PaperTrade.objects.get().order_id)


@pytest.mark.parametrize("end", ["NOT_SENT", "REJECTED", "DENIED", "EXPIRED"])
def test_a_trade_of_an_order_that_we_gave_up_is_booked_and_stops_no_sync(floor: Floor, end: str) -> None:
    order = floor.place()
    work_orders()
    with acting(**BY):
        Order.objects.filter(pk=order.pk).update(state=end, reserved_quantity=0)
        Exposure.objects.update(working_buy=0)
    floor.pass_time(2)

    assert sync(floor) == 1

    order.refresh_from_db()
    assert order.state == OrderState.FILLED
    assert (Exposure.objects.get().position, Position.objects.get().quantity) == (1, 1)


def test_the_rest_of_an_order_that_filled_unsent_is_cancelled(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    order = floor.place(quantity="3", remainder="CANCEL")
    play(floor, monkeypatch).add(order)

    sync(floor)

    order.refresh_from_db()
    assert (order.state, order.cancel_requested, order.due_at is None) == (OrderState.PENDING_CANCEL, True, False)


@pytest.mark.parametrize("step", ["_advance_filled", "_move_position"])
def test_a_worker_killed_between_the_steps_of_a_booking_loses_nothing(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    floor.place(quantity="2")
    work_orders()
    floor.pass_time(2)

    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(books, step, killed)
        with pytest.raises(Killed):
            execution.sync_account(floor.account)
    assert not Fill.objects.exists()
    assert (AccountSync.objects.get().cursor, Exposure.objects.get().position) == (0, 0)

    assert sync(floor) == 1
    assert (Position.objects.get().quantity, Exposure.objects.get().position) == (2, 2)


def test_a_foreign_trade_is_left_out_and_the_cursor_moves_once_it_is_old(floor: Floor) -> None:
    floor.hold_position("1")
    drills.inject_trade(
        account_name=floor.account.name, symbol="BTC-USD", side="BUY", quantity=Decimal(3), price=Decimal(100)
    )

    assert sync(floor) == 0

    assert Position.objects.get().quantity == 1
    assert AccountSync.objects.get().cursor == 0
    floor.wall.advance(31)
    assert sync(floor) == 0
    assert AccountSync.objects.get().cursor == 2


def test_an_order_that_expired_at_the_venue_ends_here(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97", time_in_force="DAY")
    work_orders()

    floor.pass_time(26)
    sync(floor)

    order.refresh_from_db()
    assert (order.state, Exposure.objects.get().working_buy) == (OrderState.EXPIRED, 0)


def test_a_profit_is_realised_at_the_exit(floor: Floor) -> None:
    floor.hold_position("2")
    bought = Fill.objects.get().price
    floor.place(side="SELL", quantity="2", purpose="EXIT", is_reduce_only=True)
    work_orders()
    floor.pass_time(2)

    sync(floor)

    sold, position = Fill.objects.get(side="SELL").price, Position.objects.get()
    assert (position.quantity, position.realised_pnl) == (0, (sold - bought) * 2)


@pytest.mark.parametrize("error", [NoAnswer("silence"), VenueRejected("ACCOUNT_UNKNOWN"), RuntimeError("a bug")])
def test_a_sync_without_an_answer_backs_off_and_recovers(floor: Floor, error: Exception) -> None:
    tasks.sync_due_accounts()
    waits = []
    floor.line.fails = {"open_orders": error}
    for _ in range(7):
        due_at = AccountSync.objects.get().due_at
        floor.wall.now = due_at
        tasks.sync_due_accounts()
        waits.append(int((AccountSync.objects.get().due_at - due_at).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert AccountSync.objects.get().failures == 7

    floor.line.fails = {}
    floor.wall.now = AccountSync.objects.get().due_at
    tasks.sync_due_accounts()

    assert AccountSync.objects.get().failures == 0
    assert (AccountSync.objects.get().due_at - floor.wall.now).total_seconds() == 1


def test_the_steps_of_an_order_are_its_history(floor: Floor) -> None:
    order = floor.place()
    work_orders()
    floor.pass_time(2)
    sync(floor)

    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "ACCEPTED", "FILLED"]
    assert list(order.events.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4]
