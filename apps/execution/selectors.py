"""Orders and positions below a scope, and what a halt would take away."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet
from quarterdeck.decimals import EXACT

from apps.access import selectors as access
from apps.access.models import Scope
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Order, Position
from apps.execution.states import WORKING, OrderState, Purpose
from apps.markets import selectors as markets
from apps.markets.models import Feed, Instrument
from apps.risk.models import Hold
from apps.risk.states import CancelChoice

BASE_STEP = Decimal(1).scaleb(-18)


def below(scope: Scope) -> Q:
    """What a hold on `scope` concerns, of rows with a bot, an account and an instrument."""
    return (
        Q(bot__scope__path__startswith=scope.path)
        | Q(account__scope__path__startswith=scope.path)
        | Q(account__venue__scope__path__startswith=scope.path)
        | Q(instrument__scope__path__startswith=scope.path)
    )


def chosen_orders(hold: Hold) -> QuerySet[Order]:
    """The working orders that the hold cancels, oldest first.

    Opening ones; with `all` the protective ones and exits too that stood at the latch: what a person sends
    afterwards to get out is not taken away.
    """
    purposes = Q(purpose=Purpose.OPENING)
    if hold.cancels == CancelChoice.ALL:
        purposes |= Q(created_at__lte=hold.latched_at or hold.created_at)
    return Order.objects.filter(below(hold.scope), purposes, state__in=WORKING).order_by("id")


def open_permits(hold: Hold) -> QuerySet[Order]:
    """Orders below the hold that may still be on their way to the venue, new or with new terms.

    Their permits are from before the latch; after it none is given but for less of a resting order.
    """
    since, sent = hold.latched_at or hold.created_at, (OrderState.SUBMITTING, OrderState.PENDING_REPLACE)
    return Order.objects.filter(below(hold.scope), state__in=sent, send_before__gt=since).order_by("id")


@dataclass(frozen=True, slots=True)
class Unguarded:
    """What is held of an instrument without a protective order once the halt has drained.

    `base` is its size in the firm's base currency at the last price; None where price or rate is missing.
    """

    symbol: str
    units: Decimal
    base: Decimal | None


@dataclass(frozen=True, slots=True)
class HaltPreview:
    """What a halt of `scope` would stop and cancel, computed now; `kept` are the orders that go on working."""

    scope: Scope
    cancels: str
    bots: list[str]
    accounts: list[str]
    opening: list[Order]
    protective: list[Order]
    exits: list[Order]
    kept: list[Order]
    unguarded: list[Unguarded]

    @property
    def kept_ids(self) -> list[UUID]:
        """Ids of the orders that go on working."""
        return [order.pk for order in self.kept]


def halt_preview(scope: Scope, cancels: str) -> HaltPreview:
    """Bots, accounts and orders below `scope`, and the exposure that the halt leaves unguarded."""
    running = Deployment.objects.filter(below(scope)).exclude(desired=Desired.STOPPED)
    orders = list(
        Order.objects.filter(below(scope), state__in=WORKING)
        .select_related("instrument", "bot", "account")
        .order_by("id")
    )
    by_purpose = {purpose: [order for order in orders if order.purpose == purpose] for purpose in Purpose}
    kept = [] if cancels == CancelChoice.ALL else [order for order in orders if order.purpose != Purpose.OPENING]
    return HaltPreview(
        scope=scope,
        cancels=cancels,
        bots=sorted({*running.values_list("bot__name", flat=True), *(order.bot.name for order in orders)}),
        accounts=sorted({*running.values_list("account__name", flat=True), *(order.account.name for order in orders)}),
        opening=by_purpose[Purpose.OPENING],
        protective=by_purpose[Purpose.PROTECTIVE],
        exits=by_purpose[Purpose.EXIT],
        kept=kept,
        unguarded=_unguarded(scope, [order for order in kept if order.purpose == Purpose.PROTECTIVE]),
    )


def _unguarded(scope: Scope, guards: list[Order]) -> list[Unguarded]:
    """Positions less the protective orders that stay, summed per instrument."""
    units: dict[Instrument, Decimal] = {}
    held = Position.objects.filter(below(scope)).exclude(quantity=0).select_related("instrument")
    for position in held.order_by("instrument__symbol"):
        bare = abs(position.quantity) - _guarded(position, guards)
        if bare > 0:
            units[position.instrument] = units.get(position.instrument, Decimal(0)) + bare
    return [Unguarded(instrument.symbol, bare, _worth(instrument, bare)) for instrument, bare in units.items()]


def _guarded(position: Position, guards: Iterable[Order]) -> Decimal:
    side = "SELL" if position.quantity > 0 else "BUY"
    key = (position.bot_id, position.account_id, position.instrument_id, side)
    return sum(
        (
            guard.quantity - guard.filled_quantity
            for guard in guards
            if (guard.bot_id, guard.account_id, guard.instrument_id, guard.side) == key
        ),
        Decimal(0),
    )


def _worth(instrument: Instrument, units: Decimal) -> Decimal | None:
    """In base currency at the last price of any of its feeds; None when there is no price or no rate."""
    bars = [bar for feed in Feed.objects.filter(instrument=instrument) if (bar := markets.last_bar(feed)) is not None]
    if not bars:
        return None
    latest = max(bars, key=lambda bar: bar.end_ms)
    try:
        rate = markets.convert_rate(instrument.quote_currency, access.firm().base_currency, wall_now())
    except Refused:
        return None
    return (units * latest.close * instrument.multiplier * rate).quantize(BASE_STEP, context=EXACT)
