"""Everything that would make two runs of one seed differ, replaced: the clock, the ids, the choices."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

from apps.common import clocks, ids
from tests.markets.builders import WALL_START


class Clock:
    """Two clocks: `true_s` only moves on, the wall clock that the product asks can also be set wrong.

    No two looks at the wall clock show the same microsecond, so that nothing is due at the very same time.
    """

    def __init__(self) -> None:
        self.true_s = 0.0
        self.error_s = 0.0
        self.steps = 0
        self.latest_s = 0.0
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return WALL_START + timedelta(seconds=self.true_s + self.error_s, microseconds=self.looks)

    def pass_time(self, seconds: float) -> None:
        """Real time passes."""
        self.true_s += seconds

    def set_wrong(self, seconds: float) -> None:
        """Somebody sets the wall clock, forwards or back."""
        self.latest_s = max(self.latest_s, self.true_s + self.error_s)
        self.error_s += seconds
        self.steps += 1

    def behind_s(self) -> float:
        """By how much the wall clock is behind what it has shown before."""
        return max(0.0, self.latest_s - self.true_s - self.error_s)


class Timer:
    """Stands in for the module `time` where the product measures or waits: real time of the simulation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        """Seconds that only move on."""
        return self._clock.true_s

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        """Nobody waits for real."""
        self._clock.pass_time(seconds)


class Ids:
    """UUIDv7 by the simulated clock: ids go back in time when the clock does, as they would."""

    def __init__(self, clock: Clock, choices: random.Random) -> None:
        self._clock, self._choices = clock, choices

    def uuid7(self) -> SimpleNamespace:
        """Stands in for uuid_utils.uuid7()."""
        noise = self._choices.getrandbits(74)
        bits = clocks.to_ms(self._clock()) << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & (1 << 62) - 1
        return SimpleNamespace(int=bits)

    def client_order_id(self) -> uuid.UUID:
        """An id as a caller makes it."""
        return uuid.UUID(int=self._choices.getrandbits(128), version=4)


@contextmanager
def injected(clock: Clock, made: Ids) -> Iterator[None]:
    """The product reads this clock and takes these ids."""
    with clocks.clock(clock), patch.object(ids, "uuid_utils", made):
        yield
