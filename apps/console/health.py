"""/healthz, /readyz and /metrics: is it alive, is every component well, how much of everything is there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis

from apps.common.clocks import wall_now
from apps.console.selectors import gauges
from apps.markets.models import Feed
from apps.markets.states import FeedState
from apps.runtime.models import WorkerReport

HEARTBEAT_MAX = timedelta(seconds=60)
REDIS_TIMEOUT_S = 1
_has_migrated = False


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Every component with `ok` and a detail; 503 unless all are well."""
    found = {name: _ask(check) for name, check in CHECKS.items()}
    is_ready = all(component["ok"] for component in found.values())
    body = {"status": "ready" if is_ready else "not ready", "components": found}
    return JsonResponse(body, status=200 if is_ready else 503, headers={"Cache-Control": "no-store"})


def _ask(check: Callable[[], tuple[bool, str]]) -> dict[str, Any]:
    try:
        is_well, detail = check()
    except Exception as error:  # a component that cannot be asked is not ready; the page must still answer
        return {"ok": False, "detail": type(error).__name__}
    return {"ok": is_well, "detail": detail}


def _database() -> tuple[bool, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True, "answers"


def _redis() -> tuple[bool, str]:
    with Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    ) as client:
        client.ping()
    return True, "answers"


def _migrations() -> tuple[bool, str]:
    """Asked until there are none left; a process never runs code older than its start."""
    global _has_migrated
    if not _has_migrated:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        _has_migrated = not plan
        return not plan, f"{len(plan)} to apply" if plan else "applied"
    return True, "applied"


def _workers() -> tuple[bool, str]:
    fresh = WorkerReport.objects.filter(reported_at__gte=wall_now() - HEARTBEAT_MAX)
    passed = fresh.filter(has_passed=True).count()
    return passed > 0, f"{passed} of {fresh.count()} reporting workers passed the sandbox probe"


def _feeds() -> tuple[bool, str]:
    states = list(Feed.objects.values_list("name", "state"))
    stalled = sorted(name for name, state in states if state == FeedState.STALLED)
    return not stalled, f"stalled: {', '.join(stalled)}" if stalled else f"{len(states)} known"


CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "database": _database,
    "redis": _redis,
    "migrations": _migrations,
    "workers": _workers,
    "feeds": _feeds,
}


class _Gauges(Collector):
    """Reads the gauges when they are scraped: any web process gives the same answer."""

    def collect(self) -> Any:
        """Every gauge with its labelled values."""
        for gauge in gauges.read():
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.values:
                family.add_metric(labels, value)
            yield family


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Gauges())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
