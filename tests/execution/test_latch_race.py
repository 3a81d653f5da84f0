"""The latch against permits, on two real connections, for every kind of scope."""

import threading
from typing import Any

import pytest

from apps.audit.context import acting
from apps.common import locks
from apps.execution import services as execution
from apps.execution.states import OrderState
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, await_blocked, together, work_orders
from tests.execution.drains import KINDS, scopes_of
from tests.markets.builders import BY


@pytest.mark.parametrize("kind", KINDS)
def test_a_latch_waits_for_a_permit_that_has_read_the_holds_and_lists_it(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    order, scope = real_floor.place(order_type="LIMIT", limit_price="97"), scopes_of(real_floor)[kind]
    has_read, may_go, read = threading.Event(), threading.Event(), risk_state.trading_state

    def slow(scope_ids: Any) -> Any:
        found = read(scope_ids)
        has_read.set()
        assert may_go.wait(timeout=30)
        return found

    monkeypatch.setattr(risk_state, "trading_state", slow)
    real_floor.line.lose_reply = {"submit"}

    def halt() -> Hold:
        assert has_read.wait(timeout=30)
        return execution.halt(scope=scope, level="HALTED", is_drained_here=False, **BY)

    def judge() -> int:
        assert has_read.wait(timeout=30)
        await_blocked()
        latched = Hold.objects.count()
        may_go.set()
        return latched

    _, hold, latched_before = together(work_orders, halt, judge)

    order.refresh_from_db()
    assert latched_before == 0
    assert order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN)
    assert order.send_before is not None
    assert hold.latched_at is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_permit_waits_for_a_latch_and_reads_the_hold_afterwards(real_floor: Floor, kind: str) -> None:
    order, scope, locked = real_floor.place(), scopes_of(real_floor)[kind], threading.Event()

    def latch() -> None:
        with acting(**BY):
            locks.exclusive([scope.pk])
            locked.set()
            await_blocked()
            Hold.objects.create(scope=scope, level="HALTED", reason="race", placed_by="job:tests", epoch=1)

    def work() -> None:
        assert locked.wait(timeout=30)
        work_orders()

    together(latch, work)

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.DENIED, ["HOLD_HALTED"])
    assert not PaperOrder.objects.exists()


def test_the_latch_of_a_real_hold_keeps_permits_out_until_it_has_committed(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, inside, may_commit = real_floor.place(), threading.Event(), threading.Event()
    record = risk.holds.audit.record

    def slow(*args: Any, **kwargs: Any) -> Any:
        if args[0] == "hold.placed":
            inside.set()
            assert may_commit.wait(timeout=30)
        return record(*args, **kwargs)

    monkeypatch.setattr(risk.holds.audit, "record", slow)

    def work() -> None:
        assert inside.wait(timeout=30)
        work_orders()

    def judge() -> None:
        assert inside.wait(timeout=30)
        await_blocked()
        may_commit.set()

    together(lambda: risk.place_hold(scope=real_floor.bot.scope, level="HALTED", **BY), work, judge)

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.DENIED, ["HOLD_HALTED"])
