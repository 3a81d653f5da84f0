"""Redis gone: services commit all the same, and the breaker keeps the next call from waiting."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from pytest_django import Settings

from apps.common import nudges
from apps.common.errors import Invalid
from apps.execution.models import Order
from apps.risk import services as risk
from apps.risk.models import Hold
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis is at a port that nobody serves; the breaker is closed."""
    settings.REDIS_URL = NOBODY
    monkeypatch.setattr(nudges, "_blocked_until", 0.0)
    monkeypatch.setattr(nudges, "current_app", Celery("alone", broker=NOBODY))
    nudges._redis.cache_clear()
    yield
    nudges._redis.cache_clear()


def test_orders_and_holds_commit_without_redis(real_floor: Floor, no_redis: None) -> None:
    order = real_floor.place()
    work_orders()
    risk.place_hold(scope=real_floor.bot.scope, level="HALTED", **BY)

    assert Order.objects.get(pk=order.pk).state == "ACCEPTED"
    assert Hold.objects.get().latched_at is not None
    assert nudges._blocked_until > 0


def test_after_a_failure_redis_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    moment, tried = [100.0], []
    monkeypatch.setattr(nudges, "_blocked_until", 0.0)
    monkeypatch.setattr(nudges.time, "monotonic", lambda: moment[0])

    def refuse() -> None:
        tried.append(moment[0])
        raise ConnectionRefusedError

    assert [nudges._guarded("x", refuse) for _ in range(3)] == [False] * 3
    moment[0] = 104.9
    assert not nudges._guarded("x", refuse)
    assert tried == [100.0]

    moment[0] = 105.1
    assert nudges._guarded("x", lambda: tried.append(moment[0]))
    assert tried == [100.0, 105.1]


def test_only_what_commits_wakes_a_worker(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(nudges, "_blocked_until", 0.0)
    monkeypatch.setattr(nudges, "_send", sent.append)
    monkeypatch.setattr(nudges, "_publish", lambda topics: None)

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Invalid):
        floor.place(quantity="-1")
    with django_capture_on_commit_callbacks(execute=True):
        floor.place()

    assert sent == ["execution.send_due_orders"]
