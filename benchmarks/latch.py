"""How long the kill switch takes to latch: idle, while a thousand bots fire, with a venue that hangs, and alone."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.db import transaction

from apps.access.models import Scope
from apps.audit.context import acting
from apps.common import claims, locks, nudges
from apps.common.ids import uuid7
from apps.execution import services as execution
from apps.execution.models import Order, OrderEvent
from apps.execution.selectors import below
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.venues import services as venues
from benchmarks import latch_world
from benchmarks.latch_world import DONE_BY, LatchWorld
from benchmarks.lines import Line
from benchmarks.measuring import RUNS, line, say, timed
from benchmarks.product import Bench

PROCESSES = 2
# Latches of every kind of scope a round; 20 make the hundred of each that the reliability goals ask for.
PER_KIND = int(os.environ.get("LATCHES_PER_KIND", "2"))
LOCKS = 50
# A permit from before the latch may be used for this long; a call that starts later is a fault.
PERMIT = timedelta(milliseconds=500)
WATCHED_SECONDS = 0.8
READY_SECONDS_MAX = 120.0
CANCELS = 200
REFERENCE = "one exclusive advisory lock in a transaction"
NOBODY = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Window:
    """While this hold stood, no bot below the scope may have got a permit."""

    scope: Scope
    latched_at: datetime
    released_at: datetime


def run(bench: Bench) -> Iterator[Line]:
    """The answer times of `halt` at every kind of scope, and how fast a halt drains with nobody's help."""
    environment = bench.product()
    say(f"latch: making {latch_world.BOTS} bots")
    world = latch_world.make()
    rounds, references = _rounds(world, None)
    yield from _lines("latch.idle", rounds, references, 250, bench.seed)
    with _alone():
        rounds, references = _rounds(world, None)
        yield from _lines("latch.alone", rounds, references, 250, bench.seed)
        yield _drain(world, bench.seed)
    # Last, since these leave orders and an open circuit behind.
    for name, options, around in (
        ("latch", (), contextlib.nullcontext),
        ("latch.firing_alone", (), _alone),
        ("latch.hung", ("--hang",), contextlib.nullcontext),
    ):
        with around(), _firing(bench, environment, options) as windows:
            rounds, references = _rounds(world, windows)
        yield from _lines(name, rounds, references, 1_000, bench.seed)


def _lines(name: str, rounds: list[list[float]], references: list[float], goal: int, seed: int) -> Iterator[Line]:
    p99 = [quantiles(answers, n=100)[98] for answers in rounds]
    yield line(name, "ms p99", p99, REFERENCE, references, goal=f"value <= {goal}", seed=seed)
    p50 = [median(answers) for answers in rounds]
    yield line(f"{name}.p50", "ms", p50, REFERENCE, references, goal=f"value <= {goal}", seed=seed)


def _rounds(world: LatchWorld, windows: list[Window] | None) -> tuple[list[list[float]], list[float]]:
    """The answer times of every round, and the reference's median beside each; the first round is not counted."""
    rounds, references = [], []
    for _ in range(RUNS + 1):
        references.append(median(_lock_ms() for _ in range(LOCKS)))
        rounds.append(
            [_latch_ms(scope, windows) for scope in world.scopes().values() for _ in range(PER_KIND)],
        )
    return rounds[1:], references[1:]


def _lock_ms() -> float:
    def lock() -> None:
        with transaction.atomic():
            locks.exclusive([uuid7()])

    return timed(lock) * 1000


def _latch_ms(scope: Scope, windows: list[Window] | None) -> float:
    """Halt, watch for a while when bots fire, and let go again."""
    began = time.perf_counter()
    hold = execution.halt(scope=scope, level="HALTED", is_drill=True, is_drained_here=False, **DONE_BY)
    took_ms = (time.perf_counter() - began) * 1000
    if windows is not None:
        time.sleep(WATCHED_SECONDS)
        assert hold.latched_at is not None
        windows.append(Window(scope, hold.latched_at, datetime.now(UTC)))
    risk.end_drill_hold(hold=hold, **DONE_BY)
    return took_ms


@contextlib.contextmanager
def _firing(bench: Bench, environment: dict[str, str], options: tuple[str, ...]) -> Iterator[list[Window]]:
    """Bots fire until the block ends; afterwards what they did is held against the latches.

    Raises RuntimeError for a permit after a latch, or a call that started later than a permit lasts.
    """
    folder = bench.folder() / f"fire-{uuid7().hex}"
    folder.mkdir()
    processes = [_start(folder, number, bench.seed, environment, options) for number in range(PROCESSES)]
    windows: list[Window] = []
    try:
        _await_ready(folder, processes)
        began, before = time.monotonic(), OrderEvent.objects.filter(state="SUBMITTING").count()
        yield windows
        seconds, after = time.monotonic() - began, OrderEvent.objects.filter(state="SUBMITTING").count()
        say(f"latch: {(after - before) / seconds:.0f} permits a second, holds in between")
    finally:
        (folder / "stop").touch()
        codes = [process.wait(timeout=READY_SECONDS_MAX) for process in processes]
    if any(codes):
        raise RuntimeError("a firing process broke off")
    _check_permits(windows)
    _check_calls(windows, folder)


def _start(
    folder: Path, number: int, seed: int, environment: dict[str, str], options: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.latch_fire", str(folder), str(number), str(seed), *options]
    return subprocess.Popen(command, env=os.environ | environment)


def _await_ready(folder: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while len(list(folder.glob("ready-*"))) < PROCESSES:
        if time.monotonic() > deadline or any(process.poll() for process in processes):
            raise RuntimeError("the bots do not fire")
        time.sleep(0.05)


def _check_permits(windows: list[Window]) -> None:
    for window in windows:
        given = OrderEvent.objects.filter(
            state="SUBMITTING", created_at__gt=window.latched_at, created_at__lt=window.released_at
        )
        if Order.objects.filter(below(window.scope), events__in=given).exists():
            raise RuntimeError(f"a permit was given after the latch of {window.scope}")


def _check_calls(windows: list[Window], folder: Path) -> None:
    calls = [tuple(call) for file in folder.glob("calls-*.json") for call in json.loads(file.read_text())]
    say(f"latch: {len(calls)} calls to the venues and {len(windows)} latches are compared")
    for window in windows:
        since, until = (window.latched_at + PERMIT).timestamp(), window.released_at.timestamp()
        late = [UUID(hex=name) for started, name in calls if since < started < until]
        if Order.objects.filter(below(window.scope), client_order_id__in=late).exists():
            raise RuntimeError(f"a call started later than a permit lasts after the latch of {window.scope}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Redis cannot be reached, and no worker runs."""
    before, app = settings.REDIS_URL, nudges.current_app
    settings.REDIS_URL, nudges.current_app = NOBODY, Celery("alone", broker=NOBODY)
    nudges._redis.cache_clear()
    try:
        yield
    finally:
        settings.REDIS_URL, nudges.current_app = before, app
        nudges._redis.cache_clear()


def _drain(world: LatchWorld, seed: int) -> Line:
    """Orders a second that a halt of the firm takes away from this process, the last confirmation included."""
    cancels = [_rest(deployment) for deployment in world.deployments[:CANCELS]]

    def cancel() -> None:
        for order in cancels:
            venues.adapter_for(order.account).cancel(order.client_order_id.hex)

    theirs = CANCELS / timed(cancel)
    say(f"latch: {len(world.deployments)} orders are put at the venue")
    for deployment in world.deployments:
        _rest(deployment)
    hold = execution.halt(scope=world.scopes()["firm"], level="HALTED", is_drill=True, is_drained_here=False, **DONE_BY)
    count = Order.objects.filter(state__in=("ACCEPTED", "PENDING_CANCEL", "UNKNOWN")).count()
    took = timed(lambda: execution.drain_here(hold.pk))
    drained = Hold.objects.get(pk=hold.pk)
    risk.end_drill_hold(hold=hold, **DONE_BY)
    if drained.drain_state != "drained":
        raise RuntimeError(f"{len(drained.left)} orders were left")
    reference = "the venue's own cancels, one after the other"
    return line("latch.drain", "orders/s", [count / took], reference, [theirs], goal="ratio >= 0.5", seed=seed)


def _rest(deployment: latch_world.Deployment) -> Order:
    order = latch_world.order_of(deployment, claims.worker_name(), uuid7())
    with acting(**DONE_BY):
        order.save(force_insert=True)
    execution.send(order)
    order.refresh_from_db()
    if order.state != OrderState.ACCEPTED:
        raise RuntimeError(f"the venue does not hold the order: it is {order.state} {order.codes}")
    return order
