"""Races with real connections: every racer has a thread and a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


def race(*racers: Callable[[], Any]) -> list[Any]:
    """Run them at the same moment; what each returned, or the exception that it raised."""
    barrier = threading.Barrier(len(racers))

    def run(racer: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            return racer()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(racers)) as pool:
        return list(pool.map(run, racers))


def codes(outcomes: list[Any]) -> list[str]:
    """The codes of the refusals among the outcomes, sorted."""
    return sorted(getattr(outcome, "code", repr(outcome)) for outcome in outcomes if isinstance(outcome, Exception))
