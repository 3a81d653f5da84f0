"""From an accepted order to the venue's acknowledgement, through a worker, against a task that does nothing."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from statistics import median, quantiles

import redis
from django.conf import settings
from django.db import connection

from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.venues.paper import services as paper
from benchmarks import gateway_world
from benchmarks.gateway import ticking
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, say
from benchmarks.noop import DONE
from benchmarks.product import Bench
from controlplane.celery import app
from controlplane.supervisor.installation import ROOT

ORDERS = 100
WAIT_S = 60.0
REFERENCE = "round trip of a task that does nothing, same worker and broker"
WORKER = ("-A", "controlplane", "--quiet", "worker", "-Q", "orders", "-P", "solo", "-I", "benchmarks.noop")
_cents = count()


def run(bench: Bench) -> Iterator[Line]:
    """Median and p99 of both; the paper venue answers as fast as it can, one worker serves the queue."""
    environment = bench.product()
    deployment = _world()
    with _worker(environment), ticking():
        _noops(5)
        ours, theirs = alternate(_submits(deployment), lambda: _noops(ORDERS))
    for name, figure, goal in (("submit", median, "ratio <= 3"), ("submit.p99", _p99, "none: shown beside the median")):
        measured, reference = [[figure(one) for one in side] for side in (ours, theirs)]
        yield line(name, "ms", measured, REFERENCE, reference, goal=goal, seed=bench.seed)


def _p99(found: list[float]) -> float:
    return quantiles(found, n=100)[98]


def _world() -> Deployment:
    """One bot with an account that the paper venue knows."""
    if not Deployment.objects.exists():
        gateway_world.make(bots=1)
    deployment = execution.orders.loaded(Deployment.objects.order_by("id")[0].pk)
    paper.open_account(name=deployment.account.name, currency="USD", opening_cash="1000000000")
    paper.list_market(feed=Feed.objects.select_related("dataset", "instrument").get(), simulation={})
    return deployment


@contextlib.contextmanager
def _worker(environment: dict[str, str]) -> Iterator[None]:
    """One worker of the orders queue, with the no-op beside the product's tasks."""
    say("submit: a worker starts")
    worker = subprocess.Popen([sys.executable, "-m", "celery", *WORKER], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(timeout=30)


def _noops(number: int) -> list[float]:
    """Milliseconds of each round trip."""
    broker, found = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2 * WAIT_S), []
    broker.delete(DONE)
    for _ in range(number):
        started = time.perf_counter()
        app.send_task("benchmarks.noop", queue="orders", ignore_result=True)
        if broker.blpop([DONE], timeout=int(WAIT_S)) is None:
            raise RuntimeError("the worker did not run the task")
        found.append((time.perf_counter() - started) * 1000)
    return found


def _submits(deployment: Deployment) -> Callable[[], list[float]]:
    return lambda: [_submit(deployment) for _ in range(ORDERS)]


def _submit(deployment: Deployment) -> float:
    """Milliseconds from the commit of an accepted order until it is acknowledged, each at another price."""
    bar = markets.last_bar(deployment.feed)
    assert bar is not None
    price = (bar.close * Decimal("0.9")).quantize(Decimal("0.01")) + Decimal(next(_cents)) / 100
    ticket = execution.Ticket(
        deployment=deployment,
        instrument=deployment.instrument,
        side="BUY",
        quantity=deployment.instrument.lot_size,
        order_type="LIMIT",
        limit_price=price,
        purpose="OPENING",
    )
    order = execution.place(ticket=ticket, actor=gateway_world.DONE_BY["actor"], reason="to be measured")
    started = time.perf_counter()
    if order.state != OrderState.INITIALIZED:
        raise RuntimeError(f"the order was {order.state}: {order.codes}")
    _await(order)
    return (time.perf_counter() - started) * 1000


def _await(order: Order) -> None:
    """Return when the order is acknowledged."""
    until = time.monotonic() + WAIT_S
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT state FROM execution_order WHERE id = %s", [order.pk])
            (state,) = cursor.fetchone()
            if state == OrderState.ACCEPTED:
                return
            if state not in (OrderState.INITIALIZED, OrderState.SUBMITTING):
                raise RuntimeError(f"the order became {state}")
    raise RuntimeError("the venue did not acknowledge the order in time")
