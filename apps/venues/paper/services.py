"""The paper venue's counter: accounts, listings, orders in, orders out."""

from decimal import Decimal

from django.db import transaction
from django.db.models import F, Sum
from quarterdeck.decimals import EXACT

from apps.common import decimals
from apps.common.clocks import to_ms
from apps.common.errors import Invalid
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.runtime.simulator import SimConfig, accept
from apps.venues.adapters.base import SubmitRequest, VenueOrderState, VenueRejected
from apps.venues.paper import rules
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition

ZERO = Decimal(0)


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


def submit(*, account_name: str, request: SubmitRequest) -> PaperOrder:
    """Take or reject an order, once per client order id: the same id again answers with the first.

    An accepted order can trade from the next bar on. Raises VenueRejected for what cannot even be stored:
    ACCOUNT_UNKNOWN, ORDER_QUANTITY_INVALID.
    """
    if not request.quantity.is_finite() or request.quantity <= 0:
        raise VenueRejected("ORDER_QUANTITY_INVALID")
    with transaction.atomic():
        account = lock_account(account_name)
        known = PaperOrder.objects.filter(account=account, client_order_id=request.client_order_id).first()
        return known or _take(account, request)


def lock_account(name: str) -> PaperAccount:
    """The account with its row locked: orders, trades and cash of an account change only under it."""
    account = PaperAccount.objects.select_for_update().filter(name=name).first()
    if account is None:
        raise VenueRejected("ACCOUNT_UNKNOWN", "the venue has no such account")
    return account


def _take(account: PaperAccount, request: SubmitRequest) -> PaperOrder:
    market = PaperMarket.objects.filter(symbol=request.symbol).first()
    code, eligible_ms, reserved = ("SYMBOL_UNKNOWN", 0, ZERO) if market is None else _judge(account, market, request)
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
        state=VenueOrderState.REJECTED if code else VenueOrderState.OPEN,
        reject_code=code,
        eligible_from_ms=eligible_ms,
        reserved=ZERO if code else reserved,
    )


def _judge(account: PaperAccount, market: PaperMarket, request: SubmitRequest) -> tuple[str, int, Decimal]:
    """The refusal's code or "", from which market time the order can trade, and the cash it keeps back."""
    feed = Feed.objects.select_related("dataset", "instrument").get(name=market.feed)
    eligible_ms = max(to_ms(markets.market_now(feed)), market.matched_until_ms)
    bar = markets.last_bar(feed)
    if bar is None:
        return "NO_PRICE", eligible_ms, ZERO
    if market.currency != account.currency:
        return "CURRENCY_MISMATCH", eligible_ms, ZERO
    try:
        order = rules.sim_order(request, eligible_ms)
    except ValueError:
        return "ORDER_TYPE_UNKNOWN", eligible_ms, ZERO
    instrument, config = market.instrument(), SimConfig.from_json(market.simulation)
    position = position_of(account, market.symbol)
    code = accept(
        order,
        instrument,
        config,
        mark_price=bar.close,
        position=position,
        buying_power=EXACT.subtract(account.cash, reserved_cash(account)),
        sellable=EXACT.subtract(position, _selling(account, market.symbol)),
    )
    if code is not None:
        return code, eligible_ms, ZERO
    return "", eligible_ms, rules.reservation(order, instrument, config, bar.close, order.quantity)


def position_of(account: PaperAccount, symbol: str) -> Decimal:
    """The signed quantity that the account holds."""
    held = PaperPosition.objects.filter(account=account, symbol=symbol).first()
    return held.quantity if held else ZERO


def reserved_cash(account: PaperAccount) -> Decimal:
    """What the account's open buys keep back."""
    opened = PaperOrder.objects.filter(account=account, state=VenueOrderState.OPEN)
    return opened.aggregate(total=Sum("reserved"))["total"] or ZERO


def _selling(account: PaperAccount, symbol: str) -> Decimal:
    """What the account's open sells may still sell."""
    opened = PaperOrder.objects.filter(account=account, symbol=symbol, side="SELL", state=VenueOrderState.OPEN)
    return opened.aggregate(total=Sum(F("quantity") - F("filled_quantity")))["total"] or ZERO


def cancel(*, account_name: str, client_order_id: str) -> PaperOrder:
    """Cancel what is left of an order; one that has ended stays as it is.

    Raises VenueRejected ACCOUNT_UNKNOWN, ORDER_UNKNOWN.
    """
    with transaction.atomic():
        account = lock_account(account_name)
        order = PaperOrder.objects.filter(account=account, client_order_id=client_order_id).first()
        if order is None:
            raise VenueRejected("ORDER_UNKNOWN", "the venue has no order with that client order id")
        if order.state == VenueOrderState.OPEN:
            order.state, order.reserved = VenueOrderState.CANCELED, ZERO
            order.save(update_fields=["state", "reserved", "updated_at"])
    return order
