"""Draining in this process: a clock that runs, and the threads that a halt has started."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from apps.access.models import Scope
from apps.common import clocks
from apps.risk.models import Hold
from tests.execution.builders import Floor
from tests.markets.builders import Wall


@contextmanager
def running(wall: Wall, *, ahead_s: float = 0) -> Iterator[None]:
    """The wall clock runs on from where it stands."""
    start, began = wall.now + timedelta(seconds=ahead_s), time.monotonic()
    with clocks.clock(lambda: start + timedelta(seconds=time.monotonic() - began)):
        yield


def background(hold: Hold) -> list[threading.Thread]:
    """The threads of this process that work for the hold."""
    return [thread for thread in threading.enumerate() if str(hold.pk) in thread.name]


def join(hold: Hold) -> Hold:
    """Wait until the drain in this process has ended; the hold then."""
    for thread in background(hold):
        thread.join(timeout=30)
        assert not thread.is_alive()
    return Hold.objects.get(pk=hold.pk)


def scopes_of(floor: Floor) -> dict[str, Scope]:
    """Every kind of scope above the floor's bot, account and instrument."""
    bucket = floor.account.bucket
    return {
        "firm": bucket.desk.scope.parent,
        "desk": bucket.desk.scope,
        "bucket": bucket.scope,
        "strategy": floor.bot.strategy.scope,
        "bot": floor.bot.scope,
        "account": floor.account.scope,
        "venue": floor.account.venue.scope,
        "instrument": floor.instrument.scope,
    }


KINDS = ("firm", "desk", "bucket", "strategy", "bot", "account", "venue", "instrument")
