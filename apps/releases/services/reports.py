"""What CI and apps above report of a gate: checked by schema, and judged here."""

from typing import Any

from apps.access.models import User
from apps.audit.context import acting, actor_text
from apps.bots import schemas
from apps.common import locks, states
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Refused
from apps.releases import checks
from apps.releases.checks.found import Found, bounds
from apps.releases.kinds import KINDS
from apps.releases.models import Gate
from apps.releases.services.gates import store_verdict, void_waivers
from apps.releases.states import GATE_TRANSITIONS, GateKind, GateState, Reporter


def report_gate(
    *,
    gate: Gate,
    actor: User | str,
    reason: str,
    figures: dict[str, Any] | None = None,
    error: str = "",
    tool: str = "",
    uri: str = "",
    evidence_sha256: str = "",
) -> Gate:
    """Judge what a service account of CI, or a job of an app above, has measured; a newer report replaces an older.

    The thresholds of the gate's definition decide, never the caller; `error` says why nothing was measured, and never
    passes. A waiver of the verdict before ends. Raises Forbidden REPORT_BY_PERSON; Refused GATE_OTHER_REPORTER when
    its definition names another one; Invalid GATE_FIGURES.
    """
    reporter = _reporter(actor)
    kind = KINDS[GateKind(gate.kind)]
    if not error:
        schemas.check(figures, kind.figures, "GATE_FIGURES")
    report = {"by": actor_text(actor), "tool": tool, "uri": uri, "sha256": evidence_sha256}
    with acting(actor, reason):
        row = locks.row(Gate.objects.select_related("release__bot", "definition"), gate.pk)
        if row.definition is None or row.definition.reporter != reporter:
            raise Refused(
                "GATE_OTHER_REPORTER", f"{row.get_kind_display()} is not reported this way: see its definition"
            )
        verdict = _judged(row, figures or {}, error)
        _start(row)
        store_verdict(row, verdict, report)
    return row


def _reporter(actor: User | str) -> Reporter:
    """A job of ours speaks for an app above, a service account for CI; a person measures nothing."""
    if isinstance(actor, str):
        return Reporter.FLOOR
    if not actor.is_service:
        raise Forbidden("REPORT_BY_PERSON", "only a service account reports a gate: a person may ask for a waiver")
    return Reporter.CI


def _judged(gate: Gate, figures: dict[str, Any], error: str) -> checks.Verdict:
    if error:
        return checks.Verdict(GateState.ERROR, {}, bounds(gate), error)
    return checks.judge(gate.kind, Found(figures, bounds(gate)))


def _start(gate: Gate) -> None:
    """A report begins a new verdict, whatever stood there."""
    if gate.state not in (GateState.PENDING, GateState.RUNNING):
        void_waivers(gate, "a newer report of the gate came")
        states.move(gate, GateState.PENDING, GATE_TRANSITIONS, due_at=wall_now(), valid_until=None)
    states.move(gate, GateState.RUNNING, GATE_TRANSITIONS)
