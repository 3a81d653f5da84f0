"""ccxt's unified structures to our values and back, digit for digit; nothing here calls anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.common.errors import Refused
from apps.venues.adapters.base import (
    SubmitRequest,
    VenueBalance,
    VenueOrder,
    VenueOrderState,
    VenuePosition,
    VenueRejected,
    VenueTrade,
)
from apps.venues.wire import Garbled, exact, exact_or_none, text

STATES = {
    "open": VenueOrderState.OPEN,
    "canceling": VenueOrderState.OPEN,
    "closed": VenueOrderState.FILLED,
    "canceled": VenueOrderState.CANCELED,
    "expired": VenueOrderState.EXPIRED,
    "expired_in_match": VenueOrderState.EXPIRED,
    "rejected": VenueOrderState.REJECTED,
}
TYPES = {"MARKET": "market", "LIMIT": "limit", "STOP": "market", "STOP_LIMIT": "limit"}
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Symbols:
    """Our instruments at this venue and what ccxt calls them: {"BTC-USD": "BTC/USD"}.

    A spot account holds currencies. What is the base of a symbol is a position, every other currency is cash, so no
    currency may be both, and none the base of two symbols.
    """

    known: Mapping[str, str]

    @classmethod
    def of(cls, venue_settings: Mapping[str, Any]) -> "Symbols":
        """The venue's `symbols`. Raises Refused VENUE_SYMBOLS."""
        known = venue_settings.get("symbols")
        if (
            not isinstance(known, dict)
            or not known
            or not all(str(theirs).count("/") == 1 for theirs in known.values())
        ):
            raise Refused("VENUE_SYMBOLS", 'the venue\'s settings must name its symbols: {"BTC-USD": "BTC/USD"}')
        bases = [theirs.split("/")[0] for theirs in known.values()]
        quotes = {theirs.split("/")[1] for theirs in known.values()}
        if len(set(bases)) < len(bases) or quotes & set(bases):
            raise Refused("VENUE_SYMBOLS", "a currency of this venue would be two positions, or position and cash")
        return cls(known)

    def theirs(self, symbol: str) -> str:
        """ccxt's name. Raises VenueRejected VENUE_CANNOT."""
        if symbol not in self.known:
            raise VenueRejected("VENUE_CANNOT", f"the venue's settings do not name {symbol}")
        return self.known[symbol]

    def ours(self, symbol: Any) -> str:
        """Our name; ccxt's own for what we do not trade."""
        return next((mine for mine, theirs in self.known.items() if theirs == symbol), text(symbol))

    def split(self, totals: Mapping[str, Any]) -> tuple[list[VenuePosition], list[VenueBalance]]:
        """An account's currencies as positions (a spot account knows no average price: 0) and cash."""
        bases = {theirs.split("/")[0]: mine for mine, theirs in self.known.items()}
        quotes = {theirs.split("/")[1] for theirs in self.known.values()}
        amounts = {currency: exact(amount) for currency, amount in totals.items()}
        positions = [VenuePosition(bases[c], amount, ZERO) for c, amount in amounts.items() if c in bases and amount]
        cash = {c: amount for c, amount in amounts.items() if c not in bases and (amount or c in quotes)}
        return positions, [VenueBalance(c, amount) for c, amount in cash.items()]


def order_params(request: SubmitRequest, written_id: str) -> dict[str, Any]:
    """What ccxt takes beside symbol, type, side, amount and price.

    Raises VenueRejected VENUE_CANNOT: an order at the market has no time in force at these venues.
    """
    params: dict[str, Any] = {"clientOrderId": written_id}
    if request.limit_price is not None and not request.is_post_only:
        params["timeInForce"] = request.time_in_force
    elif request.time_in_force not in ("GTC", "IOC"):
        raise VenueRejected("VENUE_CANNOT", f"this order cannot be {request.time_in_force}")
    if request.is_post_only:
        params["postOnly"] = True
    return params


def placed(request: SubmitRequest, venue_order_id: str) -> VenueOrder:
    """An order that the venue took without saying more than its id."""
    return VenueOrder(
        client_order_id=request.client_order_id,
        venue_order_id=venue_order_id,
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        quantity=request.quantity,
        filled_quantity=ZERO,
        average_price=None,
        state=VenueOrderState.OPEN,
        reject_code="",
        limit_price=request.limit_price,
        stop_price=request.stop_price,
    )


def order(raw: Mapping[str, Any], *, client_order_id: str, venue_order_id: str, symbol: str) -> VenueOrder:
    """An order in ccxt's unified form. Raises Garbled."""
    quantity, filled = exact(raw.get("amount")), exact(raw.get("filled"))
    stop = exact_or_none(raw.get("stopLossPrice") or raw.get("triggerPrice"))
    is_limit = raw.get("type") == "limit" or "limit" in str(raw.get("type"))
    kind = ("STOP_LIMIT" if is_limit else "STOP") if stop else ("LIMIT" if is_limit else "MARKET")
    return VenueOrder(
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        symbol=symbol,
        side=text(raw.get("side")).upper(),
        order_type=kind,
        quantity=quantity,
        filled_quantity=filled,
        average_price=exact_or_none(raw.get("average")) if filled else None,
        state=_state(raw, is_whole=filled >= quantity),
        reject_code="REJECTED" if raw.get("status") == "rejected" else "",
        limit_price=exact_or_none(raw.get("price")) if is_limit else None,
        stop_price=stop,
    )


def _state(raw: Mapping[str, Any], *, is_whole: bool) -> VenueOrderState:
    state = STATES.get(str(raw.get("status")).lower())
    if state is None:
        raise Garbled("an order status that we do not know")
    # Some exchanges say closed of whatever does not work any more.
    return VenueOrderState.CANCELED if state == VenueOrderState.FILLED and not is_whole else state


def trade(raw: Mapping[str, Any], sequence: int, of: VenueOrder, trade_id: str) -> VenueTrade:
    """An execution of the order `of`."""
    fee = raw.get("fee") or {}
    cost = exact_or_none(fee.get("cost"))
    return VenueTrade(
        trade_id=trade_id,
        sequence=sequence,
        client_order_id=of.client_order_id,
        venue_order_id=of.venue_order_id,
        symbol=of.symbol,
        side=text(raw.get("side")).upper(),
        quantity=exact(raw.get("amount")),
        price=exact(raw.get("price")),
        fee=cost or ZERO,
        fee_currency=text(fee.get("currency")) if cost else text(raw.get("symbol")).split("/")[1],
        market_ms=trade_ms(raw),
    )


def trade_ms(raw: Mapping[str, Any]) -> int:
    """The millisecond of an execution."""
    moment = raw.get("timestamp")
    if type(moment) is not int:
        raise Garbled("a time is missing")
    return moment
