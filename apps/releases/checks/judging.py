"""Runs the check of a gate and judges what it found, and judges what others report, by the same rules."""

from dataclasses import dataclass, field
from typing import Any

from apps.releases import rules
from apps.releases.checks.contracts import data_contract, lint, order_contract
from apps.releases.checks.found import Check, Found, Progress
from apps.releases.checks.runs import backtest, deterministic
from apps.releases.checks.scans import dependency_scan
from apps.releases.checks.standing import operating_standard, secrets_present
from apps.releases.kinds import KINDS
from apps.releases.models import Gate, Release
from apps.releases.states import GateKind, GateState
from apps.runtime.models import Backtest

CHECKS: dict[GateKind, Check] = {
    GateKind.CONFIG_LINT: lint,
    GateKind.DATA_CONTRACT: data_contract,
    GateKind.SECRETS_PRESENT: secrets_present,
    GateKind.OPERATING_STANDARD: operating_standard,
    GateKind.DETERMINISTIC: deterministic,
    GateKind.ORDER_CONTRACT: order_contract,
    GateKind.BACKTEST: backtest,
    GateKind.DEPENDENCY_SCAN: dependency_scan,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found, judged."""

    state: GateState
    figures: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    backtest: Backtest | None = None


def run(gate: Gate, release: Release, progress: Progress) -> Verdict:
    """Measure and judge the gate of `release`; DomainErrors are the caller's ERROR."""
    return judge(gate.kind, CHECKS[GateKind(gate.kind)](gate, release, progress))


def judge(kind: str, found: Found) -> Verdict:
    """PASSED when nothing breaks a threshold; ERROR when a bounded figure is missing: missing data never passes."""
    try:
        wrong = [*found.problems, *rules.problems(found.figures, found.thresholds)]
    except rules.FigureMissing as error:
        return Verdict(GateState.ERROR, found.figures, found.thresholds, f"FIGURE_MISSING: {error}", found.backtest)
    if wrong:
        advice = KINDS[GateKind(kind)].advice
        message = f"{'; '.join([*wrong, *found.notes])}. What to do: {advice}."
        return Verdict(GateState.FAILED, found.figures, found.thresholds, message, found.backtest)
    return Verdict(GateState.PASSED, found.figures, found.thresholds, "; ".join(found.notes), found.backtest)
