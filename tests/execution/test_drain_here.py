"""The drain in the process that halts: without Redis, without workers, never in the way of the latch."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from pytest_django import Settings

from apps.common import nudges
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution.models import Order, OrderEvent
from apps.execution.services import draining
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from tests import databases
from tests.execution.builders import Floor, work_orders
from tests.execution.drains import join, running
from tests.markets.builders import BY

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis is at a port that nobody serves."""
    settings.REDIS_URL = NOBODY
    monkeypatch.setattr(nudges, "_blocked_until", 0.0)
    monkeypatch.setattr(nudges, "current_app", Celery("alone", broker=NOBODY))
    nudges._redis.cache_clear()
    yield
    nudges._redis.cache_clear()


def rest(floor: Floor, count: int = 1) -> list[Order]:
    """Opening orders that rest at the venue."""
    made = [floor.place(order_type="LIMIT", limit_price=f"97.{number:02}") for number in range(count)]
    work_orders()
    assert PaperOrder.objects.filter(state="open", order_type="LIMIT").count() == count
    return made


def await_canceled(count: int) -> None:
    """Return when the venue has cancelled so many orders."""
    deadline = time.monotonic() + 20
    while PaperOrder.objects.filter(state="canceled").count() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_halt_drains_with_neither_redis_nor_workers(real_floor: Floor, no_redis: None) -> None:
    real_floor.hold_position("2")
    guard = real_floor.place(side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97")
    opening = rest(real_floor)[0]

    with running(real_floor.wall):
        hold = join(execution.halt(scope=real_floor.bot.scope, level="HALTED", **BY))

    states = {order.pk: Order.objects.get(pk=order.pk).state for order in (opening, guard)}
    assert states == {opening.pk: OrderState.CANCELED, guard.pk: OrderState.ACCEPTED}
    assert {order.state for order in PaperOrder.objects.filter(client_order_id=opening.client_order_id.hex)} == {
        "canceled"
    }
    assert (hold.drain_state, hold.left) == ("drained", [])
    assert hold.drain_ms is not None
    assert hold.drain_ms > 0


def test_the_answer_waits_for_neither_redis_nor_the_venue(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    rest(real_floor)
    gate, cancel = threading.Event(), PaperAdapter.cancel

    def hung(adapter: PaperAdapter, client_order_id: str) -> object:
        assert gate.wait(timeout=30)
        return cancel(adapter, client_order_id)

    monkeypatch.setattr(PaperAdapter, "cancel", hung)
    monkeypatch.setattr(risk, "announce_hold", lambda: gate.wait(timeout=30))

    with running(real_floor.wall):
        hold = execution.halt(scope=real_floor.bot.scope, level="HALTED", **BY)
        answered_before = not gate.is_set()
        gate.set()
        drained = join(hold)

    assert answered_before
    assert hold.latched_at is not None
    assert drained.drain_state == "drained"


def test_the_drain_never_sends_a_new_order(real_floor: Floor) -> None:
    unsent = real_floor.place(order_type="LIMIT", limit_price="97")

    with running(real_floor.wall):
        hold = join(execution.halt(scope=real_floor.bot.scope, level="HALTED", **BY))

    unsent.refresh_from_db()
    assert (unsent.state, hold.drain_state) == (OrderState.CANCELED, "drained")
    assert not OrderEvent.objects.filter(state="SUBMITTING").exists()
    assert not PaperOrder.objects.exists()


def test_an_order_that_cannot_be_cancelled_now_is_not_sent_instead(
    real_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsent = real_floor.place(order_type="LIMIT", limit_price="97")
    hold = execution.halt(scope=real_floor.bot.scope, level="HALTED", is_drained_here=False, **BY)

    def refuse(**_: object) -> None:
        raise Refused("LATER", "not now")

    monkeypatch.setattr(draining.orders, "cancel", refuse)
    with running(real_floor.wall):
        left = execution.drain_here(hold.pk, seconds_max=1)

    unsent.refresh_from_db()
    assert left is not None
    assert (unsent.state, left.drain_state) == (OrderState.INITIALIZED, "pending")


def test_a_hung_venue_keeps_no_other_order_open(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One order whose cancel hangs occupies one of the venue's turns; the others go on."""
    stuck, *others = rest(real_floor, 6)
    gate, cancel = threading.Event(), PaperAdapter.cancel

    def hung(adapter: PaperAdapter, client_order_id: str) -> object:
        if client_order_id == stuck.client_order_id.hex:
            assert gate.wait(timeout=30)
        return cancel(adapter, client_order_id)

    monkeypatch.setattr(PaperAdapter, "cancel", hung)
    monkeypatch.setattr(draining, "CALLS_PER_VENUE", 6)

    with running(real_floor.wall):
        hold = execution.halt(scope=real_floor.bot.scope, level="HALTED", **BY)
        await_canceled(len(others))
        is_open = not gate.is_set() and PaperOrder.objects.filter(state="open").count()
        gate.set()
        drained = join(hold)

    assert (is_open, drained.drain_state) == (1, "drained")
    assert not PaperOrder.objects.filter(state="open").exists()


def test_a_released_hold_is_drained_no_further(real_floor: Floor) -> None:
    rest(real_floor)
    hold = execution.halt(scope=real_floor.bot.scope, level="HALTED", is_drill=True, is_drained_here=False, **BY)
    risk.end_drill_hold(hold=hold, **BY)

    with running(real_floor.wall):
        left = execution.drain_here(hold.pk, seconds_max=20)

    assert left is not None
    assert (left.state, left.drain_state) == ("released", "pending")
    assert PaperOrder.objects.get().state == "open"


def test_a_drain_that_is_killed_is_taken_up_by_another_process(real_floor: Floor, committed_db: str) -> None:
    opening = rest(real_floor, 9)
    command = [
        sys.executable, str(ROOT / "manage.py"), "halt", f"bot:{real_floor.bot.name}",
        "--reason", "runaway", "--actor", real_floor.trader.username, "--wait",
    ]  # fmt: skip
    environment = os.environ | {"DATABASE_URL": databases.url_of(committed_db), "REDIS_URL": NOBODY}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT) as halting:
        assert halting.stdout is not None
        said = json.loads(halting.stdout.readline())
        os.kill(halting.pid, signal.SIGKILL)
    hold = Hold.objects.get(pk=said["hold"])
    assert hold.latched_at is not None

    # Whatever the killed process had claimed is free again once its lease is over.
    real_floor.wall.now = hold.latched_at
    with running(real_floor.wall, ahead_s=60):
        drained = execution.drain_here(hold.pk, seconds_max=60)

    assert drained is not None
    assert drained.drain_state == "drained"
    assert {Order.objects.get(pk=order.pk).state for order in opening} == {OrderState.CANCELED}
    assert not PaperOrder.objects.filter(state="open").exists()
