"""Asking for gates, running and deciding them, and their end."""

from datetime import timedelta
from typing import Any

from apps.access import services as access
from apps.access.models import User
from apps.access.states import ConsentState
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import claims, locks, nudges, states
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import DomainError
from apps.releases import checks, selectors
from apps.releases.kinds import KINDS
from apps.releases.models import Gate, Release
from apps.releases.states import GATE_TRANSITIONS, OPEN_STATES, GateKind, GateState, Reporter

ATTEMPTS_MAX = 3
WAITING = (GateState.PENDING, GateState.RUNNING)


def request_gates(
    *, release: Release, kinds: list[str], actor: User | str, reason: str, compared_with: Release | None = None
) -> list[Gate]:
    """Make the named gates due; one that is open and judged by the definition in force is left as it is.

    `compared_with` is what the release would replace; gates that look at it are judged anew for another one. Raises
    Refused GATE_DEFINITION_MISSING.
    """
    gates = []
    with acting(actor, reason):
        for kind in kinds:
            gates.append(_request(release, kind, compared_with))
        nudges.wake("releases.run_due_gates")
        nudges.wake("rollouts.report_due_gates")
    return gates


def _request(release: Release, kind: str, compared_with: Release | None) -> Gate:
    asked: dict[str, Any] = {"definition": selectors.definition_in_force(kind), "due_at": wall_now()}
    if asked["definition"].reporter == Reporter.CI:
        asked["due_at"] = None  # nobody here claims it
    if KINDS[GateKind(kind)].is_compared and compared_with is not None:
        asked["compared_with"] = compared_with
    gate, made = Gate.objects.select_for_update(of=("self",)).get_or_create(release=release, kind=kind, defaults=asked)
    if not made and _is_worn(gate, asked):
        _ask_again(gate, **asked)
    return gate


def _is_worn(gate: Gate, asked: dict[str, Any]) -> bool:
    """Whether a verdict is no answer to what is asked now: not open, by older thresholds, compared with another."""
    if gate.state in WAITING:
        return False
    is_other = "compared_with" in asked and gate.compared_with_id != asked["compared_with"].pk
    return not is_open(gate) or gate.definition_id != asked["definition"].pk or is_other


def _ask_again(gate: Gate, **changes: Any) -> None:
    """A gate begins anew: what was agreed about its last verdict ends."""
    void_waivers(gate, "the gate is judged anew")
    states.move(
        gate,
        GateState.PENDING,
        GATE_TRANSITIONS,
        attempts=0,
        message="",
        progress_percent=0,
        valid_until=None,
        **changes,
    )


def void_waivers(gate: Gate, reason: str) -> None:
    """End every waiver of the gate that waits or stands: it was bound to another verdict."""
    for waiver in gate.waivers.filter(consent__state__in=(ConsentState.OPEN, ConsentState.GRANTED)):
        access.void_consent(consent=waiver.consent, actor=job("gates"), reason=reason)


def run_gate(gate: Gate) -> Gate:
    """Run a claimed gate to its verdict; what it measured is kept whatever the verdict.

    A crash of the worker leaves the gate RUNNING: the lease ends, another worker starts it again.
    """
    with acting(job("gates"), f"run {gate.kind}"):
        fresh = Gate.objects.select_for_update().get(pk=gate.pk)
        if not claims.is_ours(gate, fresh) or fresh.state not in WAITING:
            return fresh
        states.move(fresh, GateState.RUNNING, GATE_TRANSITIONS)
    parts = ("bot", "code_version__signer", "config_bundle", "parameter_set")
    compared = ("compared_with__code_version", "compared_with__config_bundle")
    found = Gate.objects.select_related("definition", *compared, *(f"release__{part}" for part in parts)).get(
        pk=gate.pk
    )
    try:
        verdict = checks.run(found, found.release, lambda percent: _progress(gate, percent))
    except DomainError as error:
        verdict = checks.Verdict(GateState.ERROR, message=f"{error.code}: {error.message}")
    return _decide(gate, verdict)


def _progress(gate: Gate, percent: int) -> None:
    if claims.extend(gate, lease_s=60):
        Gate.objects.filter(pk=gate.pk).update(progress_percent=percent)
        nudges.hint(f"release:{gate.release_id}")


def _decide(gate: Gate, verdict: checks.Verdict) -> Gate:
    with acting(job("gates"), verdict.message or f"{gate.kind} {verdict.state.value}"):
        fresh = locks.row(Gate.objects.select_related("release__bot", "definition"), gate.pk)
        if claims.is_ours(gate, fresh):
            store_verdict(fresh, verdict)
    return fresh


def store_verdict(gate: Gate, verdict: checks.Verdict, report: dict[str, str] | None = None) -> None:
    """Write the verdict of a locked gate that runs, with the digest of all that it rests on."""
    version = gate.definition.version if gate.definition else 0
    evidence = {
        "kind": gate.kind,
        "figures": verdict.figures,
        "thresholds": verdict.thresholds,
        "definition": version,
        "report": report or {},
    }
    valid_for = timedelta(hours=gate.definition.valid_for_h if gate.definition else 0)
    states.move(
        gate,
        verdict.state,
        GATE_TRANSITIONS,
        figures=verdict.figures,
        thresholds=verdict.thresholds,
        message=verdict.message,
        backtest=verdict.backtest,
        report=report,
        evidence_digest=digest(evidence),
        progress_percent=100,
        decided_at=wall_now(),
        valid_until=wall_now() + valid_for if verdict.state == GateState.PASSED else None,
        due_at=None,
        lease_until=None,
        lease_owner="",
    )
    audit.record(f"gate.{verdict.state.value}", gate, scope_id=gate.release.bot.scope_id, after=verdict.figures)
    announce(gate)


def announce(gate: Gate) -> None:
    """Tell pages, and whatever waits for the gate, that it stands otherwise than before."""
    nudges.hint("promotions", f"bot:{gate.release.bot_id}", f"release:{gate.release_id}")
    nudges.wake("promotions.settle_due")


def give_up(gate: Gate) -> None:
    """A gate whose worker died again and again is an ERROR, which never passes."""
    _decide(gate, checks.Verdict(GateState.ERROR, message="the worker died while running it, repeatedly: ask again"))


def is_open(gate: Gate) -> bool:
    """Whether the gate lets through now: passed or waived, and not past its end, whatever a sweep has done."""
    return gate.state in OPEN_STATES and gate.valid_until is not None and gate.valid_until > wall_now()


def expire_gates() -> int:
    """Say of passes and waivers past their end that they are; how many. Nothing relies on it."""
    late = list(Gate.objects.filter(state__in=OPEN_STATES, valid_until__lte=wall_now())[:1000])
    for gate in late:
        with acting(job("expiry"), "its verdict is too old"):
            fresh = locks.row(Gate.objects.select_related("release__bot"), gate.pk)
            if fresh.state in OPEN_STATES and not is_open(fresh):
                states.move(fresh, GateState.EXPIRED, GATE_TRANSITIONS)
                audit.record("gate.expired", fresh, scope_id=fresh.release.bot.scope_id)
                announce(fresh)
    return len(late)
