"""`python -m benchmarks.latch_fire FOLDER NUMBER SEED [--hang]`: bots that fire until FOLDER/stop exists.

Each turn a random bot's order is stored as checked and claimed, then sent by the product's own code: permit, call,
outcome. The moment of every call to the venue goes to FOLDER/calls-NUMBER.json.
"""

import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import django

THREADS = 3
HANG_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Fire from a few threads; the exit status says whether all of them came to their end."""
    django.setup()
    folder, number, seed = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    calls: list[tuple[float, str]] = []
    _watch_calls(calls, hangs="--hang" in arguments)
    threads = [threading.Thread(target=_fire, args=(folder, seed + number * THREADS + one)) for one in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (folder / f"calls-{number}.json").write_text(json.dumps(calls))
    return 0


def _watch_calls(calls: list[tuple[float, str]], *, hangs: bool) -> None:
    """Note when each call to the venue starts; with `hangs` one venue never answers."""
    from apps.venues.adapters.base import VenueTimeout
    from apps.venues.models import Account
    from apps.venues.paper.adapter import PaperAdapter
    from benchmarks.latch_world import STUCK

    submit = PaperAdapter.submit
    stuck = set(Account.objects.filter(venue__name=STUCK).values_list("name", flat=True)) if hangs else set()

    def noted(adapter: PaperAdapter, request: Any) -> Any:
        calls.append((time.time(), request.client_order_id))
        if adapter._name in stuck:
            time.sleep(HANG_SECONDS)
            raise VenueTimeout("the venue hangs")
        return submit(adapter, request)

    PaperAdapter.submit = noted  # type: ignore[method-assign, assignment]


def _fire(folder: Path, seed: int) -> None:
    from django.db import connection

    from apps.audit.context import acting
    from apps.common import claims
    from apps.common.ids import uuid7
    from apps.execution import services as execution
    from benchmarks import latch_world

    draw, deployments = random.Random(seed), latch_world.make().deployments
    (folder / f"ready-{seed}").touch()
    while not (folder / "stop").exists():
        deployment = draw.choice(deployments)
        order = latch_world.order_of(deployment, claims.worker_name(), uuid7())
        with acting(**latch_world.DONE_BY):
            order.save(force_insert=True)
        execution.send(order)
    connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
