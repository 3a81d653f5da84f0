"""/healthz, /readyz and /metrics."""

from datetime import timedelta

import pytest

from apps.common.clocks import wall_now
from apps.console import health
from apps.runtime.models import WorkerReport


@pytest.fixture
def redis_answers(monkeypatch):
    monkeypatch.setitem(health.CHECKS, "redis", lambda: (True, "answers"))


def report(**overrides):
    fields = {"worker": "a", "has_passed": True, "reported_at": wall_now()} | overrides
    return WorkerReport.objects.create(**fields)


def test_alive_needs_no_sign_in_and_no_database(client):
    assert client.get("/healthz").content == b"alive\n"


def test_ready_when_every_component_is_well(world, client, redis_answers):
    report()
    response = client.get("/readyz")
    assert response.status_code == 200
    assert set(response.json()["components"]) == {"database", "redis", "migrations", "workers", "feeds"}


@pytest.mark.parametrize("overrides", [{"has_passed": False}, {"reported_at": wall_now() - timedelta(minutes=5)}])
def test_not_ready_without_a_fresh_worker_that_passed_the_probe(world, client, redis_answers, overrides):
    report(**overrides)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert not response.json()["components"]["workers"]["ok"]


def test_a_component_that_cannot_be_asked_is_named(world, client, monkeypatch):
    def breaks():
        raise ConnectionError("gone")

    monkeypatch.setattr("apps.console.health.CHECKS", {"redis": breaks})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["components"]["redis"] == {"ok": False, "detail": "ConnectionError"}


def test_metrics_count_what_is_open(world, client):
    text = client.get("/metrics").content.decode()
    assert 'quarterdeck_alerts_open{tier="high"} 2.0' in text
    assert 'quarterdeck_holds_active{level="REDUCING"} 2.0' in text
