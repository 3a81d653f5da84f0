"""The fleet: one row per bot, read with a number of queries that does not grow with the fleet."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.bots import selectors as owners
from apps.bots.models import Bot
from apps.bots.states import Environment, Mode
from apps.common.clocks import wall_now
from apps.common.errors import DomainError
from apps.console.selectors import maintenance, trading
from apps.console.selectors.trading import Standing
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Position
from apps.markets import selectors as markets
from apps.runtime.models import WorkerReport

SPARK_POINTS = 48
REPORT_AGE_MAX = timedelta(minutes=2)
SHOWN_ENVIRONMENTS = (Environment.STAGING, Environment.PAPER, Environment.LIVE)


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the fleet is wanted; every filter is a part of the address."""

    text: str = ""
    desk: str = ""
    mode: str = ""
    needs_attention: bool = False


@dataclass(slots=True)
class FleetRow:
    """One bot as the fleet page shows it."""

    bot: Bot
    standing: Standing
    deployments: dict[str, Deployment] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    spark: list[Decimal] = field(default_factory=list)
    pnl: Decimal | None = None
    currency: str = ""
    alerts: list[tuple[str, int]] = field(default_factory=list)
    maintenance_until: datetime | None = None

    @property
    def mode(self) -> str:
        """LIVE as soon as any running deployment is live."""
        if not self.deployments:
            return ""
        return Mode.LIVE if Environment.LIVE in self.deployments else Mode.PAPER

    @property
    def cells(self) -> list[Deployment | None]:
        """The deployment of each environment, in the order of the columns."""
        return [self.deployments.get(environment) for environment in SHOWN_ENVIRONMENTS]

    @property
    def is_troubled(self) -> bool:
        """Whether the row is marked: halted, failed, or with a critical alert."""
        failed = any(d.observed == "failed" for d in self.deployments.values())
        return self.standing.name == "HALTED" or failed or any(tier == Tier.CRITICAL for tier, _ in self.alerts)


def bots(user: User, filters: Filters) -> QuerySet[Bot]:
    """The bots within reach that match, by name."""
    rows = access.within(Bot.objects.all(), user, "scope").select_related(
        "scope", "owner", "fallback_owner", "strategy__bucket__desk"
    )
    if filters.text:
        rows = rows.filter(Q(name__icontains=filters.text) | Q(strategy__name__icontains=filters.text))
    if filters.desk:
        rows = rows.filter(strategy__bucket__desk__name=filters.desk)
    running = Deployment.objects.exclude(desired=Desired.STOPPED)
    if filters.mode in Mode.values:
        rows = rows.filter(pk__in=running.filter(mode=filters.mode).values("bot_id"))
    return (rows.filter(_attention()) if filters.needs_attention else rows).order_by("name")


def _attention() -> Q:
    """Held by any scope, failed, without an owner, or with an open alert."""
    holds = trading.holds_by_scope()
    wanted = owners.LACKS_AN_OWNER
    wanted |= Q(pk__in=Deployment.objects.filter(observed="failed").exclude(desired="stopped").values("bot_id"))
    wanted |= Q(scope__in=Alert.objects.exclude(state=AlertState.RESOLVED).values("scope_id"))
    for found in holds.values():
        wanted |= Q(scope__path__startswith=found[0].scope.path)
    running = Deployment.objects.exclude(desired=Desired.STOPPED)
    held = Q(account__scope__in=holds) | Q(instrument__scope__in=holds) | Q(account__venue__scope__in=holds)
    return wanted | Q(pk__in=running.filter(held).values("bot_id"))


def rows(page: Iterable[Bot]) -> list[FleetRow]:
    """The rows of these bots."""
    page = list(page)
    ids = [bot.pk for bot in page]
    deployments = running_by_bot(ids)
    holds, windows = trading.holds_by_scope(), maintenance.running()
    found = {
        bot.pk: FleetRow(bot, trading.strictest(trading.scopes_of(bot, deployments[bot.pk]), holds)) for bot in page
    }
    for bot_id, running in deployments.items():
        found[bot_id].deployments = {d.environment: d for d in running}
        found[bot_id].maintenance_until = maintenance.until(running, windows)
    for position in Position.objects.filter(bot_id__in=ids).exclude(quantity=0).select_related("instrument"):
        found[position.bot_id].positions.append(position)
    _add_alerts(page, found)
    _add_pnl(deployments, found)
    return list(found.values())


def running_by_bot(ids: list[UUID]) -> dict[UUID, list[Deployment]]:
    """Deployments that are not stopped, by bot, with what a row needs of them."""
    by_bot: dict[UUID, list[Deployment]] = defaultdict(list)
    wanted = Deployment.objects.filter(bot_id__in=ids).exclude(desired=Desired.STOPPED).order_by("id")
    for deployment in wanted.select_related(
        "release__code_version", "account__venue", "account__scope", "instrument", "feed"
    ):
        by_bot[deployment.bot_id].append(deployment)
    return by_bot


def _add_alerts(page: Sequence[Bot], found: dict[UUID, FleetRow]) -> None:
    bot_of = {bot.scope_id: bot.pk for bot in page}
    counted = Alert.objects.filter(scope_id__in=bot_of).exclude(state=AlertState.RESOLVED)
    for scope, tier, number in counted.values_list("scope", "tier").annotate(n=Count("pk")).order_by("tier"):
        found[bot_of[scope]].alerts.append((tier, number))


def _add_pnl(deployments: dict[UUID, list[Deployment]], found: dict[UUID, FleetRow]) -> None:
    lines = sparks([d.pk for running in deployments.values() for d in running])
    rates = Rates()
    for bot_id, running in deployments.items():
        row = found[bot_id]
        for deployment in running:
            points = lines.get(deployment.pk, [])
            if points:
                row.spark = points if len(points) > len(row.spark) else row.spark
                amount, row.currency = rates.convert(points[-1], deployment.instrument.quote_currency)
                row.pnl = (row.pnl or Decimal(0)) + amount


def sparks(ids: list[UUID], points: int = SPARK_POINTS) -> dict[UUID, list[Decimal]]:
    """The last `points` PnL figures of each deployment, oldest first; one query."""
    sql = """
        SELECT wanted.id, array_agg(point.pnl ORDER BY point.market_at)
        FROM unnest(%s::uuid[]) AS wanted(id)
        CROSS JOIN LATERAL (
            SELECT market_at, pnl FROM execution_equitypoint
            WHERE deployment_id = wanted.id ORDER BY market_at DESC LIMIT %s
        ) AS point
        GROUP BY wanted.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids, points])
        return dict(cursor.fetchall())


class Rates:
    """Conversion into the base currency, each currency asked for once."""

    def __init__(self) -> None:
        self.base = access.firm().base_currency
        self._known: dict[str, Decimal | None] = {self.base: Decimal(1)}

    def convert(self, amount: Decimal, currency: str) -> tuple[Decimal, str]:
        """The amount in base currency, or as it is when no rate is in force."""
        if currency not in self._known:
            self._known[currency] = self._ask(currency)
        rate = self._known[currency]
        return (amount, currency) if rate is None else (amount * rate, self.base)

    def _ask(self, currency: str) -> Decimal | None:
        try:
            return markets.convert_rate(currency, self.base, wall_now())
        except DomainError:
            return None


def unsafe_workers() -> list[WorkerReport]:
    """Workers that serve although a probe got out of their sandbox: they refuse live deployments."""
    since = wall_now() - REPORT_AGE_MAX
    return list(WorkerReport.objects.filter(has_passed=False, reported_at__gte=since).order_by("worker"))


def totals(user: User) -> dict[str, Any]:
    """How many bots there are and how many run, for the head of the page."""
    reach = access.within(Bot.objects.all(), user, "scope")
    running = access.within(Deployment.objects.filter(desired=Desired.RUNNING), user, "bot__scope")
    return {"bots": reach.count(), "running": running.count()}
