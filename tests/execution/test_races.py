"""Real connections against each other: limits, ids, permits and holds."""

import threading
from collections import Counter
from decimal import Decimal
from uuid import uuid4

from apps.audit.context import acting
from apps.common import locks
from apps.execution import services as execution
from apps.execution.models import AccountSync, Fill, Order, OrderEvent, Position
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure, Hold, Limit
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.execution.builders import Floor, await_blocked, together, work_orders
from tests.markets.builders import BY


def test_the_last_unit_of_a_limit_is_given_once(real_floor: Floor) -> None:
    for bound in (5, 8, 9):
        with acting(**BY):
            Limit.objects.filter(kind="position").update(value=Decimal(bound))

        placed = together(*[real_floor.place] * 16)

        allowed = bound - (0 if bound == 5 else {8: 5, 9: 8}[bound])
        assert Counter(order.state for order in placed) == {"INITIALIZED": allowed, "DENIED": 16 - allowed}
        assert Exposure.objects.get().working_buy == bound
        assert {tuple(order.codes) for order in placed if order.codes} == {("POSITION_ABOVE_LIMIT",)}


def test_the_same_client_order_id_at_once_is_one_order(real_floor: Floor) -> None:
    name = uuid4()

    placed = together(*[lambda: real_floor.place(client_order_id=name)] * 8)

    assert len({order.pk for order in placed}) == 1
    assert Order.objects.count() == 1
    assert Exposure.objects.get().working_buy == 1


def test_one_order_and_many_workers_is_one_order_at_the_venue(real_floor: Floor) -> None:
    order = real_floor.place()

    together(*[lambda: execution.send(order)] * 8)

    assert OrderEvent.objects.filter(order=order, state="SUBMITTING").count() == 1
    assert PaperOrder.objects.count() == 1


def test_after_a_hold_was_placed_no_permit_is_given(real_floor: Floor) -> None:
    """Whoever places the hold counts the permits on return; there must never be one more."""
    for _ in range(3):
        for _ in range(8):
            real_floor.place()
        counted = []

        def halt(counted: list[int] = counted) -> Hold:
            hold = risk.place_hold(scope=real_floor.bot.scope, level="HALTED", **BY)
            counted.append(OrderEvent.objects.filter(state="SUBMITTING").count())
            return hold

        hold = together(halt, *[work_orders] * 4)[0]
        while work_orders():
            continue

        assert OrderEvent.objects.filter(state="SUBMITTING").count() == counted[0]
        assert PaperOrder.objects.count() == counted[0]
        assert not Order.objects.filter(state="INITIALIZED").exists()
        release(hold)
        drop_orders()


def release(hold: Hold) -> None:
    """Lift it by hand."""
    with acting(**BY):
        Hold.objects.filter(pk=hold.pk).update(state="released")


def drop_orders() -> None:
    """Cancel what works, so that the next round has the whole limit."""
    for order in Order.objects.exclude(state__in=["DENIED", "CANCELED"]):
        execution.cancel(order=order, **BY)
    work_orders()


def test_a_hold_waits_for_a_permit_that_is_being_written(real_floor: Floor) -> None:
    scope, writes, may_commit = real_floor.bot.scope, threading.Event(), threading.Event()

    def permit() -> None:
        with acting(**BY):
            locks.shared(scope.lineage)
            writes.set()
            may_commit.wait(timeout=30)

    def hold() -> bool:
        writes.wait(timeout=30)
        risk.place_hold(scope=scope, level="HALTED", **BY)
        return may_commit.is_set()

    def judge() -> None:
        await_blocked()
        assert not Hold.objects.exists()
        may_commit.set()

    assert together(permit, hold, judge)[1]
    assert Hold.objects.get().latched_at is not None


def test_a_permit_waits_for_a_hold_that_is_being_placed_and_sees_it(real_floor: Floor) -> None:
    order, scope, locked = real_floor.place(), real_floor.bot.scope, threading.Event()

    def hold() -> None:
        with acting(**BY):
            locks.exclusive([scope.pk])
            locked.set()
            await_blocked()
            Hold.objects.create(scope=scope, level="HALTED", reason="race", placed_by="job:tests", epoch=1)

    def work() -> None:
        locked.wait(timeout=30)
        work_orders()

    together(hold, work)

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.DENIED, ["HOLD_HALTED"])
    assert not PaperOrder.objects.exists()


def test_two_exits_at_once_do_not_cross_zero_at_the_venue(real_floor: Floor) -> None:
    """Our books show more than the venue holds; only its record may size what leaves."""
    real_floor.hold_position("2")
    with acting(**BY):
        Exposure.objects.update(position=Decimal(4))
    exits = [real_floor.place(side="SELL", quantity="2", purpose="EXIT") for _ in range(2)]

    together(*[lambda order=order: execution.send(order) for order in exits])

    states = sorted(Order.objects.get(pk=order.pk).state for order in exits)
    assert states == ["ACCEPTED", "DENIED"]
    assert PaperOrder.objects.filter(side="SELL").count() == 1


def test_trades_are_booked_once_by_syncs_at_once(real_floor: Floor) -> None:
    for _ in range(4):
        real_floor.place()
    work_orders()
    real_floor.pass_time(2)
    assert PaperTrade.objects.count() == 4

    booked = together(*[lambda: execution.sync_account(real_floor.account)] * 6)

    assert sum(booked) == 4
    assert Fill.objects.count() == 4
    assert (Position.objects.get().quantity, Exposure.objects.get().position) == (4, 4)
    assert Exposure.objects.get().working_buy == 0
    real_floor.wall.advance(31)
    assert sum(together(*[lambda: execution.sync_account(real_floor.account)] * 6)) == 0
    assert AccountSync.objects.get().cursor == 4
