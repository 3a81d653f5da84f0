"""What a series of bars looks like, from one pass over it: gaps, outliers, bars without volume, flat stretches."""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from quarterdeck.events import Bar

from apps.markets import calendars

LISTED_MAX = 500
POINTS_MAX = 1_000
# Fewer bars in a row without volume, or at one price, are nothing to look at.
RUN_BARS_MIN = 3
# The modified z-score of Iglewicz and Hoaglin (1993, How to Detect and Handle Outliers), 0.6745 (x - median) / MAD.
# They flag 3.5 in normal data; returns have fatter tails, so that this flags what nobody takes for a market's move.
Z_MIN = 10.0
MAD_SCALE = 0.6745
# Where half the returns are equal there is no MAD; then the mean absolute deviation scales, by sqrt(2 / pi).
MEAN_SCALE = math.sqrt(2 / math.pi)


@dataclass(slots=True)
class Runs:
    """Stretches of bars that share something; counted all, listed up to LISTED_MAX."""

    count: int = 0
    listed: list[list[int]] = field(default_factory=list)
    _open: list[int] | None = None

    def see(self, start_ms: int, end_ms: int, *, shares: bool) -> None:
        """Take one bar after the other."""
        if shares and self._open:
            self._open[1:] = [end_ms, self._open[2] + 1]
        elif shares:
            self._open = [start_ms, end_ms, 1]
        else:
            self.end()

    def end(self) -> None:
        """Close the stretch that is open."""
        if self._open and self._open[2] >= RUN_BARS_MIN:
            self.count += 1
            self.listed += [self._open] if self.count <= LISTED_MAX else []
        self._open = None


class Profiler:
    """Takes bars one by one and keeps two numbers of each, so that a large file needs little memory."""

    def __init__(self, interval_ms: int, calendar: str) -> None:
        self.interval_ms = interval_ms
        self.calendar = calendar
        self._ends, self._closes = array("q"), array("d")
        self._idle, self._flat = Runs(), Runs()

    def take(self, bar: Bar) -> None:
        """The next bar, in order."""
        close = float(bar.close)
        is_flat = bar.high == bar.low and (not self._closes or close == self._closes[-1])
        self._idle.see(bar.start_ms, bar.end_ms, shares=bar.volume == 0)
        self._flat.see(bar.start_ms, bar.end_ms, shares=is_flat)
        self._ends.append(bar.end_ms)
        self._closes.append(close)

    def fields(self) -> dict[str, Any]:
        """The profile as DatasetProfile keeps it, but for the zone, which only the file knows."""
        self._idle.end()
        self._flat.end()
        gaps, outliers = list(self._gaps()), self._outliers()
        return {
            "gap_count": len(gaps),
            # Of very many those in open sessions are listed first: a closed one is no trouble.
            "gaps": sorted(sorted(gaps, key=lambda gap: (not gap[3], gap[0]))[:LISTED_MAX]),
            "outlier_count": len(outliers),
            "outliers": outliers[:LISTED_MAX],
            "idle_count": self._idle.count,
            "idle_runs": self._idle.listed,
            "flat_count": self._flat.count,
            "flat_runs": self._flat.listed,
            "points": self._points(),
        }

    @property
    def missing(self) -> int:
        """Bars missing while the session was open."""
        return sum(gap[2] for gap in self._gaps())

    @property
    def rows(self) -> int:
        """How many bars there were."""
        return len(self._ends)

    @property
    def bounds(self) -> tuple[int, int]:
        """The start of the first bar and the end of the last one."""
        return self._ends[0] - self.interval_ms, self._ends[-1]

    def _gaps(self) -> Iterator[list[Any]]:
        for end_ms, next_end_ms in pairwise(self._ends):
            start_ms = next_end_ms - self.interval_ms
            if start_ms > end_ms:
                open_ms = calendars.open_ms(self.calendar, end_ms, start_ms)
                yield [end_ms, start_ms, open_ms // self.interval_ms, open_ms >= self.interval_ms]

    def _outliers(self) -> list[list[Any]]:
        """Bars whose return from the bar right before stands out, the largest first."""
        numbers, moves = self._moves()
        scores = robust_z(moves)
        found = [
            [self._ends[number], self._closes[number], round(move, 6), round(score, 1)]
            for number, move, score in zip(numbers, moves, scores, strict=True)
            if abs(score) >= Z_MIN
        ]
        return sorted(found, key=lambda row: -abs(row[3]))

    def _moves(self) -> "tuple[array[int], array[float]]":
        """Of each bar that follows right on the one before: its number, and its log return."""
        numbers, moves = array("q"), array("d")
        for number in range(1, len(self._ends)):
            if self._ends[number] - self._ends[number - 1] == self.interval_ms:
                numbers.append(number)
                moves.append(math.log(self._closes[number] / self._closes[number - 1]))
        return numbers, moves

    def _points(self) -> list[list[float]]:
        """Of each stretch its lowest and its highest close."""
        count, parts = len(self._ends), min(len(self._ends), POINTS_MAX // 2)
        kept: set[int] = {count - 1} if count else set()
        for part in range(parts):
            numbers = range(part * count // parts, (part + 1) * count // parts)
            kept |= {min(numbers, key=self._closes.__getitem__), max(numbers, key=self._closes.__getitem__)}
        return [[self._ends[number], self._closes[number]] for number in sorted(kept)]


def robust_z(values: Sequence[float]) -> "array[float]":
    """The modified z-score of each value; 0 for all of them where all are equal."""
    if not values:
        return array("d")
    middle = median(values)
    apart = array("d", (abs(value - middle) for value in values))
    spread, mean = median(apart), fmean(apart)
    scale = MAD_SCALE / spread if spread else MEAN_SCALE / mean if mean else 0.0
    return array("d", ((value - middle) * scale for value in values))
