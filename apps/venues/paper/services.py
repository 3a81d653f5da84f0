"""The paper venue's counter: accounts, listings, prices; orders in, changed and out."""

from dataclasses import dataclass
from dataclasses import replace as changed
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Sum
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side, TimeInForce

from apps.common import decimals
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import Invalid
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.runtime.simulator import SimConfig, accept
from apps.venues.adapters.base import ReplaceRequest, SubmitRequest, VenueOrderState, VenueQuote, VenueRejected
from apps.venues.paper import rules
from apps.venues.paper.faults import clear_faults, inject_fault
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition

__all__ = [
    "cancel",
    "cancel_all",
    "clear_faults",
    "inject_fault",
    "list_market",
    "lock_account",
    "open_account",
    "position_of",
    "quote",
    "replace",
    "reserved_cash",
    "submit",
]
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The refusal's code or ""; from and until which market time the order can trade; the cash it keeps back."""

    code: str
    eligible_ms: int = 0
    expires_ms: int | None = None
    reserved: Decimal = ZERO


def open_account(*, name: str, currency: str, opening_cash: Decimal | str) -> PaperAccount:
    """Open an account in the venue's books, reached by its name; opening it twice is harmless."""
    cash = decimals.parse(opening_cash, "opening_cash")
    account, _ = PaperAccount.objects.get_or_create(
        name=name, defaults={"currency": currency, "opening_cash": cash, "cash": cash}
    )
    return account


def list_market(*, feed: Feed, simulation: dict[str, object]) -> PaperMarket:
    """Let the feed's instrument trade at the feed's prices, from now on; `simulation` as SimConfig.to_json.

    Raises Invalid SIMULATION_INVALID. Listing a symbol twice changes nothing.
    """
    try:
        config = SimConfig.from_json(simulation)
    except (TypeError, ValueError) as error:
        raise Invalid("SIMULATION_INVALID", f"the simulation settings do not hold: {error}") from error
    instrument = feed.instrument
    market, _ = PaperMarket.objects.get_or_create(
        symbol=instrument.symbol,
        defaults={
            "feed": feed.name,
            "matched_until_ms": to_ms(markets.market_now(feed)),
            "simulation": config.to_json(),
            "lot_size": instrument.lot_size,
            "tick_size": instrument.tick_size,
            "multiplier": instrument.multiplier,
            "currency": instrument.quote_currency,
        },
    )
    return market


def quote(*, symbol: str) -> VenueQuote:
    """The last price, and the wall time until which it was current: now, unless the price is late.

    Raises VenueRejected SYMBOL_UNKNOWN, NO_PRICE.
    """
    market = PaperMarket.objects.filter(symbol=symbol).first()
    if market is None:
        raise VenueRejected("SYMBOL_UNKNOWN")
    reading = markets.reading(_feed_of(market))
    if reading.bar is None:
        raise VenueRejected("NO_PRICE")
    return VenueQuote(symbol, reading.bar.close, to_ms(wall_now()) - reading.late_ms)


def _feed_of(market: PaperMarket) -> Feed:
    return Feed.objects.select_related("dataset", "instrument").get(name=market.feed)


def submit(*, account_name: str, request: SubmitRequest, refuse_with: str = "") -> PaperOrder:
    """Take or reject an order, once per client order id: the same id again answers with the first.

    An accepted order can trade from the next bar on; `refuse_with` is a code with which to reject it whatever
    it is. Raises VenueRejected for what cannot even be stored: ACCOUNT_UNKNOWN, ORDER_QUANTITY_INVALID.
    """
    if not request.quantity.is_finite() or request.quantity <= 0:
        raise VenueRejected("ORDER_QUANTITY_INVALID")
    with transaction.atomic():
        account = lock_account(account_name)
        known = PaperOrder.objects.filter(account=account, client_order_id=request.client_order_id).first()
        return known or _take(account, request, refuse_with)


def lock_account(name: str) -> PaperAccount:
    """The account with its row locked: orders, trades and cash of an account change only under it."""
    account = PaperAccount.objects.select_for_update().filter(name=name).first()
    if account is None:
        raise VenueRejected("ACCOUNT_UNKNOWN", "the venue has no such account")
    return account


def _take(account: PaperAccount, request: SubmitRequest, refuse_with: str) -> PaperOrder:
    verdict = Verdict(refuse_with) if refuse_with else _judge(account, request)
    return PaperOrder.objects.create(
        account=account,
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        time_in_force=request.time_in_force,
        quantity=request.quantity,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        is_reduce_only=request.is_reduce_only,
        is_post_only=request.is_post_only,
        is_extended_hours=request.is_extended_hours,
        state=VenueOrderState.REJECTED if verdict.code else VenueOrderState.OPEN,
        reject_code=verdict.code,
        eligible_from_ms=verdict.eligible_ms,
        expires_ms=verdict.expires_ms,
        reserved=verdict.reserved,
    )


def _judge(account: PaperAccount, request: SubmitRequest, own: PaperOrder | None = None) -> Verdict:
    """What the venue thinks of an order, or of the new rest of `own`, an order that it has already."""
    market = PaperMarket.objects.filter(symbol=request.symbol).first()
    if market is None:
        return Verdict("SYMBOL_UNKNOWN")
    feed = _feed_of(market)
    eligible_ms = max(to_ms(markets.market_now(feed)), market.matched_until_ms)
    bar = markets.last_bar(feed)
    if bar is None:
        return Verdict("NO_PRICE", eligible_ms)
    if market.currency != account.currency:
        return Verdict("CURRENCY_MISMATCH", eligible_ms)
    try:
        order = rules.sim_order(request, eligible_ms)
    except ValueError:
        return Verdict("ORDER_TYPE_UNKNOWN", eligible_ms)
    if order.is_immediate() and not markets.session(feed.instrument, from_ms(eligible_ms)).is_open:
        return Verdict("SESSION_CLOSED", eligible_ms)
    instrument, config = market.instrument(), SimConfig.from_json(market.simulation)
    position = position_of(account, market.symbol)
    code = accept(
        order,
        instrument,
        config,
        mark_price=bar.close,
        position=position,
        buying_power=EXACT.subtract(account.cash, reserved_cash(account, but=own)),
        sellable=EXACT.subtract(position, _selling(account, market.symbol, but=own)),
    )
    if code is not None:
        return Verdict(code, eligible_ms)
    is_day = order.time_in_force == TimeInForce.DAY
    ends_at = markets.order_day_end(feed.instrument, from_ms(eligible_ms), with_extended=request.is_extended_hours)
    expires_ms = to_ms(ends_at) if is_day else None
    reserved = rules.reservation(order, instrument, config, bar.close, order.quantity)
    return Verdict("", eligible_ms, expires_ms, reserved)


def position_of(account: PaperAccount, symbol: str) -> Decimal:
    """The signed quantity that the account holds."""
    held = PaperPosition.objects.filter(account=account, symbol=symbol).first()
    return held.quantity if held else ZERO


def reserved_cash(account: PaperAccount, but: PaperOrder | None = None) -> Decimal:
    """What the account's open buys keep back, one of them left out if named."""
    opened = PaperOrder.objects.filter(account=account, state=VenueOrderState.OPEN)
    if but is not None:
        opened = opened.exclude(pk=but.pk)
    return opened.aggregate(total=Sum("reserved"))["total"] or ZERO


def _selling(account: PaperAccount, symbol: str, but: PaperOrder | None) -> Decimal:
    """What the account's open sells may still sell."""
    opened = PaperOrder.objects.filter(account=account, symbol=symbol, side=Side.SELL, state=VenueOrderState.OPEN)
    if but is not None:
        opened = opened.exclude(pk=but.pk)
    return opened.aggregate(total=Sum(F("quantity") - F("filled_quantity")))["total"] or ZERO


def replace(*, account_name: str, request: ReplaceRequest) -> PaperOrder:
    """Give a working order other terms; all of them are named, an absent price is none. Same terms: no change.

    A smaller quantity keeps the order's place in the queue; anything else joins anew and trades from the next
    bar on. A DAY order keeps its end. Raises VenueRejected, the old terms standing: ACCOUNT_UNKNOWN,
    ORDER_UNKNOWN, ORDER_NOT_OPEN, ORDER_TRIGGERED, ORDER_QUANTITY_INVALID, ORDER_QUANTITY_FILLED, and the
    codes of a submit.
    """
    if not request.quantity.is_finite() or request.quantity <= 0:
        raise VenueRejected("ORDER_QUANTITY_INVALID")
    with transaction.atomic():
        account = lock_account(account_name)
        order = _order_of(account, request.client_order_id)
        if _terms(request) != _terms(order):
            _replace(account, order, request)
    return order


def _order_of(account: PaperAccount, client_order_id: str) -> PaperOrder:
    order = PaperOrder.objects.filter(account=account, client_order_id=client_order_id).first()
    if order is None:
        raise VenueRejected("ORDER_UNKNOWN", "the venue has no order with that client order id")
    return order


def _terms(of: ReplaceRequest | PaperOrder) -> tuple[str, Decimal, Decimal | None, Decimal | None]:
    return of.symbol, of.quantity, of.limit_price, of.stop_price


def _replace(account: PaperAccount, order: PaperOrder, request: ReplaceRequest) -> None:
    if order.state != VenueOrderState.OPEN:
        raise VenueRejected("ORDER_NOT_OPEN")
    if request.symbol != order.symbol:
        raise VenueRejected("ORDER_UNKNOWN", "the order is for another symbol")
    if request.quantity <= order.filled_quantity:
        raise VenueRejected("ORDER_QUANTITY_FILLED")
    if order.is_triggered and request.stop_price != order.stop_price:
        raise VenueRejected("ORDER_TRIGGERED")
    has_same_prices = (request.limit_price, request.stop_price) == (order.limit_price, order.stop_price)
    keeps_place = has_same_prices and request.quantity < order.quantity
    order.quantity, order.limit_price, order.stop_price = request.quantity, request.limit_price, request.stop_price
    rest = changed(
        order.request(),
        quantity=EXACT.subtract(order.quantity, order.filled_quantity),
        is_post_only=order.is_post_only and not keeps_place,
    )
    verdict = _judge(account, rest, own=order)
    if verdict.code:
        raise VenueRejected(verdict.code)
    order.reserved = verdict.reserved
    if not keeps_place:
        order.eligible_from_ms, order.queue_ahead = verdict.eligible_ms, None
    order.save()


def cancel(*, account_name: str, client_order_id: str) -> PaperOrder:
    """Cancel what is left of an order; one that has ended stays as it is.

    Raises VenueRejected ACCOUNT_UNKNOWN, ORDER_UNKNOWN.
    """
    with transaction.atomic():
        account = lock_account(account_name)
        order = _order_of(account, client_order_id)
        if order.state == VenueOrderState.OPEN:
            order.state, order.reserved = VenueOrderState.CANCELED, ZERO
            order.save(update_fields=["state", "reserved", "updated_at"])
    return order


def cancel_all(*, account_name: str, symbol: str | None = None) -> int:
    """Cancel every open order of the account, or of one symbol; how many. Raises VenueRejected ACCOUNT_UNKNOWN."""
    with transaction.atomic():
        account = lock_account(account_name)
        opened = PaperOrder.objects.filter(account=account, state=VenueOrderState.OPEN)
        if symbol is not None:
            opened = opened.filter(symbol=symbol)
        return opened.update(state=VenueOrderState.CANCELED, reserved=ZERO, updated_at=wall_now())
