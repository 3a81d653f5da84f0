"""Figures for Prometheus; no names of people, bots by id-free labels only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from apps.alerts.models import Alert
from apps.alerts.states import AlertState
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution.models import Cycle, Order
from apps.execution.states import WORKING, CycleState
from apps.markets.models import Feed
from apps.reconciliation.models import Break
from apps.reconciliation.states import BreakState
from apps.risk.models import Hold
from apps.risk.states import HoldState
from apps.runtime.models import WorkerReport


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge with its labelled values."""

    name: str
    help: str
    labels: list[str]
    values: list[tuple[list[str], float]]


def read() -> Iterator[Gauge]:
    """Every gauge, each by one query."""
    open_alerts = Alert.objects.exclude(state=AlertState.RESOLVED)
    yield _by("quarterdeck_alerts_open", "Alerts not resolved", open_alerts, "tier")
    yield _by("quarterdeck_breaks_open", "Reconciliation breaks not resolved", _open_breaks(), "severity")
    yield _by("quarterdeck_holds_active", "Holds in force", Hold.objects.filter(state=HoldState.ACTIVE), "level")
    yield _by("quarterdeck_deployments", "Deployments", Deployment.objects.all(), "desired", "observed")
    yield _by("quarterdeck_orders_working", "Orders that may still trade", _working(), "state")
    yield _by("quarterdeck_feeds", "Feeds", Feed.objects.all(), "state")
    yield _one("quarterdeck_cycles_overdue", "Cycles whose time has come", _overdue().count())
    fresh = WorkerReport.objects.filter(has_passed=True).count()
    yield _one("quarterdeck_workers_probed", "Workers whose sandbox probe passed", fresh)


def _open_breaks() -> QuerySet[Break]:
    return Break.objects.filter(state=BreakState.OPEN)


def _working() -> QuerySet[Order]:
    return Order.objects.filter(state__in=WORKING)


def _overdue() -> QuerySet[Cycle]:
    return Cycle.objects.filter(state=CycleState.DUE, due_at__lte=wall_now())


def _by(name: str, text: str, rows: QuerySet[Any], *labels: str) -> Gauge:
    counted = rows.order_by().values_list(*labels).annotate(n=Count("pk"))
    return Gauge(name, text, list(labels), [([str(v) for v in row[:-1]], float(row[-1])) for row in counted])


def _one(name: str, text: str, value: float) -> Gauge:
    return Gauge(name, text, [], [([], float(value))])
