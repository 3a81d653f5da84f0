"""Drills of the kill switch: a duty with a time from which it blocks, run by execution, reported here."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from apps.access.models import Scope, User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.common import claims, locks, nudges, states
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.risk.models import Hold, KillDrill
from apps.risk.states import DRILL_TRANSITIONS, DrillState

ACTOR = job("drill")
# A drill has this long from when it is due; then it is overdue and blocks.
WITHIN = timedelta(hours=1)
AGAIN_S = 900.0


def schedule_drill(*, scope: Scope, actor: User | str, reason: str, due_at: datetime | None = None) -> KillDrill:
    """Make a drill of `scope` due, now or at `due_at`; an hour later it is overdue and blocks promotions.

    A drill that is due later is brought forward. Raises Refused DRILL_OPEN when one is running or due sooner;
    Invalid REASON_MISSING.
    """
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; the audit keeps it")
    due = due_at or wall_now()
    try:
        with acting(actor, reason):
            waiting = KillDrill.objects.select_for_update(of=("self",)).filter(scope=scope, state=DrillState.DUE)
            drill = waiting.filter(due_at__gt=due).first()
            if drill is None:
                drill = KillDrill.objects.create(
                    scope=scope, scheduled_by=actor_text(actor), due_at=due, blocks_from=due + WITHIN
                )
            else:
                drill.due_at, drill.scheduled_by = due, actor_text(actor)
                drill.blocks_from = min(drill.blocks_from, due + WITHIN)
                drill.save(update_fields=["due_at", "blocks_from", "scheduled_by"])
            audit.record("drill.scheduled", drill, scope_id=scope.pk, after={"due_at": due.isoformat()})
            nudges.hint("holds")
            nudges.wake("execution.run_due_drills")
    except IntegrityError as error:
        raise Refused("DRILL_OPEN", f"a drill of {scope} is due sooner or running") from error
    return drill


def begin_drill(*, drill: KillDrill) -> KillDrill:
    """Execution starts a claimed drill. Raises Refused STATE_CONFLICT."""
    with acting(ACTOR, "drill begins"):
        row = _locked(drill)
        states.move(row, DrillState.RUNNING, DRILL_TRANSITIONS, started_at=wall_now())
        audit.record("drill.began", row, scope_id=row.scope_id)
    return row


def note_drill_hold(*, drill: KillDrill, hold: Hold) -> None:
    """Execution has thrown the switch for the drill."""
    with acting(ACTOR, "drill holds"):
        row = _locked(drill)
        row.hold, row.latch_ms = hold, hold.latch_ms
        row.save(update_fields=["hold", "latch_ms"])


def end_drill(*, drill: KillDrill, state: str, message: str, figures: dict[str, Any]) -> KillDrill:
    """Execution reports how the drill ended, PASSED, FAILED or ERROR, and the next one becomes due.

    PASSED counts for settings.DRILL_VALID_D days. FAILED means that the switch did not do what it promises: it
    blocks at once. After FAILED and ERROR there is a CRITICAL alert and another try soon, under the old deadline.
    """
    with acting(ACTOR, message or f"drill {state}"):
        row = _locked(drill)
        now = wall_now()
        changes: dict[str, Any] = {"finished_at": now, "message": message, "figures": figures, "due_at": None}
        if state == DrillState.PASSED:
            changes["valid_until"] = now + timedelta(days=settings.DRILL_VALID_D)
            changes["drain_ms"] = figures.get("drain_ms")
        if state == DrillState.FAILED:
            changes["blocks_from"] = min(row.blocks_from, now)
        states.move(row, state, DRILL_TRANSITIONS, **changes)
        audit.record(f"drill.{state}", row, scope_id=row.scope_id, after={"message": message, **figures})
        _next(row)
        _alert(row)
        nudges.hint("holds")
    claims.settle(drill)
    return row


def _next(row: KillDrill) -> None:
    """The duty goes on: after a pass in its time, after anything else soon."""
    now = wall_now()
    if row.state == DrillState.PASSED:
        blocks_from = now + timedelta(days=settings.DRILL_EVERY_D)
        due_at = blocks_from - WITHIN
    else:
        blocks_from, due_at = row.blocks_from, now + timedelta(seconds=AGAIN_S)
    KillDrill.objects.create(scope=row.scope, scheduled_by=ACTOR, due_at=due_at, blocks_from=blocks_from)


def _alert(row: KillDrill) -> None:
    key = f"kill-drill:{row.scope_id}"
    if row.state == DrillState.PASSED:
        alerts.clear(dedup_key=key, actor=ACTOR, reason="a later drill passed")
        return
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="KILL_DRILL_FAILED",
        title=f"the kill drill of {row.scope} has not passed: {row.message}",
        scope=row.scope,
        target=row,
        dedup_key=key,
        actor=ACTOR,
        reason=row.message or "the drill did not pass",
    )


def _locked(drill: KillDrill) -> KillDrill:
    return locks.row(KillDrill.objects.select_related("scope", "hold"), drill.pk)
