"""Letting a gate through that did not pass: one person asks, a second one decides, for a week at most."""

from datetime import timedelta

from apps.access import services as access
from apps.access.models import User
from apps.access.states import ConsentState, Permission
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import locks, states
from apps.common.canonical import digest as digest_of
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused
from apps.releases import selectors
from apps.releases.kinds import KINDS
from apps.releases.models import Gate, GateWaiver
from apps.releases.services.gates import announce
from apps.releases.states import GATE_TRANSITIONS, WAIVABLE_STATES, GateKind, GateState

ACT = "gate.waive"
HOURS_MAX = 24 * 7
OPEN_H = 24


def request_waiver(*, gate: Gate, hours: int, actor: User, reason: str) -> GateWaiver:
    """Ask to let a gate through for `hours` from now; a risk owner who neither asked nor built decides within a day.

    It is bound to what the gate found and to the definition that it was judged by: a new verdict ends it. Raises
    Forbidden PERSON_NEEDED; Invalid WAIVER_HOURS, REASON_MISSING; Refused GATE_NOT_WAIVABLE, WAIVER_OPEN,
    GATE_NOTHING_TO_WAIVE.
    """
    _check(gate, hours, actor, reason)
    now = wall_now()
    with acting(actor, reason):
        row = _locked(gate)
        if row.state not in WAIVABLE_STATES or row.definition is None:
            raise Refused("GATE_NOTHING_TO_WAIVE", f"the gate is {row.state}: only one that did not pass is waived")
        if row.waivers.filter(consent__state=ConsentState.OPEN).exists():
            raise Refused("WAIVER_OPEN", "a waiver of this gate waits for its vote already")
        waiver = GateWaiver(
            gate=row,
            definition=row.definition,
            evidence_digest=row.evidence_digest,
            until=now + timedelta(hours=hours),
        )
        waiver.consent = access.open_consent(
            act=ACT,
            target=waiver,
            scope=row.release.bot.scope,
            digest=_digest(waiver, row),
            slots=[Permission.VOTE_RISK.value],
            excluded=[actor, *selectors.builders(row.release)],
            expires_at=now + timedelta(hours=min(hours, OPEN_H)),
            actor=actor,
            reason=reason,
        )
        waiver.save(force_insert=True)
        announce(row)
    return waiver


def vote_waiver(*, waiver: GateWaiver, actor: User, approve: bool, reason: str, digest: str) -> GateWaiver:
    """Vote on a waiver; when granted the gate is WAIVED in the same transaction.

    Raises what `access.vote` raises; Refused DIGEST_CHANGED when the gate found something else meanwhile.
    """
    with acting(actor, reason):
        gate = _locked(waiver.gate)
        row = locks.row(GateWaiver.objects.select_related("consent", "definition"), waiver.pk)
        row.consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if row.consent.state == ConsentState.GRANTED:
            access.use_consent(consent=row.consent, digest=_digest(row, gate))
            states.move(gate, GateState.WAIVED, GATE_TRANSITIONS, valid_until=row.until)
            after = {"until": row.until.isoformat(), "evidence_digest": row.evidence_digest}
            audit.record("gate.waived", gate, scope_id=gate.release.bot.scope_id, after=after)
        announce(gate)
    return row


def withdraw_waiver(*, waiver: GateWaiver, actor: User, reason: str) -> GateWaiver:
    """Take a waiver back, asked for or granted: a gate that stood on it is expired at once.

    Raises Refused STATE_CONFLICT when it has ended.
    """
    with acting(actor, reason):
        gate = _locked(waiver.gate)
        row = locks.row(GateWaiver.objects.select_related("consent"), waiver.pk)
        was_granted = row.consent.state == ConsentState.GRANTED
        row.consent = access.withdraw_consent(consent=row.consent, actor=actor, reason=reason)
        if was_granted and gate.state == GateState.WAIVED:
            states.move(gate, GateState.EXPIRED, GATE_TRANSITIONS, valid_until=wall_now())
        announce(gate)
    return row


def _check(gate: Gate, hours: int, actor: User, reason: str) -> None:
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person asks for what a second one decides")
    if not KINDS[GateKind(gate.kind)].may_be_waived:
        raise Refused("GATE_NOT_WAIVABLE", f"nobody agrees away what {gate.get_kind_display().lower()} finds: mend it")
    if not 1 <= hours <= HOURS_MAX:
        raise Invalid("WAIVER_HOURS", f"a waiver holds for 1 to {HOURS_MAX} hours", field="hours")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; whoever votes reads it and the audit keeps it")


def _locked(gate: Gate) -> Gate:
    parts = ("code_version", "config_bundle", "parameter_set", "made_by", "bot__scope")
    return locks.row(Gate.objects.select_related("definition", *(f"release__{part}" for part in parts)), gate.pk)


def _digest(waiver: GateWaiver, gate: Gate) -> str:
    """What is agreed to: this verdict of this gate by this definition, read fresh, and until when."""
    return digest_of(
        {
            "gate": str(gate.pk),
            "state": gate.state,
            "message": gate.message,
            "evidence_digest": gate.evidence_digest,
            "definition": str(gate.definition_id),
            "until": waiver.until.isoformat(),
        }
    )
