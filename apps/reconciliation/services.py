"""Asking for runs, running them, and what becomes of the breaks they find."""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from apps.access.models import User
from apps.alerts import selectors as alerting
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import claims, locks, states
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Invalid, Unavailable
from apps.common.nudges import hint, wake
from apps.execution import services as execution
from apps.execution.models import Anomaly
from apps.reconciliation import books, rules, selectors
from apps.reconciliation.models import Break, ReconciliationRun
from apps.reconciliation.states import (
    BREAK_TRANSITIONS,
    NOTED,
    RUN_TRANSITIONS,
    BreakState,
    RunState,
    Severity,
)
from apps.venues import services as venues
from apps.venues.adapters.base import Adapter, VenueBusy, VenueDown
from apps.venues.models import Account

log = structlog.get_logger(__name__)
LEASE_S = 120.0
RUNS_MAX = 20
BREAKS_MAX = 1000
JOB = job("reconciliation")
TIERS = {Severity.CRITICAL: Tier.CRITICAL, Severity.HIGH: Tier.HIGH}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run found, and how much it compared."""

    differences: list[rules.Difference]
    orders: int
    fills: int
    positions: int


def request_run(*, account: Account, trigger: str, actor: User | str, reason: str) -> ReconciliationRun:
    """The account's one due run: made now, or the one that is due already."""
    asked = ReconciliationRun(account=account, trigger=trigger, due_at=wall_now())
    with acting(actor, reason):
        due = None
        while due is None:  # the due run may end between the two statements
            ReconciliationRun.objects.bulk_create([asked], ignore_conflicts=True)
            due = ReconciliationRun.objects.filter(account=account, state=RunState.DUE).first()
        if due.pk == asked.pk:
            audit.record("reconciliation.requested", due, scope_id=account.scope_id, after={"trigger": trigger})
        wake("reconciliation.run_due")
        hint("reconciliation")
    return due


def schedule_runs() -> int:
    """Ask for a run of every account whose last one is too long ago or that met an anomaly; how many."""
    accounts = selectors.accounts_to_reconcile()
    for account in accounts:
        request_run(account=account, trigger="schedule", actor=JOB, reason="regular comparison")
    noted = [account for account in selectors.accounts_with_anomalies() if account not in accounts]
    for account in noted:
        request_run(account=account, trigger="anomaly", actor=JOB, reason="the venue stated what no order explains")
    return len(accounts) + len(noted)


def run_due() -> int:
    """Claim and run what is due, one at a time so that no lease waits; how many."""
    for done in range(RUNS_MAX):
        claimed = claims.claim(
            ReconciliationRun.objects.filter(state=RunState.DUE).select_related("account__venue"),
            lease_s=LEASE_S,
        )
        if not claimed:
            return done
        run(run=claimed[0])
    return RUNS_MAX


def run(*, run: ReconciliationRun) -> ReconciliationRun:
    """Compare both books of the run's account: CLEAN, BROKEN, or FAILED when either could not be read.

    Not inside a transaction: it asks the venue. A difference counts when a second look a moment later
    shows it too. Running the same run twice changes nothing the second time.
    """
    started = time.monotonic()
    try:
        found = _compare(run)
    except VenueDown as error:
        return _fail(run, error, started)
    except VenueBusy as error:
        claims.settle(run, due_in_s=error.retry_in_s)
        return run
    except Exception as error:
        log.exception("reconciliation.failed", account=run.account.name, error=type(error).__name__)
        return _fail(run, error, started)
    return _finish(run, found, started)


def _compare(run: ReconciliationRun) -> Comparison:
    account = run.account
    adapter = venues.adapter_for(account)
    ours, theirs = _snapshot(account, adapter)
    differences = rules.compare(ours, theirs)
    if differences:
        time.sleep(settings.RECONCILE_CONFIRM_S)
        if run.lease_owner and not claims.extend(run, lease_s=LEASE_S):
            raise Unavailable("LEASE_LOST", "another worker has taken this run")
        ours, theirs = _snapshot(account, adapter)
        differences = rules.confirm(differences, rules.compare(ours, theirs))
    return Comparison(
        differences,
        orders=len(ours.orders.keys() | theirs.orders.keys()),
        fills=len(ours.fills.keys() | theirs.fills.keys()),
        positions=len(ours.positions.keys() | theirs.positions.keys()),
    )


def _snapshot(account: Account, adapter: Adapter) -> tuple[rules.Books, rules.Books]:
    """Both books, ours after booking what the venue has traded, so that a fill on its way is no break."""
    books.patiently(lambda: execution.sync_account(account))
    theirs = books.theirs(adapter)
    return books.ours(account), theirs


def _fail(run: ReconciliationRun, error: Exception, started: float) -> ReconciliationRun:
    """Nothing is known of the account: neither clean nor flat; its open breaks stay."""
    code = error.code if isinstance(error, DomainError) else type(error).__name__
    with acting(JOB, "the books could not be compared"):
        fresh = _locked(run)
        if fresh is None:
            return run
        noted = _note_anomalies(fresh)
        _end(fresh, RunState.FAILED, started, message=code, breaks_found=noted)
        account = fresh.account
        alerts.raise_alert(
            tier=Tier.HIGH,
            code="RECONCILIATION_FAILED",
            title=f"{account.name} could not be reconciled: {code}",
            scope=account.scope,
            target=fresh,
            dedup_key=_failure_key(account),
            actor=JOB,
            reason="the venue or our record could not be read",
        )
    return fresh


def _finish(run: ReconciliationRun, found: Comparison, started: float) -> ReconciliationRun:
    with acting(JOB, "both books compared"):
        fresh = _locked(run)
        if fresh is None:
            return run
        _resolve_gone(fresh, found.differences)
        noted = _note_anomalies(fresh)
        for difference in found.differences[:BREAKS_MAX]:
            _note(fresh, difference)
        left_out = max(0, len(found.differences) - BREAKS_MAX)
        _end(
            fresh,
            RunState.BROKEN if found.differences or noted else RunState.CLEAN,
            started,
            orders_compared=found.orders,
            fills_compared=found.fills,
            positions_compared=found.positions,
            breaks_found=len(found.differences) + noted,
            message=f"{left_out} more breaks are not listed" if left_out else "",
        )
        alerts.clear(dedup_key=_failure_key(fresh.account), actor=JOB, reason="reconciled again")
    return fresh


def _locked(run: ReconciliationRun) -> ReconciliationRun | None:
    """The run's locked row, unless it has ended or another worker has taken it."""
    fresh = locks.row(ReconciliationRun.objects.select_related("account__scope"), run.pk)
    return fresh if fresh.state == RunState.DUE and claims.is_ours(run, fresh) else None


def _end(run: ReconciliationRun, state: RunState, started: float, **changes: Any) -> None:
    states.move(
        run,
        state,
        RUN_TRANSITIONS,
        finished_at=wall_now(),
        duration_ms=int((time.monotonic() - started) * 1000),
        due_at=None,
        lease_owner="",
        lease_until=None,
        **changes,
    )
    after = {"state": state, "breaks": run.breaks_found}
    audit.record(f"reconciliation.{state.value}", run, scope_id=run.account.scope_id, after=after)
    hint("reconciliation", "alerts")


def _note(run: ReconciliationRun, difference: rules.Difference) -> None:
    """Open a break, or see one again that is open."""
    account = run.account
    severity = Severity.CRITICAL if difference.is_critical else Severity.HIGH
    seen, is_new = Break.objects.update_or_create(
        account=account,
        kind=difference.kind.value,
        key=difference.key,
        state=BreakState.OPEN,
        defaults={"last_run": run, "ours": difference.ours, "theirs": difference.theirs},
        create_defaults={
            "first_run": run,
            "last_run": run,
            "severity": severity,
            "ours": difference.ours,
            "theirs": difference.theirs,
            "owner": selectors.owner_of(account),
        },
    )
    if is_new:
        both = {"ours": difference.ours, "theirs": difference.theirs}
        audit.record("break.opened", seen, scope_id=account.scope_id, after=both)
    if not alerting.is_standing(_break_key(seen)):
        _alert(seen)


def _note_anomalies(run: ReconciliationRun) -> int:
    """Make a break of every due anomaly of the account, each exactly once; how many."""
    due = Anomaly.objects.select_for_update().filter(account=run.account, due_at__isnull=False)
    anomalies = list(due.order_by("pk")[:BREAKS_MAX])
    for anomaly in anomalies:
        _note(run, rules.Difference(rules.Kind(anomaly.kind), anomaly.key, anomaly.ours, anomaly.theirs))
    settled = Anomaly.objects.filter(pk__in=[anomaly.pk for anomaly in anomalies])
    settled.update(due_at=None, lease_owner="", lease_until=None)
    return len(anomalies)


def _alert(seen: Break) -> None:
    """Tell people, again too when somebody closed the alert while the books still differ."""
    alerts.raise_alert(
        tier=TIERS[Severity(seen.severity)],
        code="RECONCILIATION_BREAK",
        title=f"{seen.account.name}: {seen.get_kind_display().lower()} ({seen.key})",
        scope=seen.account.scope,
        target=seen,
        detail={"ours": seen.ours, "theirs": seen.theirs},
        dedup_key=_break_key(seen),
        actor=JOB,
        reason="our record and the venue's differ",
    )


def _resolve_gone(run: ReconciliationRun, differences: list[rules.Difference]) -> None:
    """Close the open breaks that this comparison no longer shows."""
    standing = {(found.kind.value, found.key) for found in differences}
    opened = Break.objects.select_for_update(of=("self",)).filter(account=run.account, state=BreakState.OPEN)
    for old in opened.exclude(kind__in=NOTED).order_by("pk"):
        if (old.kind, old.key) not in standing:
            resolve_break(break_=old, resolution="no longer differs", actor=JOB, reason="both books agree")


def resolve_break(*, break_: Break, resolution: str, actor: User | str, reason: str) -> Break:
    """Close a break with what was done about it; one that still differs is opened anew by the next run.

    Raises Invalid RESOLUTION_MISSING, Refused STATE_CONFLICT.
    """
    if not resolution.strip():
        raise Invalid("RESOLUTION_MISSING", "say what was done about the break", field="resolution")
    with acting(actor, reason):
        fresh = locks.row(Break.objects.select_related("account"), break_.pk)
        states.move(fresh, BreakState.RESOLVED, BREAK_TRANSITIONS, resolution=resolution, resolved_at=wall_now())
        audit.record("break.resolved", fresh, scope_id=fresh.account.scope_id, after={"resolution": resolution})
        alerts.clear(dedup_key=_break_key(fresh), actor=actor, reason=reason)
        hint("reconciliation")
    return fresh


def _break_key(seen: Break) -> str:
    return f"break:{seen.account_id}:{seen.kind}:{seen.key}"


def _failure_key(account: Account) -> str:
    return f"reconciliation-failed:{account.pk}"
