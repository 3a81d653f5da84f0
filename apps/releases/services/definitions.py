"""Setting what gates are measured against."""

from typing import Any

from apps.access import services as access
from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.bots import schemas
from apps.common.errors import Invalid
from apps.releases import selectors
from apps.releases.kinds import KINDS
from apps.releases.models import GateDefinition
from apps.releases.states import GateKind

VALID_FOR_H_MAX = 24 * 90


def set_definition(
    *, kind: str, thresholds: dict[str, Any], valid_for_h: int, reporter: str, actor: User | str, reason: str
) -> GateDefinition:
    """A new version of what a kind is measured against; older verdicts are worn for whoever asks from now on.

    What was voted on keeps what it was judged by. One person's act with a reason for now: when controls take two
    people, this is one of them. Raises Invalid GATE_KIND_UNKNOWN, GATE_THRESHOLDS, GATE_VALIDITY, GATE_REPORTER,
    REASON_MISSING.
    """
    _check(kind, thresholds, valid_for_h, reporter, reason)
    with acting(actor, reason):
        access.lock_firm()
        before = selectors.newest_definition(kind)
        made = GateDefinition.objects.create(
            kind=kind,
            version=before.version + 1 if before else 1,
            thresholds=thresholds,
            valid_for_h=valid_for_h,
            reporter=reporter,
            set_by=actor_text(actor),
        )
        audit.record("gate_definition.set", made, before=_said(before), after=_said(made))
    return made


def _check(kind: str, thresholds: dict[str, Any], valid_for_h: int, reporter: str, reason: str) -> None:
    if kind not in GateKind.values:
        raise Invalid("GATE_KIND_UNKNOWN", f"kind is one of {', '.join(GateKind.values)}", field="kind")
    known = KINDS[GateKind(kind)]
    schemas.check(thresholds, known.thresholds, "GATE_THRESHOLDS")
    if not 1 <= valid_for_h <= VALID_FOR_H_MAX:
        raise Invalid("GATE_VALIDITY", f"a pass is good for 1 to {VALID_FOR_H_MAX} hours", field="valid_for_h")
    if reporter not in known.reporters:
        raise Invalid("GATE_REPORTER", f"{kind} is reported by {', '.join(known.reporters)}", field="reporter")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why what gates are measured against changes; the audit keeps it")


def _said(row: GateDefinition | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "version": row.version,
        "thresholds": row.thresholds,
        "valid_for_h": row.valid_for_h,
        "reporter": row.reporter,
    }
