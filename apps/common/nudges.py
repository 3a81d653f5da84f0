"""Nudges: wake a worker, or hint to browsers that a topic changed. Losing one changes nothing."""

import json
import threading
import time
from functools import lru_cache
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

# A refused publish was seen to block for 0.6-1.0 s, so after a failure Redis is left alone for a while.
BREAK_S = 5.0
TOPICS_CHANNEL = "quarterdeck:topics"
_blocked_until = 0.0
_lock = threading.Lock()


def _guarded(what: str, publish: Any) -> bool:
    global _blocked_until
    if time.monotonic() < _blocked_until:
        return False
    try:
        publish()
    except Exception as error:  # a nudge never fails the work that sent it
        with _lock:
            _blocked_until = time.monotonic() + BREAK_S
        log.warning("nudge.lost", what=what, error=type(error).__name__)
        return False
    return True


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=0.5)


def wake(task: str) -> None:
    """After this transaction commits, ask a worker to run the sweep `task` at once."""
    transaction.on_commit(lambda: _guarded(task, lambda: _send(task)))


def _send(task: str) -> None:
    current_app.send_task(task, retry=False, expires=30, ignore_result=True)


def hint(*topics: str) -> None:
    """After this transaction commits, tell browsers that `topics` changed (sequence-numbered)."""
    transaction.on_commit(lambda: _guarded("topics", lambda: _publish(topics)))


def _publish(topics: tuple[str, ...]) -> None:
    pipe = _redis().pipeline(transaction=False)
    for topic in topics:
        pipe.incr(f"quarterdeck:seq:{topic}")
    numbers = pipe.execute()
    pipe = _redis().pipeline(transaction=False)
    for topic, number in zip(topics, numbers, strict=True):
        pipe.publish(TOPICS_CHANNEL, json.dumps({"topic": topic, "seq": number}))
    pipe.execute()
