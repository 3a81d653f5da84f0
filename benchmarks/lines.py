"""One measured figure, told as one JSON object a line."""

import json
import math
from dataclasses import dataclass


class ReferenceMissingError(ValueError):
    """A figure without a reference says nothing about the code, only about the machine."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the figure is held against, in the same unit, measured in the same run."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """A median over `runs`, its reference, and the goal as `ratio` or `value` with a comparison.

    Raises ReferenceMissingError without a reference above zero, ValueError for a figure that is no number.
    """

    name: str
    value: float
    unit: str
    reference: Reference | None
    goal: str
    runs: int
    seed: int

    def __post_init__(self) -> None:
        if self.reference is None or not self.reference.value > 0:
            raise ReferenceMissingError(f"{self.name} has no reference that was measured in the same run")
        if not math.isfinite(self.value) or not math.isfinite(self.reference.value):
            raise ValueError(f"{self.name} is not a finite number")
        if self.runs < 1:
            raise ValueError(f"{self.name} was not run")

    @property
    def ratio(self) -> float:
        """The figure in units of its reference."""
        assert self.reference is not None
        return self.value / self.reference.value

    def as_json(self) -> str:
        """The line as it is printed."""
        assert self.reference is not None
        fields = {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "reference": {"name": self.reference.name, "value": _short(self.reference.value)},
            "ratio": _short(self.ratio),
            "goal": self.goal,
            "runs": self.runs,
            "seed": self.seed,
        }
        return json.dumps(fields, ensure_ascii=False)


def _short(value: float) -> float:
    """Four significant digits: a benchmark is not more exact than that."""
    return float(f"{value:.4g}")
