"""Accepting the run that later backtests of a bot are compared with."""

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import locks, nudges
from apps.common.errors import Forbidden, Invalid, Refused
from apps.releases import rules, selectors
from apps.releases.checks.runs import simulator
from apps.releases.models import Baseline, Gate
from apps.releases.states import GateKind
from apps.runtime.models import Backtest


def accept_baseline(*, gate: Gate, actor: User, reason: str) -> Baseline:
    """Make the run of a backtest gate the baseline of its bot on its dataset, whether or not it passed.

    The run must hold the floors. Raises Forbidden BASELINE_BY_BUILDER, PERSON_NEEDED; Refused BASELINE_NO_RUN,
    BASELINE_BELOW_FLOORS, BASELINE_OLD_SIMULATOR; Invalid REASON_MISSING.
    """
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person accepts a baseline")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why this run is the measure of later ones; the audit keeps it")
    with acting(actor, reason):
        row, run = _checked(gate, actor)
        accepted = Baseline.objects.create(
            bot=row.release.bot,
            dataset=run.dataset,
            backtest=run,
            simulator=simulator(),
            accepted_by=actor,
            reason=reason,
        )
        after = {"release": row.release.number, "result_hash": run.intents_hash}
        audit.record("baseline.accepted", accepted, scope_id=row.release.bot.scope_id, after=after)
        nudges.hint(f"bot:{row.release.bot_id}", f"release:{row.release_id}")
    return accepted


def _checked(gate: Gate, actor: User) -> tuple[Gate, Backtest]:
    """The locked gate and its run, when `actor` may accept it."""
    parts = ("code_version", "config_bundle", "parameter_set", "made_by", "bot")
    row = locks.row(
        Gate.objects.select_related("definition", "backtest__dataset", *(f"release__{part}" for part in parts)), gate.pk
    )
    if row.kind != GateKind.BACKTEST or row.backtest is None:
        raise Refused("BASELINE_NO_RUN", "only a backtest that has run can be accepted as a baseline")
    if actor in selectors.builders(row.release):
        raise Forbidden("BASELINE_BY_BUILDER", "whoever built it does not accept its baseline: ask somebody else")
    if row.figures.get("simulator_hash") != simulator():
        raise Refused("BASELINE_OLD_SIMULATOR", "the simulator has changed since this run: let the gate run again")
    floors = row.definition.thresholds.get("floors", {}) if row.definition else {}
    if below := rules.problems(row.figures, floors):
        raise Refused("BASELINE_BELOW_FLOORS", f"the run does not hold the floors: {'; '.join(below)}")
    return row, row.backtest
