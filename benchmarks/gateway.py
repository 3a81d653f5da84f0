"""Durable accepted orders through the API, every control on, against one INSERT and commit."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from statistics import quantiles

import psycopg
from django.db import connection

from apps.execution.models import Order
from apps.execution.states import OrderState
from benchmarks import clients, gateway_world, web
from benchmarks.clients import Answers
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, say
from benchmarks.product import VAR, Bench

SECONDS = 5.0
TICK_SECONDS = 1.0
REFERENCE = "bare Django view with one INSERT and commit, same server and clients"


def run(bench: Bench) -> Iterator[Line]:
    """Accepted orders a second and their p99 with 16 clients and 100 bots; no worker sends them on."""
    environment = bench.product()
    with psycopg.connect(environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(web.BARE_TABLE_SQL)
    say(f"gateway: making {gateway_world.BOTS} bots")
    token, bodies = gateway_world.make()
    headers = {"Authorization": f"Bearer {token}"}
    with (
        web.serving(web.product_command(environment, VAR), VAR, "/healthz") as port,
        web.serving(web.bare_command(environment, VAR), VAR, "/") as bare_port,
        ticking(),
    ):
        ours, theirs = alternate(
            _load(port, "/api/v1/orders/", headers, bodies, bench.seed),
            _load(bare_port, "/", {}, bodies, bench.seed),
        )
    _check_durable(ours)
    for name, unit, figure, goal in (
        ("gateway", "orders/s", _rate, "ratio >= 0.2"),
        ("gateway.p99", "ms", _p99, "ratio <= 10"),
    ):
        measured, reference = [[figure(one) for one in side] for side in (ours, theirs)]
        yield line(name, unit, measured, REFERENCE, reference, goal=goal, seed=bench.seed)


def _load(port: int, path: str, headers: dict[str, str], bodies: list[str], seed: int) -> Callable[[], Answers]:
    return lambda: clients.drive(port, path, headers, bodies, seconds=SECONDS, seed=seed)


def _rate(answers: Answers) -> float:
    return len(answers.accepted_ms) / SECONDS


def _p99(answers: Answers) -> float:
    return quantiles(answers.accepted_ms, n=100)[98]


def _check_durable(ours: list[Answers]) -> None:
    """What was answered as accepted is in the database, waiting to be sent."""
    answered = sum(len(answers.accepted_ms) for answers in ours)
    stored = Order.objects.filter(state=OrderState.INITIALIZED, due_at__isnull=False).count()
    if stored < answered or Order.objects.exclude(state=OrderState.INITIALIZED).exists():
        raise RuntimeError(f"{answered} orders were accepted, {stored} are stored and due")


@contextlib.contextmanager
def ticking() -> Iterator[None]:
    """Keep the feed's clock, the venue's prices, cash and the books fresh, as beat and workers do."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(TICK_SECONDS):
            gateway_world.keep_fresh()
        connection.close()

    gateway_world.keep_fresh()
    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
