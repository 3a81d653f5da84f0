"""One bot: what runs, what it holds, what it did, and the series of its charts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.alerts.models import Alert
from apps.alerts.states import AlertState
from apps.bots.models import Bot
from apps.common.clocks import from_ms, to_ms
from apps.common.errors import DomainError
from apps.console.selectors import fleet, maintenance, trading
from apps.console.selectors.trading import Standing
from apps.deployments.models import Deployment, DeploymentEvent
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.states import ACTIVE_PLANS
from apps.execution.models import BotSession, EquityPoint, Fill, Order, Position
from apps.execution.states import WORKING
from apps.markets import selectors as markets
from apps.markets.models import Feed, FeedClock
from apps.releases.models import Release
from apps.risk.models import Throttle

BARS_SHOWN = 480
FILLS_SHOWN = 500
RECENT = 15


def visible(user: User) -> QuerySet[Bot]:
    """Bots within reach."""
    rows = Bot.objects.select_related("scope", "owner", "fallback_owner", "strategy__bucket__desk")
    return access.within(rows, user, "scope")


@dataclass(frozen=True, slots=True)
class Header:
    """The head of every tab."""

    bot: Bot
    deployments: list[Deployment]
    standing: Standing
    alerts: list[Alert]
    throttle: Throttle | None
    sessions: list[BotSession]
    plan: ExitPlan | None
    maintenance_until: datetime | None

    @property
    def mode(self) -> str:
        """live as soon as anything runs live."""
        modes = {deployment.mode for deployment in self.deployments}
        return "live" if "live" in modes else "paper" if modes else ""

    @property
    def accounts(self) -> str:
        """Where it runs."""
        return ", ".join(deployment.account.name for deployment in self.deployments)


def header(bot: Bot) -> Header:
    """The bot with what runs, what holds it and what is wrong."""
    deployments = fleet.running_by_bot([bot.pk])[bot.pk]
    standing = trading.strictest(trading.scopes_of(bot, deployments), trading.holds_by_scope())
    alerts = Alert.objects.filter(scope=bot.scope).exclude(state=AlertState.RESOLVED).order_by("-id")
    return Header(
        bot=bot,
        deployments=deployments,
        standing=standing,
        alerts=list(alerts[:RECENT]),
        throttle=Throttle.objects.filter(scope=bot.scope, enabled_at=None).first(),
        sessions=_sessions(deployments),
        plan=ExitPlan.objects.filter(scope__in=bot.scope.lineage, state__in=ACTIVE_PLANS).order_by("-id").first(),
        maintenance_until=maintenance.until(deployments, maintenance.running()),
    )


def _sessions(deployments: list[Deployment]) -> list[BotSession]:
    """The newest session of each deployment of a bot that runs elsewhere."""
    rows = BotSession.objects.filter(deployment__in=deployments).select_related("deployment__account")
    return list(rows.order_by("deployment", "-id").distinct("deployment"))


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with its mark: what it is worth now."""

    position: Position
    mark: Decimal | None
    deployment: Deployment | None = None

    @property
    def unrealised(self) -> Decimal | None:
        """Profit or loss against the average price, quote currency."""
        if self.mark is None:
            return None
        held = self.position
        return (self.mark - held.average_price) * held.quantity * held.instrument.multiplier

    @property
    def total(self) -> Decimal | None:
        """Realised and unrealised, less fees."""
        open_ = self.unrealised
        return None if open_ is None else open_ + self.position.realised_pnl - self.position.fees


def holdings(bot: Bot) -> list[Holding]:
    """Every position the bot has or had, marked at its feed's last bar, with the newest deployment there."""
    newest = {d.account_id: d for d in bot.deployments.select_related("feed__dataset").order_by("id")}
    rows = Position.objects.filter(bot=bot).select_related("instrument", "account").order_by("account__name")
    return [_holding(row, newest.get(row.account_id)) for row in rows]


def _holding(position: Position, deployment: Deployment | None) -> Holding:
    is_its_own = deployment is not None and deployment.instrument_id == position.instrument_id
    return Holding(position, last_price(deployment.feed) if deployment and is_its_own else None, deployment)


def last_price(feed: Feed) -> Decimal | None:
    """The close of the newest delivered bar, if there is one."""
    try:
        bar = markets.last_bar(feed)
    except (DomainError, FeedClock.DoesNotExist):
        return None
    return bar.close if bar else None


def market_time(feed: Feed) -> datetime | None:
    """The feed's market clock, if it runs."""
    try:
        return markets.market_now(feed)
    except (DomainError, FeedClock.DoesNotExist):
        return None


def orders(bot: Bot) -> QuerySet[Order]:
    """The bot's orders, newest first."""
    return bot.orders.select_related("instrument", "account", "bot").order_by("-id")


def working(bot: Bot) -> QuerySet[Order]:
    """Orders that may still trade."""
    return orders(bot).filter(state__in=WORKING)


def fills(bot: Bot) -> QuerySet[Fill]:
    """The bot's fills, newest first."""
    return bot.fills.select_related("instrument", "account", "order").order_by("-id")


def log(bot: Bot) -> QuerySet[DeploymentEvent]:
    """The deployment log of the bot, newest first."""
    rows = DeploymentEvent.objects.filter(deployment__bot=bot)
    return rows.select_related("deployment__account", "deployment__bot").order_by("-id")


def releases(bot: Bot) -> QuerySet[Release]:
    """The bot's releases, newest first, with their gates and promotions."""
    rows = bot.releases.select_related("code_version__signer", "config_bundle", "parameter_set", "made_by", "previous")
    return rows.prefetch_related("gates", "promotions").order_by("-number")


def series(deployment: Deployment, after_ms: int | None) -> dict[str, Any]:
    """Bars, fills and equity after a market time, as floats: they are drawn, not booked."""
    feed = deployment.feed
    try:
        now_ms = to_ms(markets.market_now(feed))
    except FeedClock.DoesNotExist:
        return {"bars": [], "fills": [], "equity": [], "until": after_ms or 0}
    window_ms = BARS_SHOWN * feed.dataset.interval_ms
    from_market_ms = max(after_ms or 0, now_ms - window_ms)
    since = from_ms(from_market_ms)
    bars = markets.bars_between(feed, from_market_ms, now_ms)
    return {
        "bars": [[bar.end_ms, *map(float, (bar.open, bar.high, bar.low, bar.close))] for bar in bars],
        "fills": _fills(deployment, since),
        "equity": _equity(deployment, since),
        "until": now_ms,
    }


def _fills(deployment: Deployment, since: datetime) -> list[dict[str, Any]]:
    # A fill is booked a moment after its bar: the last bars are asked for again, the page skips doubles.
    since -= timedelta(milliseconds=2 * deployment.feed.dataset.interval_ms)
    rows = Fill.objects.filter(order__deployment=deployment, market_at__gt=since).order_by("-id")[:FILLS_SHOWN]
    return [
        {
            "id": str(row.pk),
            "at": to_ms(row.market_at),
            "side": row.side,
            "quantity": float(row.quantity),
            "price": float(row.price),
        }
        for row in rows
    ]


def _equity(deployment: Deployment, since: datetime) -> list[list[float]]:
    rows = EquityPoint.objects.filter(deployment=deployment, market_at__gt=since).order_by("market_at")
    return [[to_ms(at), float(pnl)] for at, pnl in rows.values_list("market_at", "pnl")]
