"""The adapter of ccxt's exchanges: one spot account, at the exchange that the venue's settings name.

settings: {"exchange": "kraken", "symbols": {"BTC-USD": "BTC/USD"}}. Orders that people place at the exchange in other
symbols than these are only seen where the exchange lists all symbols at once.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from apps.bots.states import Mode
from apps.common.clocks import wall_now
from apps.venues.adapters.base import (
    Adapter,
    Capabilities,
    NoAnswer,
    ReplaceRequest,
    SubmitRequest,
    VenueBalance,
    VenueOrder,
    VenueOrderState,
    VenuePosition,
    VenueQuote,
    VenueRejected,
    VenueTrade,
)
from apps.venues.ccxt import translate
from apps.venues.ccxt.client import CcxtClient, build, stepped
from apps.venues.ccxt.dialects import DIALECTS, Dialect, Raw
from apps.venues.ccxt.translate import Symbols
from apps.venues.endpoints import local_url
from apps.venues.keys import keys_for
from apps.venues.models import Account
from apps.venues.wire import OURS, SETTLE_MS, Garbled, check_declared, exact, numbered, readable, since_ms, text

MODES = frozenset({Mode.PAPER, Mode.LIVE})
OVERLAP_MS = 1_000


def connect(account: Account, timeout_s: float) -> Adapter:
    """The account's way to its exchange.

    Raises Refused VENUE_SYMBOLS, EXCHANGE_UNKNOWN, PAPER_UNSUPPORTED, and as keys_for and local_url do.
    """
    chosen = account.venue.settings
    symbols, name = Symbols.of(chosen), str(chosen.get("exchange", ""))
    local, keys = local_url(account), keys_for(account)
    dialect = DIALECTS.get(name, Dialect)
    client = CcxtClient(build(name, keys, local, dialect.options), keys, timeout_s)
    return CcxtAdapter(dialect(client, symbols))


@dataclass(slots=True)
class Walk:
    """Executions as they were read last: the pages of one walk come from one reading."""

    rows: list[tuple[int, str, Raw]]
    until_ms: int


class CcxtAdapter:
    """One spot account at an exchange."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._client = dialect.client
        self._symbols = dialect.symbols
        self._fills = Walk([], 0)
        self._orders: list[VenueOrder] = []
        self._placed = lru_cache(maxsize=10_000)(self._placed_as)

    @readable
    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter.

        These exchanges keep a client order id apart only among open orders, so it is looked up before it is sent.
        """
        check_declared(request, self.capabilities())
        if not OURS.fullmatch(request.client_order_id):
            raise VenueRejected("ORDER_MALFORMED", "a client order id is 32 hexadecimal digits")
        symbol = self._symbols.theirs(request.symbol)
        terms = self._terms(symbol, request)
        known = self._known(request, symbol)
        if known is not None:
            return known
        if request.send_before is not None and wall_now() >= request.send_before:
            raise VenueRejected("PERMIT_LATE", "the exchange was asked first, and took longer than the permit")
        try:
            raw = self._client.call("create_order", symbol, *terms[0], **terms[1])
        except VenueRejected:
            known = self._known(request, symbol)
            if known is None:
                raise
            return known
        return self._taken(request, raw)

    def _terms(self, symbol: str, request: SubmitRequest) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What create_order takes. Raises VenueRejected for what would have to be rounded."""
        self._client.market(symbol)
        params = translate.order_params(request, request.client_order_id)
        quantity = stepped(self._client, symbol, request.quantity, "quantity")
        limit = request.limit_price and stepped(self._client, symbol, request.limit_price, "price")
        if request.stop_price is not None:
            params["stopLossPrice"] = stepped(self._client, symbol, request.stop_price, "price")
        return (translate.TYPES[request.order_type], request.side.lower(), quantity, limit), params

    def _known(self, request: SubmitRequest, symbol: str) -> VenueOrder | None:
        """The order that already has the client order id. Raises VenueRejected when the exchange rejected it."""
        raw = self._dialect.lookup(request.client_order_id, symbol)
        order = None if raw is None else self._order(raw)
        if order is not None and order.state == VenueOrderState.REJECTED:
            raise VenueRejected(order.reject_code)
        return order

    def _taken(self, request: SubmitRequest, raw: Raw) -> VenueOrder:
        if raw.get("status") is None:
            return translate.placed(request, self._dialect.venue_id({"symbol": raw.get("symbol"), "id": raw.get("id")}))
        order = self._order(raw)
        if order.client_order_id != request.client_order_id:
            raise NoAnswer("the exchange answered with another order")
        if order.state == VenueOrderState.REJECTED:
            raise VenueRejected(order.reject_code)
        return order

    def _order(self, raw: Raw) -> VenueOrder:
        written = str(raw.get("clientOrderId") or "")
        plain = written.replace("-", "").lower()
        return translate.order(
            raw,
            client_order_id=plain if OURS.fullmatch(plain) else written,
            venue_order_id=self._dialect.venue_id(raw),
            symbol=self._symbols.ours(raw.get("symbol")),
        )

    @readable
    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""
        raw = self._found(client_order_id)
        if self._order(raw).state != VenueOrderState.OPEN:
            return self._order(raw)
        try:
            self._client.call("cancel_order", raw["id"], raw["symbol"])
        except VenueRejected:
            after = self._order(self._found(client_order_id))
            if after.state == VenueOrderState.OPEN:
                raise
            return after
        return self._order(self._found(client_order_id))

    def _found(self, client_order_id: str) -> Raw:
        raw = self._dialect.lookup(client_order_id)
        if raw is None:
            raise VenueRejected("ORDER_UNKNOWN", "the venue has no order with that client order id")
        return raw

    @readable
    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """See Adapter. Raises VenueRejected VENUE_CANNOT where it is not declared."""
        if not self.capabilities().has_replace:
            raise VenueRejected("VENUE_CANNOT", "the venue does not change orders")
        raw = self._found(request.client_order_id)
        order = self._order(raw)
        limit, stop = request.limit_price or order.limit_price, request.stop_price or order.stop_price
        if (order.quantity, order.limit_price, order.stop_price) == (request.quantity, limit, stop):
            return order
        if order.state != VenueOrderState.OPEN:
            raise VenueRejected("ORDER_ENDED", "the order has ended")
        symbol = raw["symbol"]
        quantity = stepped(self._client, symbol, request.quantity, "quantity")
        written = limit and stepped(self._client, symbol, limit, "price")
        params = {"stopLossPrice": stepped(self._client, symbol, stop, "price")} if stop else {}
        self._client.call("edit_order", raw["id"], symbol, raw["type"], raw["side"], quantity, written, **params)
        return self._order(self._found(request.client_order_id))

    @readable
    def cancel_all(self, symbol: str | None = None) -> None:
        """See Adapter."""
        self._dialect.cancel_all(None if symbol is None else self._symbols.theirs(symbol))

    @readable
    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        raw = self._dialect.lookup(client_order_id)
        return None if raw is None else self._order(raw)

    @readable
    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""
        return [self._order(raw) for raw in sorted(self._dialect.opened(), key=_place)]

    @readable
    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter. All orders are read at the start and the end of a walk; its pages come from one reading."""
        if cursor in ("", *[order.venue_order_id for order in self._orders[-1:]]) or not self._orders:
            latest = {self._dialect.venue_id(raw): raw for raw in self._dialect.listed()}
            self._orders = [self._order(raw) for raw in sorted(latest.values(), key=_place)]
        ids = [order.venue_order_id for order in self._orders]
        if cursor and cursor not in ids:
            raise VenueRejected("CURSOR_UNKNOWN", "the venue has no order with that id")
        start = ids.index(cursor) + 1 if cursor else 0
        return self._orders[start : start + limit]

    @readable
    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter. The sequence is the fill's millisecond and its place, by trade id, inside it (wire.numbered).

        A fill is handed over once the exchange's own clock is SETTLE_MS past it.
        """
        after = numbered(self._fills.rows, cursor, until_ms=self._fills.until_ms, limit=limit)
        if len(after) < limit:
            self._read_fills(max(0, since_ms(cursor) - OVERLAP_MS))
            after = numbered(self._fills.rows, cursor, until_ms=self._fills.until_ms, limit=limit)
        return [self._trade(raw, sequence) for sequence, raw in after]

    def _read_fills(self, from_ms: int) -> None:
        found = [(translate.trade_ms(raw), self._dialect.venue_id(raw), raw) for raw in self._dialect.fills(from_ms)]
        self._fills = Walk(found, self._dialect.now_ms() - SETTLE_MS if found else 0)

    def _trade(self, raw: Raw, sequence: int) -> VenueTrade:
        placed = self._placed(text(raw.get("order")), text(raw.get("symbol")))
        trade = translate.trade(raw, sequence, placed, self._dialect.venue_id(raw))
        return replace(trade, raw=self._client.report(raw))

    def _placed_as(self, venue_order_id: str, symbol: str) -> VenueOrder:
        """The order a fill belongs to; only its ids and symbol are used, which never change."""
        return self._order(self._dialect.placed(venue_order_id, symbol))

    @readable
    def positions(self) -> list[VenuePosition]:
        """See Adapter: what is held of the symbols' base currencies."""
        return self._symbols.split(self._totals())[0]

    @readable
    def balances(self) -> list[VenueBalance]:
        """See Adapter: every other currency."""
        return self._symbols.split(self._totals())[1]

    def _totals(self) -> dict[str, Any]:
        answer = self._client.call("fetch_balance")
        field = self._dialect.balance_field
        if field and not (isinstance(answer.get("info"), dict) and field in answer["info"]):
            raise Garbled("an account's balances are missing")
        return dict(answer["total"])

    @readable
    def quote(self, symbol: str) -> VenueQuote:
        """See Adapter: the last trade, which on a quiet market is an old one and says so."""
        trades = self._client.call("fetch_trades", self._symbols.theirs(symbol), None, 1)
        if not trades:
            raise VenueRejected("NO_PRICE", "the venue has no price for that symbol")
        return VenueQuote(symbol, exact(trades[-1].get("price")), translate.trade_ms(trades[-1]))

    @readable
    def ping(self) -> None:
        """See Adapter."""
        self._dialect.now_ms()

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._dialect.capabilities


def _place(raw: Raw) -> tuple[int, str]:
    """Where an order stands in the order of arrival."""
    return translate.trade_ms(raw), text(raw.get("id"))
