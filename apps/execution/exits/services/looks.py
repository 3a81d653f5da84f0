"""A look at a position: our working orders, then what the venue says it holds, and its market."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

import structlog
from django.conf import settings

from apps.common.clocks import to_ms, wall_now
from apps.common.errors import DomainError
from apps.deployments.models import Deployment
from apps.execution.exits import rules
from apps.execution.models import Order
from apps.execution.services import ledger
from apps.execution.states import RESTING, WORKING, OrderState, TimeInForce
from apps.markets import selectors as markets
from apps.risk import rules as risk_rules
from apps.risk import selectors as risk
from apps.venues import services as venues
from apps.venues.models import Account

log = structlog.get_logger(__name__)
BARS = 5
SLICES_LOOKED_AT = 8
STATED = "the venue's"
FED = "the feed's"


@dataclass(frozen=True, slots=True)
class Quote:
    """The market of a position: the reference price and whose it is, the volume expected in a step, the session."""

    price: Decimal | None
    source: str
    volume: Decimal | None
    session: markets.Session
    market_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """A position at one moment. The orders were read before the venue was asked, so no fill falls between."""

    orders: list[Order]
    held: Decimal | None
    looked_at: datetime


def slice_id(leg_id: UUID, number: int) -> UUID:
    """The client order id of a leg's slice: the same number is the same order, whoever sends it."""
    return uuid5(leg_id, f"slice:{number}")


def look_at(deployments: Iterable[Deployment], *, between: Callable[[], object] | None = None) -> dict[UUID, Look]:
    """Every position by its deployment's id. Asks each account's venue once, so never inside a transaction.

    `between` is called after each answer: a heartbeat, since venues may take their time.
    """
    rows, now = list(deployments), wall_now()
    orders = {row.pk: _working_orders(row) for row in rows}
    holdings: dict[UUID, dict[str, Decimal] | None] = {}
    for row in rows:
        if row.account_id not in holdings:
            holdings[row.account_id] = _holdings(row.account)
            if between is not None:
                between()
    return {row.pk: Look(orders[row.pk], _held(row, holdings[row.account_id]), now) for row in rows}


def _working_orders(deployment: Deployment) -> list[Order]:
    rows = Order.objects.filter(account=deployment.account_id, instrument=deployment.instrument_id, state__in=WORKING)
    return [ledger.known(order) for order in rows.order_by("id")]


def _holdings(account: Account) -> dict[str, Decimal] | None:
    """Signed units by symbol as the venue says; None when it does not say."""
    try:
        return {row.symbol: row.quantity for row in venues.adapter_for(account).positions()}
    except DomainError as error:
        log.warning("exits.unanswered", account=account.name, code=error.code)
        return None


def _held(deployment: Deployment, holdings: dict[str, Decimal] | None) -> Decimal | None:
    return None if holdings is None else holdings.get(deployment.instrument.symbol, Decimal(0))


def quote_of(deployment: Deployment, step_s: int) -> Quote:
    """The market of a deployment's instrument: the venue's price while it is fresh, else the feed's."""
    reading = markets.reading(deployment.feed)
    price, source = _price(deployment, reading)
    return Quote(
        price=price,
        source=source,
        volume=_volume(deployment, reading, step_s),
        session=markets.session(deployment.instrument, reading.market_at),
        market_at=reading.market_at,
    )


def _price(deployment: Deployment, reading: markets.Reading) -> tuple[Decimal | None, str]:
    stated = markets.reference(deployment.instrument, f"venue:{deployment.account.venue.name}")
    if stated is not None and wall_now() - stated.seen_at <= timedelta(seconds=settings.REFERENCE_STALE_S):
        return stated.price, STATED
    contract = deployment.release.config_bundle.content["data_contract"]
    if reading.bar is not None and reading.late_ms <= contract["staleness_ms_max"]:
        return reading.bar.close, FED
    return None, ""


def _volume(deployment: Deployment, reading: markets.Reading, step_s: int) -> Decimal | None:
    """The volume to expect in one step, from the mean of the last bars; never more than one bar's."""
    feed = deployment.feed
    now_ms, interval_ms = to_ms(reading.market_at), feed.dataset.interval_ms
    bars = markets.bars_between(feed, now_ms - BARS * interval_ms, now_ms)
    if not bars:
        return reading.bar.volume if reading.bar else None
    mean = sum((bar.volume for bar in bars), Decimal(0)) / len(bars)
    return mean * min(Decimal(1), Decimal(step_s * 1000 * feed.speed) / interval_ms)


def hold_on(deployment: Deployment, *, by_person: bool) -> str:
    """The level of a hold that keeps an exit of this authority back, or nothing."""
    state, _ = risk.trading_state(ledger.scope_ids(deployment))
    return "" if risk_rules.passes_holds("EXIT", by_person, state) else state.name


def hold_on_openings(deployment: Deployment) -> bool:
    """Whether a hold keeps the bot from opening again what the plan closes."""
    return bool(risk.holds_on(ledger.scope_ids(deployment)))


def price_bound(deployment: Deployment, quote: Quote, held: Decimal, collar_bps: Decimal) -> Decimal | None:
    """The worst price that an exit of `held` accepts: within the plan's collar and the collar limit in force."""
    if quote.price is None or not held:
        return None
    limits = risk.effective_limits(ledger.scope_ids(deployment), deployment.limits)
    return rules.limit_price(
        rules.exit_side(held),
        quote.price,
        min(collar_bps, limits.get("collar_bps", collar_bps)),
        deployment.instrument.tick_size,
        limit_up=quote.session.limit_up,
        limit_down=quote.session.limit_down,
    )


def facts_of(
    deployment: Deployment,
    look: Look,
    quote: Quote,
    *,
    leg_id: UUID | None = None,
    slices: int = 0,
    hold: str = "",
    overdue_s: float | None = None,
) -> rules.LegFacts:
    """The position as the rules see it; without a leg no order is a slice of ours."""
    newest_first = [] if leg_id is None else [slice_id(leg_id, number) for number in range(slices, 0, -1)]
    ours = frozenset(newest_first)
    return rules.LegFacts(
        orders=tuple(_working(order, ours, overdue_s) for order in look.orders),
        held=look.held,
        lot_size=deployment.instrument.lot_size,
        is_open=quote.session.is_open,
        is_halted=quote.session.is_halted,
        price=quote.price,
        volume=quote.volume,
        hold=hold,
        failures=_failures(newest_first[:SLICES_LOOKED_AT]),
    )


def _working(order: Order, slice_ids: frozenset[UUID], overdue_s: float | None) -> rules.WorkingOrder:
    # What is immediate ends by itself, however long the venue takes; only what rests can rest too long.
    rests = order.time_in_force != TimeInForce.IOC and order.state in RESTING
    age = (wall_now() - order.created_at).total_seconds()
    return rules.WorkingOrder(
        id=order.pk,
        side=order.side,
        purpose=order.purpose,
        left=order.quantity - order.filled_quantity,
        is_ours=order.client_order_id in slice_ids,
        is_unknown=order.state == OrderState.UNKNOWN,
        is_cancelling=order.cancel_requested,
        is_overdue=rests and overdue_s is not None and age >= overdue_s,
    )


def _failures(slice_ids: Sequence[UUID]) -> int:
    """How many of the leg's newest slices failed since the last that traded."""
    orders = Order.objects.filter(client_order_id__in=slice_ids).in_bulk(field_name="client_order_id")
    newest_first = [orders[key] for key in slice_ids if key in orders]
    return rules.failures((order.state, order.codes, order.filled_quantity) for order in newest_first)
