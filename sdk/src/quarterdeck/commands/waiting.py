"""Waiting for the platform: asked again and again, less often as time goes by, never without an end."""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

from quarterdeck.failures import timed_out

Found = TypeVar("Found")
FIRST_S, LONGEST_S = 0.5, 5.0


def add_timeout(command: argparse.ArgumentParser, *, minutes: float) -> None:
    """--timeout-m, in minutes."""
    command.add_argument(
        "--timeout-m", type=float, default=minutes, help=f"stop waiting after so many minutes ({minutes:g}), with 5"
    )


def until(
    ask: Callable[[], Found],
    is_there: Callable[[Found], bool],
    what: str,
    *,
    minutes: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """The first answer that will do. Raises Failure (timed out) naming what did not come."""
    deadline, pause = clock() + minutes * 60, FIRST_S
    while not is_there(found := ask()):
        if clock() + pause > deadline:
            raise timed_out(f"{what} did not come within {minutes:g} minutes; it may still come")
        sleep(pause)
        pause = min(LONGEST_S, pause * 1.3)
    return found
