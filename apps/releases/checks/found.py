"""What a check has found, before anybody judged it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apps.releases.models import Gate, Release
from apps.runtime.models import Backtest

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """Figures, the thresholds that apply to them, what no figure says, and what is worth knowing all the same."""

    figures: dict[str, Any]
    thresholds: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    backtest: Backtest | None = None


Check = Callable[[Gate, Release, Progress], Found]


def bounds(gate: Gate) -> dict[str, Any]:
    """The thresholds of the definition that the gate is judged by."""
    return dict(gate.definition.thresholds) if gate.definition else {}
