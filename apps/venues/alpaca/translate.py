"""Alpaca's wire values to ours and back, digit for digit; nothing here calls anybody."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.common import decimals
from apps.venues.adapters.base import (
    NoAnswer,
    ReplaceRequest,
    SubmitRequest,
    VenueOrder,
    VenueOrderState,
    VenuePosition,
    VenueRejected,
    VenueTrade,
)
from apps.venues.wire import OURS, Garbled, exact, exact_or_none, instant_ns, text

ENDED = {
    "filled": VenueOrderState.FILLED,
    "canceled": VenueOrderState.CANCELED,
    "expired": VenueOrderState.EXPIRED,
    "rejected": VenueOrderState.REJECTED,
}
WORKING = {
    "new", "partially_filled", "done_for_day", "pending_cancel", "pending_replace", "accepted", "pending_new",
    "accepted_for_bidding", "stopped", "suspended", "calculated", "held",
}  # fmt: skip
TYPES = {"MARKET": "market", "LIMIT": "limit", "STOP": "stop", "STOP_LIMIT": "stop_limit"}
SIDES = {"buy": "BUY", "sell": "SELL", "sell_short": "SELL"}
QUOTES = ("USDT", "USDC", "USD", "BTC")
REPLACED = re.compile(r"([0-9a-f]{32})\.(\d+)")
UNSURE = frozenset({408, 425, 429})
NOT_FOUND = "40410000"


@dataclass(frozen=True, slots=True)
class Symbols:
    """Our names of instruments and Alpaca's: as the venue's settings say, else BTC-USD is its BTC/USD."""

    known: Mapping[str, str] = field(default_factory=dict)

    def theirs(self, symbol: str) -> str:
        """Alpaca's name."""
        return self.known.get(symbol) or symbol.replace("-", "/")

    def ours(self, symbol: str, asset_class: str = "") -> str:
        """Our name; a crypto pair may come without its slash, as positions do."""
        for mine, named in self.known.items():
            if symbol in (named, named.replace("/", "")):
                return mine
        if asset_class == "crypto" and "/" not in symbol:
            quote = next((quote for quote in QUOTES if symbol.endswith(quote)), "")
            symbol = f"{symbol.removesuffix(quote)}/{quote}" if quote else symbol
        return symbol.replace("/", "-")


def client_id(written: Any) -> str:
    """Our client order id: what replaces an order carries its id, a dot and a number."""
    found = REPLACED.fullmatch(text(written))
    return found[1] if found else text(written)


def next_client_id(written: str) -> str:
    """The client order id of the order that replaces the one called `written`."""
    found = REPLACED.fullmatch(written)
    return f"{found[1]}.{int(found[2]) + 1}" if found else f"{written}.1"


def order_body(request: SubmitRequest, symbols: Symbols) -> dict[str, Any]:
    """An order to send. The library's own request models hold floats, so they are not used.

    Alpaca lets limit orders for the day alone trade outside the session, from 04:00 to 20:00 in New York
    (https://docs.alpaca.markets/docs/orders-at-alpaca); what replaces such an order inherits that.
    """
    if not OURS.fullmatch(request.client_order_id):
        raise VenueRejected("ORDER_MALFORMED", "a client order id is 32 hexadecimal digits")
    body: dict[str, Any] = {
        "symbol": symbols.theirs(request.symbol),
        "side": request.side.lower(),
        "type": TYPES[request.order_type],
        "time_in_force": request.time_in_force.lower(),
        "qty": decimals.text_of(request.quantity),
        "client_order_id": request.client_order_id,
    }
    if request.is_extended_hours:
        body["extended_hours"] = True
    return body | _prices(request)


def replace_body(request: ReplaceRequest, written_id: str) -> dict[str, str]:
    """New terms for the order called `written_id`."""
    body = {"qty": decimals.text_of(request.quantity), "client_order_id": next_client_id(written_id)}
    return body | _prices(request)


def _prices(request: SubmitRequest | ReplaceRequest) -> dict[str, str]:
    prices = {"limit_price": request.limit_price, "stop_price": request.stop_price}
    return {name: decimals.text_of(price) for name, price in prices.items() if price is not None}


def has_terms(order: VenueOrder, request: ReplaceRequest) -> bool:
    """Whether the order already is what was asked for; a price not named stays."""
    is_limit = request.limit_price in (None, order.limit_price)
    return order.quantity == request.quantity and is_limit and request.stop_price in (None, order.stop_price)


def order(raw: Any, symbols: Symbols) -> VenueOrder:
    """An order as Alpaca tells it. Raises Garbled."""
    status = _field(raw, "status")
    if status not in ENDED and status not in WORKING:
        raise Garbled("an order status that we do not know")
    kinds = {theirs: ours for ours, theirs in TYPES.items()}
    return VenueOrder(
        client_order_id=client_id(raw.get("client_order_id")),
        venue_order_id=_field(raw, "id"),
        symbol=symbols.ours(_field(raw, "symbol"), raw.get("asset_class") or ""),
        side=SIDES.get(_field(raw, "side"), ""),
        order_type=kinds.get(_field(raw, "type"), _field(raw, "type").upper()),
        # An order for an amount of money, which we never send, has no quantity.
        quantity=exact(raw.get("qty") or raw.get("filled_qty")),
        filled_quantity=exact(raw.get("filled_qty")),
        average_price=exact_or_none(raw.get("filled_avg_price")),
        state=ENDED.get(status, VenueOrderState.OPEN),
        reject_code="REJECTED" if status == "rejected" else "",
        limit_price=exact_or_none(raw.get("limit_price")),
        stop_price=exact_or_none(raw.get("stop_price")),
    )


def trade(raw: Any, sequence: int, placed: VenueOrder) -> VenueTrade:
    """An execution of the order `placed`. Alpaca books fees as activities of their own, so here there is none."""
    return VenueTrade(
        trade_id=_field(raw, "id"),
        sequence=sequence,
        client_order_id=placed.client_order_id,
        venue_order_id=_field(raw, "order_id"),
        symbol=placed.symbol,
        side=SIDES[_field(raw, "side")],
        quantity=exact(raw.get("qty")),
        price=exact(raw.get("price")),
        fee=exact(0),
        fee_currency="USD",
        market_ms=trade_ms(raw),
    )


def trade_ms(raw: Any) -> int:
    """The millisecond of an execution."""
    return instant_ns(_field(raw, "transaction_time")) // 1_000_000


def position(raw: Any, symbols: Symbols) -> VenuePosition:
    """A holding; short ones are negative."""
    quantity = abs(exact(raw.get("qty")))
    sign = {"long": 1, "short": -1}[_field(raw, "side")]
    symbol = symbols.ours(_field(raw, "symbol"), raw.get("asset_class") or "")
    return VenuePosition(symbol, sign * quantity, exact(raw.get("avg_entry_price")))


def failure(status: int | None, body: str) -> NoAnswer | VenueRejected:
    """What an error answer means: a no only when Alpaca itself says so with a code of its own."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    is_said = isinstance(answer, dict) and type(answer.get("code")) is int
    if not is_said or status is None or not 400 <= status < 500 or status in UNSURE:
        return NoAnswer(f"alpaca answered with status {status}")
    return VenueRejected(str(answer["code"]), str(answer.get("message") or "")[:200])


def _field(raw: Any, name: str) -> str:
    if not isinstance(raw, dict):
        raise Garbled("an object is missing")
    return text(raw.get(name))
