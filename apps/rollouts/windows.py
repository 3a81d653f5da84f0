"""What a release did on paper in a window of days, for the gate that asks: orders, fills, latency, drawdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncDate

from apps.bots.states import Mode
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.deployments.models import Deployment
from apps.execution.models import EquityPoint, Fill, Order, OrderEvent
from apps.execution.states import FillKind, OrderState, Side
from apps.releases.models import Gate, Release

ANSWERED = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.REJECTED)
REFUSED = (OrderState.DENIED, OrderState.REJECTED)
ROWS_MAX = 20_000
STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill beside the price that its order was checked against."""

    side: str
    quantity: Decimal
    price: Decimal
    reference: Decimal


def figures(gate: Gate) -> dict[str, Any] | None:
    """Figures of the paper window, or None when the release has not traded on paper in it: that is no data.

    Counted is what the same code with the same parameters did in paper mode, whatever its bundle named.
    """
    days = int(gate.definition.thresholds["window_days"]) if gate.definition else 1
    since, deployments = wall_now() - timedelta(days=days), _deployments(gate.release)
    orders = Order.objects.filter(deployment__in=deployments, created_at__gte=since, by_person=False)
    fills = Fill.objects.filter(order__in=orders, kind=FillKind.TRADE, corrections__isnull=True)
    rows = fills.values_list("side", "quantity", "price", "order__reference_price")
    traded = [Traded(side, quantity, price, reference) for side, quantity, price, reference in rows if reference]
    waits = _waits_ms(orders)
    if not traded or not waits:
        return None
    counted = orders.aggregate(all=Count("pk"), refused=Count("pk", filter=Q(state__in=REFUSED)))
    return {
        "window_days": days,
        "trades": fills.count(),
        "sessions": _sessions(deployments, since),
        "orders": counted["all"],
        "reject_percent": _text(Decimal(counted["refused"] * 100) / counted["all"]),
        "slippage_bps": _text(slippage_bps(traded)),
        "latency_ms": _text(high_percentile(waits)),
        "drawdown_percent": _text(_drawdown(deployments, since)),
    }


def _deployments(release: Release) -> QuerySet[Deployment]:
    same = {"release__code_version": release.code_version_id, "release__parameter_set": release.parameter_set_id}
    return Deployment.objects.filter(bot=release.bot_id, mode=Mode.PAPER, **same)


def slippage_bps(traded: Iterable[Traded]) -> Decimal:
    """How much worse than the reference was traded, in basis points, weighted by value; better is negative."""
    worse = value = Decimal(0)
    for one in traded:
        away = one.price - one.reference
        worse += one.quantity * (away if one.side == Side.BUY else -away)
        value += one.quantity * one.reference
    return worse / value * 10_000 if value else Decimal(0)


def high_percentile(values: Sequence[Decimal]) -> Decimal:
    """The 95th percentile by nearest rank; `values` is not empty."""
    ranked = sorted(values)
    return ranked[-(-95 * len(ranked) // 100) - 1]


def drawdown_percent(capital: Decimal, pnl: Iterable[Decimal]) -> Decimal:
    """The deepest fall of capital and PnL from their highest, in per cent of that highest."""
    peak, deepest = capital, Decimal(0)
    for value in pnl:
        worth = capital + value
        peak = max(peak, worth)
        if peak > 0:
            deepest = max(deepest, (peak - worth) / peak * 100)
    return deepest


def _waits_ms(orders: QuerySet[Order]) -> list[Decimal]:
    """From an order's row to the venue's first answer, of the newest orders."""
    events = OrderEvent.objects.filter(order__in=orders, state__in=ANSWERED).values("order_id", "order__created_at")
    answered = events.annotate(at=Min("created_at")).order_by("-order_id")[:ROWS_MAX]
    return [Decimal(str((row["at"] - row["order__created_at"]).total_seconds())) * 1000 for row in answered]


def _sessions(deployments: QuerySet[Deployment], since: datetime) -> int:
    """UTC days of market time in which it ran."""
    points = EquityPoint.objects.filter(deployment__in=deployments, created_at__gte=since)
    return points.annotate(day=TruncDate("market_at")).values("day").distinct().count()


def _drawdown(deployments: QuerySet[Deployment], since: datetime) -> Decimal:
    deepest = Decimal(0)
    for deployment in deployments:
        points = EquityPoint.objects.filter(deployment=deployment, created_at__gte=since).order_by("market_at")
        pnl = points.values_list("pnl", flat=True)[:ROWS_MAX]
        deepest = max(deepest, drawdown_percent(deployment.capital, pnl))
    return deepest


def _text(value: Decimal) -> str:
    return text_of(value.quantize(STEP))
