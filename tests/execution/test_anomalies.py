"""Overfills, late fills, busts, strangers' trades: accepted as facts, and each noted exactly once."""

from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution.models import AccountSync, Anomaly, Fill, Order, Position
from apps.execution.services import books
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from apps.venues.paper import drills
from apps.venues.paper.models import PaperAccount
from tests.execution.builders import Floor, together, work_orders
from tests.execution.tape import Tape, play
from tests.execution.test_books import assert_adds_up
from tests.markets.builders import BY


@pytest.fixture
def tape(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """What the venue lists."""
    return play(floor, monkeypatch)


def resting(floor: Floor, quantity: str = "2", **overrides: object) -> Order:
    """An order that works at the venue and that the market does not reach."""
    order = floor.place(order_type="LIMIT", limit_price="97", quantity=quantity, **overrides)
    work_orders()
    return Order.objects.get(pk=order.pk)


def sync(floor: Floor) -> int:
    """Three syncs: what is noted or booked twice would show."""
    booked = sum(execution.sync_account(floor.account) for _ in range(3))
    assert_adds_up()
    return booked


def noted() -> list[tuple[str, str]]:
    """Kind and key of every anomaly, all of them due."""
    assert not Anomaly.objects.filter(due_at__isnull=True).exists()
    return sorted(Anomaly.objects.values_list("kind", "key"))


def held() -> tuple[Decimal, Decimal]:
    """What position and exposure say."""
    return Position.objects.get().quantity, Exposure.objects.get().position


def test_a_fill_beyond_the_quantity_is_booked_and_noted(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    tape.add(order, "2")
    tape.add(order, "1")

    assert sync(floor) == 2

    order.refresh_from_db()
    assert (order.state, order.filled_quantity, order.reserved_quantity) == (OrderState.FILLED, 3, 0)
    assert held() == (3, 3)
    assert noted() == [("overfill", "t-2")]
    anomaly = Anomaly.objects.get()
    assert (anomaly.order_id, anomaly.ours["filled_quantity"], anomaly.theirs["quantity"]) == (order.pk, "2", "1")


@pytest.mark.parametrize("end", ["CANCELED", "EXPIRED", "NOT_SENT", "REJECTED", "DENIED"])
def test_a_fill_after_the_end_is_booked_and_noted(floor: Floor, tape: Tape, end: str) -> None:
    order = resting(floor, "2")
    books.absorb(order, floor.venue.cancel(order.client_order_id.hex), reason="cancelled")
    Order.objects.filter(pk=order.pk).update(state=end)
    tape.add(order, "1")

    assert sync(floor) == 1

    order.refresh_from_db()
    assert (order.state, order.filled_quantity) == (end, 1)
    assert held() == (1, 1)
    assert noted() == [("late_fill", "t-1")]


@pytest.mark.parametrize(("quantity", "state"), [("1", "PARTIALLY_FILLED"), ("2", "FILLED")])
def test_an_order_that_filled_though_we_never_sent_it_is_not_sent_again(
    floor: Floor, tape: Tape, quantity: str, state: str
) -> None:
    """As after a restore: our books are from before the order was sent."""
    order = floor.place(order_type="LIMIT", limit_price="97", quantity="2")
    tape.add(order, quantity)

    assert sync(floor) == 1
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.due_at, held()) == (state, None, (Decimal(quantity), Decimal(quantity)))
    assert noted() == [("unknown_trade", "t-1")]
    assert floor.line.calls.count("submit") == 0


def test_a_fill_that_the_venue_counted_when_it_cancelled_is_none_of_that(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    with acting(**BY):
        row = books.ledger.locked(order)
        books.ledger.advance(row, OrderState.CANCELED, keep_reserved=Decimal(1))
    tape.add(order, "1")

    assert sync(floor) == 1

    assert noted() == []
    assert Order.objects.get().reserved_quantity == 0


def test_a_bust_of_a_filled_order_takes_it_all_back(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    first = tape.add(order, "2", fee=Decimal("0.5"))
    sync(floor)
    bust = tape.bust(first)

    assert sync(floor) == 1

    order.refresh_from_db()
    undone = Fill.objects.get(kind="BUST")
    assert (order.state, order.filled_quantity, order.average_price) == (OrderState.CANCELED, 0, None)
    assert (undone.side, undone.corrects.trade_id, undone.trade_id) == ("SELL", first.trade_id, bust.trade_id)
    assert held() == (0, 0)
    assert Exposure.objects.get().working_buy == 0
    assert noted() == [("bust", bust.trade_id)]


def test_a_bust_of_a_working_order_leaves_the_worst_case_reserved_until_the_venue_ends_it(
    floor: Floor, tape: Tape
) -> None:
    order = resting(floor, "3")
    tape.bust(tape.add(order, "1"))

    sync(floor)

    order.refresh_from_db()
    assert (order.filled_quantity, order.reserved_quantity) == (0, 3)
    assert held() == (0, 0)
    floor.venue.cancel(order.client_order_id.hex)
    sync(floor)
    order.refresh_from_db()
    assert (order.state, order.reserved_quantity) == (OrderState.CANCELED, 0)
    assert Exposure.objects.get().working_buy == 0


def test_a_correction_is_a_bust_and_a_trade(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    tape.bust(tape.add(order, "2", "100"))
    tape.add(order, "2", "99")

    assert sync(floor) == 3

    order.refresh_from_db()
    assert (order.filled_quantity, order.average_price) == (2, 99)
    assert held() == (2, 2)
    assert Position.objects.get().average_price == 99


def test_a_bust_that_is_listed_before_its_trade_waits_for_it(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    trade = tape.add(order, "2")
    bust = tape.bust(trade)
    tape.late = {trade.trade_id}
    assert sync(floor) == 0
    assert not Fill.objects.exists()

    tape.late = set()

    assert sync(floor) == 2
    assert held() == (0, 0)
    assert noted() == [("bust", bust.trade_id)]


def test_a_trade_is_taken_back_once(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "2")
    trade = tape.add(order, "2")
    tape.bust(trade)
    tape.bust(trade)

    sync(floor)

    assert held() == (0, 0)
    assert Fill.objects.filter(kind="BUST").count() == 1
    assert [kind for kind, _ in noted()] == ["bust", "bust"]


def test_a_trade_of_no_order_of_ours_is_noted_and_moves_nothing(floor: Floor, tape: Tape) -> None:
    tape.add(None, "3")

    assert sync(floor) == 0

    assert noted() == [("unknown_trade", "t-1")]
    assert Anomaly.objects.get().ours is None
    assert not Position.objects.exists()


def test_trades_listed_twice_and_in_any_order_are_booked_once(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "4")
    for price in ("100", "101", "102"):
        tape.add(order, "1", price)
    tape.trades = [*reversed(tape.trades), *tape.trades]

    assert sync(floor) == 3

    order.refresh_from_db()
    assert (order.filled_quantity, order.average_price) == (3, 101)
    assert held() == (3, 3)


def test_a_trade_that_is_listed_behind_the_others_is_still_found(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "4")
    behind = tape.add(order, "1")
    tape.add(order, "2")
    tape.late = {behind.trade_id}
    assert sync(floor) == 1

    floor.wall.advance(29)
    tape.late = set()

    assert sync(floor) == 1
    assert held() == (3, 3)


def test_the_cursor_follows_so_that_old_trades_are_not_read_again(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "4")
    tape.add(order, "1")
    tape.add(None, "1")
    sync(floor)
    assert AccountSync.objects.get().cursor == 0

    floor.wall.advance(31)
    sync(floor)

    assert AccountSync.objects.get().cursor == 2


def test_a_rest_that_is_not_wanted_is_cancelled_after_the_first_fill(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "4")
    Order.objects.filter(pk=order.pk).update(remainder="CANCEL")
    tape.add(order, "1")

    execution.sync_account(floor.account)
    order.refresh_from_db()
    assert (order.state, order.cancel_requested) == (OrderState.PENDING_CANCEL, True)
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert floor.line.calls.count("cancel") == 1


def test_a_rest_that_is_wanted_goes_on_working(floor: Floor, tape: Tape) -> None:
    order = resting(floor, "4")
    tape.add(order, "1")

    sync(floor)

    order.refresh_from_db()
    assert (order.state, order.cancel_requested) == (OrderState.PARTIALLY_FILLED, False)


def test_a_sync_keeps_the_accounts_own_cash(floor: Floor) -> None:
    PaperAccount.objects.update(cash=Decimal("1234.5"))

    execution.sync_account(floor.account)

    sync_row = AccountSync.objects.get()
    assert (sync_row.cash, sync_row.cash_at) == (Decimal("1234.5"), floor.wall.now)


def test_a_bust_of_the_paper_venue_leaves_both_books_equal(floor: Floor) -> None:
    floor.hold_position("2")

    drills.inject_bust(account_name=floor.account.name)
    execution.sync_account(floor.account)

    assert floor.venue.positions() == []
    assert held() == (0, 0)
    assert Order.objects.get().state == OrderState.CANCELED


def test_syncs_at_once_note_a_fact_once(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = play(real_floor, monkeypatch)
    order = resting(real_floor, "1")
    tape.bust(tape.add(order, "1"))
    tape.add(order, "2")
    tape.add(None)

    together(*[lambda: execution.sync_account(real_floor.account)] * 4)

    assert [kind for kind, _ in noted()] == ["bust", "late_fill", "overfill", "unknown_trade"]
    assert held() == (2, 2)
    assert Fill.objects.count() == 3
