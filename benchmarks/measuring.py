"""Taking turns: the measured side and its reference, run by run, on the same machine state."""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from benchmarks.lines import Line, Reference

RUNS = 5
Result = TypeVar("Result")
_started = time.monotonic()


def alternate(
    measured: Callable[[], Result], reference: Callable[[], Result], *, runs: int = RUNS
) -> tuple[list[Result], list[Result]]:
    """Run both sides `runs` times after one uncounted turn each; who goes first changes every round."""
    measured()
    reference()
    ours: list[Result] = []
    theirs: list[Result] = []
    for number in range(runs):
        turns = [(measured, ours), (reference, theirs)]
        for side, results in turns if number % 2 == 0 else turns[::-1]:
            results.append(side())
    return ours, theirs


def line(
    name: str,
    unit: str,
    ours: list[float],
    reference_name: str,
    theirs: list[float],
    *,
    goal: str,
    seed: int,
) -> Line:
    """The medians of both sides as a line."""
    reference = Reference(reference_name, median(theirs)) if theirs else None
    return Line(name, median(ours), unit, reference, goal, len(ours), seed)


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def say(text: str) -> None:
    """Progress for a person; results alone go to standard output."""
    print(f"[{time.monotonic() - _started:6.1f} s] {text}", file=sys.stderr, flush=True)
