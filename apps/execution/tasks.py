"""Execution workers: claim due orders, syncs, holds and cycles, and call a service for each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import shared_task

from apps.common import claims
from apps.common.models import Claimable
from apps.execution import services
from apps.execution.models import Cycle, Order
from apps.execution.states import CycleState
from apps.risk.models import Hold, KillDrill
from apps.risk.states import DrainState, DrillState
from apps.runtime import services as runtime

log = structlog.get_logger(__name__)
BATCH = 20
LEASE_S = 15.0
# A venue that does not answer holds a worker for a whole timeout per call; the rest of a batch does not wait.
HELD_UP_S = 2.0
DRILL_LEASE_S = 60.0
# Nothing of an order is ever due further ahead than this, unless the wall clock was set back.
ORDER_AHEAD_S = 120.0


@shared_task(name="execution.send_due_orders")
def send_due_orders() -> None:
    """Send, look up or cancel every due order."""
    claims.wake_stranded(Order.objects.all(), ahead_s=ORDER_AHEAD_S)
    while rows := claims.claim(Order.objects.all(), lease_s=LEASE_S, limit=BATCH):
        _send_batch(rows)


def _send_batch(rows: list[Order]) -> None:
    """Work on claimed orders; when one has held this worker up, others get the rest before its leases run out."""
    started = time.monotonic()
    for number, order in enumerate(rows, start=1):
        with _one("order", order):
            services.send(order)
        if time.monotonic() - started > HELD_UP_S:
            for left in rows[number:]:
                claims.settle(left, due_in_s=0)
            return


@shared_task(name="execution.sync_due_accounts")
def sync_due_accounts() -> None:
    """Book what happened at the venue on every account that is due."""
    services.sync_due_accounts()


@shared_task(name="execution.refresh_references")
def refresh_references() -> None:
    """Ask the venues for their own prices of what is traded there."""
    services.refresh_references()


@shared_task(name="execution.mark_books")
def mark_books() -> None:
    """Value positions and mark the books of all scopes; without it what opens is denied."""
    services.mark_books()


@shared_task(name="execution.restate_days")
def restate_days() -> None:
    """Let days begin with the official marks that are known, and say which marks are missing."""
    services.restate_days()


@shared_task(name="execution.contain_breaches")
def contain_breaches() -> None:
    """Hold what is over a limit though nothing was ordered: a price moved, or the limit came down."""
    services.contain_breaches()


@shared_task(name="execution.expire_sessions")
def expire_sessions() -> None:
    """Apply the dead-man's policy to bots that fell silent."""
    services.expire_sessions()


@contextmanager
def _one(kind: str, row: Claimable) -> Iterator[None]:
    """One row's work: when it goes wrong its lease runs out and it is tried again; it stops no other row."""
    try:
        yield
    except Exception as error:
        log.exception("work.failed", kind=kind, id=str(row.pk), error=type(error).__name__)


@shared_task(name="execution.drain_holds")
def drain_holds() -> None:
    """Cancel the opening orders below every hold that is not drained."""
    waiting = Hold.objects.filter(drain_state=DrainState.PENDING).select_related("scope")
    for hold in claims.claim(waiting, lease_s=LEASE_S, limit=BATCH):
        with _one("hold", hold):
            services.drain_hold(hold)


@shared_task(name="execution.run_due_cycles")
def run_due_cycles() -> None:
    """Say that this worker serves, open the cycles that are missing and run every due one."""
    runtime.report_worker()
    services.open_missing_cycles()
    while rows := claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=LEASE_S):
        with _one("cycle", rows[0]):
            services.run_cycle(rows[0])


@shared_task(name="execution.run_due_drills")
def run_due_drills() -> None:
    """Rehearse the kill switch where it is due; end drills that died while they ran."""
    waiting = KillDrill.objects.filter(state__in=(DrillState.DUE, DrillState.RUNNING)).select_related("scope")
    for drill in claims.claim(waiting, lease_s=DRILL_LEASE_S):
        with _one("drill", drill):
            services.run_drill(drill)


@shared_task(name="execution.export_orders")
def export_orders() -> None:
    """Refresh the file from which the offline tool cancels when the platform is down."""
    services.export_orders()
