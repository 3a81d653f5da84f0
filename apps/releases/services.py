"""Making releases and running their gates."""

from datetime import timedelta

from django.db.models import Max

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.bots import schemas
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common import claims, locks, nudges, states
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Refused
from apps.releases import checks
from apps.releases.models import Gate, Release
from apps.releases.states import GATE_TRANSITIONS, GateState

DATA_MODEL_VERSION = 1
GATE_VALID = timedelta(days=7)
ATTEMPTS_MAX = 3


def build_id(code: CodeVersion, config: ConfigBundle, parameters: ParameterSet) -> str:
    """SHA-256 of the RFC 8785 canonical JSON of the triple's digests and the data-model version."""
    return digest(
        {
            "code": code.artifact_sha256,
            "config": config.digest,
            "data_model_version": DATA_MODEL_VERSION,
            "parameters": parameters.digest,
        }
    )


def make_release(
    *,
    bot: Bot,
    code_version: CodeVersion,
    config_bundle: ConfigBundle,
    parameter_set: ParameterSet,
    actor: User,
    reason: str,
) -> Release:
    """The release of a triple; the same triple twice is one release.

    Raises Refused PART_OTHER_BOT, Invalid PARAMETERS_SCHEMA when the parameters do not fit this code.
    """
    if {code_version.bot_id, config_bundle.bot_id, parameter_set.bot_id} != {bot.pk}:
        raise Refused("PART_OTHER_BOT", "code, config and parameters must all be this bot's")
    schemas.check(parameter_set.content, code_version.parameter_schema, "PARAMETERS_SCHEMA")
    identity = build_id(code_version, config_bundle, parameter_set)
    with acting(actor, reason):
        Bot.objects.select_for_update().get(pk=bot.pk)
        same = Release.objects.filter(bot=bot, build_id=identity).first()
        if same is not None:
            return same
        newest = Release.objects.filter(bot=bot).order_by("-number").first()
        top = Release.objects.filter(bot=bot).aggregate(top=Max("number"))["top"] or 0
        release = Release.objects.create(
            bot=bot,
            number=top + 1,
            code_version=code_version,
            config_bundle=config_bundle,
            parameter_set=parameter_set,
            data_model_version=DATA_MODEL_VERSION,
            build_id=identity,
            previous=newest,
            made_by=actor,
        )
        audit.record("release.made", release, scope_id=bot.scope_id, after={"build_id": identity})
    return release


def request_gates(*, release: Release, kinds: list[str], actor: User | str, reason: str) -> list[Gate]:
    """Make the named gates due; one that has passed and is still valid is left as it is."""
    gates = []
    with acting(actor, reason):
        for kind in kinds:
            gate, made = Gate.objects.select_for_update().get_or_create(
                release=release, kind=kind, defaults={"due_at": wall_now()}
            )
            if not made and _is_worn(gate):
                states.move(gate, GateState.PENDING, GATE_TRANSITIONS, due_at=wall_now(), attempts=0, message="")
            gates.append(gate)
        nudges.wake("releases.run_due_gates")
    return gates


def run_gate(gate: Gate) -> Gate:
    """Run a claimed gate to its verdict; what it measured is kept whatever the verdict.

    A crash of the worker leaves the gate RUNNING: the lease ends, another worker starts it again.
    """
    with acting(job("gates"), f"run {gate.kind}"):
        fresh = Gate.objects.select_for_update().get(pk=gate.pk)
        if not claims.is_ours(gate, fresh) or fresh.state not in (GateState.PENDING, GateState.RUNNING):
            return fresh
        states.move(fresh, GateState.RUNNING, GATE_TRANSITIONS)
    release = Release.objects.select_related("bot", "code_version__signer", "config_bundle", "parameter_set").get(
        pk=gate.release_id
    )
    try:
        verdict = checks.run(gate.kind, release, lambda percent: _progress(gate, percent))
    except DomainError as error:
        verdict = checks.Verdict(GateState.ERROR, message=f"{error.code}: {error.message}")
    return _decide(gate, verdict)


def _progress(gate: Gate, percent: int) -> None:
    if claims.extend(gate, lease_s=60):
        Gate.objects.filter(pk=gate.pk).update(progress_percent=percent)


def _decide(gate: Gate, verdict: checks.Verdict) -> Gate:
    evidence = {"kind": gate.kind, "figures": verdict.figures, "thresholds": verdict.thresholds}
    with acting(job("gates"), verdict.message or f"{gate.kind} {verdict.state.value}"):
        fresh = locks.row(Gate.objects.select_related("release__bot"), gate.pk)
        if not claims.is_ours(gate, fresh):
            return fresh
        states.move(
            fresh,
            verdict.state,
            GATE_TRANSITIONS,
            figures=verdict.figures,
            thresholds=verdict.thresholds,
            message=verdict.message,
            backtest=verdict.backtest,
            evidence_digest=digest(evidence),
            progress_percent=100,
            decided_at=wall_now(),
            valid_until=wall_now() + GATE_VALID if verdict.state == GateState.PASSED else None,
            due_at=None,
            lease_until=None,
            lease_owner="",
        )
        audit.record(f"gate.{verdict.state.value}", fresh, scope_id=fresh.release.bot.scope_id, after=verdict.figures)
        nudges.hint("promotions", f"bot:{fresh.release.bot_id}", f"release:{fresh.release_id}")
        nudges.wake("promotions.settle_due")
    return fresh


def give_up(gate: Gate) -> None:
    """A gate whose worker died again and again is an ERROR, which never passes."""
    _decide(gate, checks.Verdict(GateState.ERROR, message="the worker died while running it, repeatedly"))


def is_open(gate: Gate) -> bool:
    """Whether the gate lets through now: passed and not expired."""
    return gate.state == GateState.PASSED and gate.valid_until is not None and gate.valid_until > wall_now()


def _is_worn(gate: Gate) -> bool:
    return gate.state not in (GateState.PENDING, GateState.RUNNING) and not is_open(gate)
