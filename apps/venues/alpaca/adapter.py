"""The adapter of Alpaca: one account over its trading API, paper or live as its keys are.

What the gateway relies on, as Alpaca documents it: a client order id is taken once per account for good; an order
that is replaced gets a new id and lives on under its client order id with a number behind it; fills are account
activities without client order ids and without fees, which come as activities of their own days later. Busts are
not told over REST: reconciliation finds them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from apps.bots.states import Mode
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
from apps.venues.alpaca import translate
from apps.venues.alpaca.client import AlpacaClient
from apps.venues.endpoints import local_url
from apps.venues.keys import keys_for
from apps.venues.models import Account
from apps.venues.wire import SETTLE_MS, Garbled, check_declared, exact, instant_ns, numbered, readable, since_ms, text

MODES = frozenset({Mode.PAPER, Mode.LIVE})
CAPABILITIES = Capabilities(
    order_types=frozenset(translate.TYPES),
    times_in_force=frozenset({"DAY", "GTC", "IOC", "FOK"}),
    has_reduce_only=False,
    has_replace=True,
    has_cancel_all=True,
    has_extended_hours=True,
    # Alpaca allows 200 a minute; one of our calls is up to three of theirs.
    requests_per_minute=100,
)
ORDERS_PER_CALL = 500
TRADES_PER_CALL = 100
REPLACED_MAX = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


def connect(account: Account, timeout_s: float) -> Adapter:
    """The account's way to Alpaca. Raises Refused as keys_for and local_url do."""
    local, keys = local_url(account), keys_for(account)
    client = AlpacaClient(keys, timeout_s, local)
    return AlpacaAdapter(client, translate.Symbols(account.venue.settings.get("symbols") or {}))


class AlpacaAdapter:
    """One account at Alpaca."""

    def __init__(self, client: AlpacaClient, symbols: translate.Symbols) -> None:
        self._client = client
        self._symbols = symbols
        self._placed = lru_cache(maxsize=10_000)(self._placed_as)

    @readable
    def submit(self, request: SubmitRequest) -> VenueOrder:
        """See Adapter."""
        check_declared(request, CAPABILITIES)
        body = translate.order_body(request, self._symbols)
        try:
            order = self._order(self._client.post("/orders", body))
        except VenueRejected as refusal:
            known = self._first(request.client_order_id) if "client_order_id" in refusal.message else None
            if known is None:
                raise
            return known
        if order.client_order_id != request.client_order_id:
            raise NoAnswer("alpaca answered with another order")
        if order.state == VenueOrderState.REJECTED:
            raise VenueRejected(order.reject_code)
        return order

    def _first(self, client_order_id: str) -> VenueOrder | None:
        """The order that has taken the id; one that Alpaca rejected stays rejected."""
        known = self.order_by_client_id(client_order_id)
        if known is not None and known.state == VenueOrderState.REJECTED:
            raise VenueRejected(known.reject_code)
        return known

    @readable
    def cancel(self, client_order_id: str) -> VenueOrder:
        """See Adapter."""
        head = self._known_head(client_order_id)
        if self._order(head).state != VenueOrderState.OPEN:
            return self._order(head)
        try:
            self._client.delete(f"/orders/{head['id']}")
        except VenueRejected:
            after = self._order(self._known_head(client_order_id))
            if after.state == VenueOrderState.OPEN:
                raise
            return after
        return self._order(self._known_head(client_order_id))

    @readable
    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """See Adapter. A partly filled order keeps its terms: Alpaca does not say what its new quantity would mean."""
        head = self._known_head(request.client_order_id)
        if head["status"] == "pending_replace":
            raise NoAnswer("alpaca is still replacing this order")
        order = self._order(head)
        if translate.has_terms(order, request):
            return order
        if order.state != VenueOrderState.OPEN:
            raise VenueRejected("ORDER_ENDED", "the order has ended")
        if order.filled_quantity:
            raise VenueRejected("ORDER_PARTLY_FILLED", "alpaca replaces only orders without fills")
        body = translate.replace_body(request, head["client_order_id"])
        return self._order(self._client.patch(f"/orders/{head['id']}", body))

    @readable
    def cancel_all(self, symbol: str | None = None) -> None:
        """See Adapter. Raises NoAnswer when any order may still be open."""
        if symbol is not None:
            for order in self.open_orders():
                if order.symbol == symbol:
                    self.cancel(order.client_order_id)
            return
        answers = self._client.delete("/orders")
        if not isinstance(answers, list) or any(answer.get("status") not in (200, 204) for answer in answers):
            raise NoAnswer("alpaca did not take back every order")

    @readable
    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """See Adapter."""
        head = self._head(client_order_id)
        return None if head is None else self._order(head)

    def _known_head(self, client_order_id: str) -> dict[str, Any]:
        head = self._head(client_order_id)
        if head is None:
            raise VenueRejected("ORDER_UNKNOWN", "the venue has no order with that client order id")
        return head

    def _head(self, client_order_id: str) -> dict[str, Any] | None:
        """The order as it is now: the last of those that have replaced one another."""
        raw = self._found("/orders:by_client_order_id", {"client_order_id": client_order_id})
        if raw is None:
            return None
        for _ in range(REPLACED_MAX):
            if translate.client_id(raw.get("client_order_id")) != client_order_id:
                break
            if raw.get("status") != "replaced":
                return raw
            raw = self._found(f"/orders/{raw.get('replaced_by')}") or {}
        raise NoAnswer("alpaca answered with another order")

    def _found(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            raw = self._client.get(path, query)
        except VenueRejected as refusal:
            if refusal.code == translate.NOT_FOUND:
                return None
            raise
        if not isinstance(raw, dict):
            raise NoAnswer("alpaca answered with something else than an order")
        return raw

    def _list(self, path: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        rows = self._client.get(path, query)
        if not isinstance(rows, list):
            raise NoAnswer("alpaca answered with something else than a list")
        return rows

    def _order(self, raw: Any) -> VenueOrder:
        return translate.order(raw, self._symbols)

    @readable
    def open_orders(self) -> list[VenueOrder]:
        """See Adapter."""
        return [self._order(raw) for raw in self._listed("open", 0)]

    @readable
    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """See Adapter. Of orders that replaced one another the last one counts."""
        start = (0, "")
        if cursor:
            raw = self._found(f"/orders/{cursor}")
            if raw is None:
                raise VenueRejected("CURSOR_UNKNOWN", "the venue has no order with that id")
            start = _place(raw)
        found: list[VenueOrder] = []
        for raw in self._listed("all", start[0]):
            if _place(raw) > start and raw.get("status") != "replaced":
                found.append(self._order(raw))
                if len(found) == limit:
                    break
        return found

    def _listed(self, status: str, from_ns: int) -> Iterator[dict[str, Any]]:
        """Orders submitted from `from_ns` on, oldest first; pages overlap by a millisecond."""
        seen: set[str] = set()
        while True:
            query: dict[str, Any] = {"status": status, "limit": ORDERS_PER_CALL, "direction": "asc", "nested": "false"}
            query |= _after(from_ns - MILLISECOND_NS, "%Y-%m-%dT%H:%M:%S.%fZ")
            page = sorted(self._list("/orders", query), key=_place)
            fresh = [raw for raw in page if raw["id"] not in seen]
            yield from fresh
            if len(page) < ORDERS_PER_CALL:
                return
            if not fresh:
                raise NoAnswer("alpaca answers with the same orders again and again")
            seen.update(raw["id"] for raw in fresh)
            from_ns = _place(page[-1])[0]

    @readable
    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """See Adapter. The sequence is the fill's millisecond and its place, by activity id, inside it (wire.numbered).

        A fill is handed over once Alpaca's own clock is SETTLE_MS past it.
        """
        found = self._fills(cursor, limit)
        if not found:
            return []
        until_ms = instant_ns(self._clock()) // MILLISECOND_NS - SETTLE_MS
        rows = [(translate.trade_ms(raw), text(raw.get("id")), raw) for raw in found]
        after = numbered(rows, cursor, until_ms=until_ms, limit=limit)
        return [self._trade(raw, sequence) for sequence, raw in after]

    def _trade(self, raw: dict[str, Any], sequence: int) -> VenueTrade:
        trade = translate.trade(raw, sequence, self._placed(text(raw.get("order_id"))))
        return replace(trade, raw=self._client.report(raw))

    def _fills(self, cursor: int, limit: int) -> list[dict[str, Any]]:
        """Fills from a second before the cursor on: all, or more than enough and every millisecond whole."""
        start_ms = since_ms(cursor)
        query: dict[str, Any] = {"direction": "asc", "page_size": TRADES_PER_CALL}
        query |= _after(start_ms * MILLISECOND_NS - SECOND_NS, "%Y-%m-%dT%H:%M:%SZ")
        found: list[dict[str, Any]] = []
        while True:
            page = self._list("/account/activities/FILL", query)
            found.extend(page)
            if len(page) < TRADES_PER_CALL:
                return found
            last_ms = max(translate.trade_ms(raw) for raw in found)
            whole = [raw for raw in found if translate.trade_ms(raw) < last_ms]
            if sum(translate.trade_ms(raw) > start_ms for raw in whole) >= limit:
                return whole
            query["page_token"] = text(page[-1].get("id"))

    def _placed_as(self, venue_order_id: str) -> VenueOrder:
        """The order a fill belongs to; only its ids and symbol are used, which never change."""
        raw = self._found(f"/orders/{venue_order_id}")
        if raw is None:
            raise NoAnswer("alpaca tells a fill of an order that it does not know")
        return self._order(raw | {"status": "new"})

    @readable
    def positions(self) -> list[VenuePosition]:
        """See Adapter."""
        held = [translate.position(raw, self._symbols) for raw in self._list("/positions")]
        return [position for position in held if position.quantity]

    @readable
    def balances(self) -> list[VenueBalance]:
        """See Adapter."""
        raw = self._client.get("/account")
        return [VenueBalance(text(raw.get("currency")), exact(raw.get("cash")))]

    @readable
    def quote(self, symbol: str) -> VenueQuote:
        """See Adapter: the last trade."""
        theirs = self._symbols.theirs(symbol)
        if "/" in theirs:
            answer = self._client.data("/crypto/us/latest/trades", {"symbols": theirs}, "v1beta3")
            trade = answer["trades"].get(theirs)
        else:
            answer = self._client.data(f"/stocks/{theirs}/trades/latest", {}, "v2")
            trade = answer["trade"]
        if trade is None:
            raise VenueRejected("NO_PRICE", "the venue has no price for that symbol")
        return VenueQuote(symbol, exact(trade.get("p")), instant_ns(trade.get("t")) // MILLISECOND_NS)

    @readable
    def ping(self) -> None:
        """See Adapter."""
        self._clock()

    def _clock(self) -> str:
        answer = self._client.get("/clock")
        if not isinstance(answer, dict):
            raise Garbled("a clock is missing")
        return text(answer.get("timestamp"))

    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return CAPABILITIES


def _place(raw: dict[str, Any]) -> tuple[int, str]:
    """Where an order stands in the order of arrival."""
    return instant_ns(raw.get("submitted_at")), text(raw.get("id"))


def _after(instant: int, form: str) -> dict[str, str]:
    """A query for what came after a moment in nanoseconds since the epoch; nothing for the very beginning."""
    if instant <= 0:
        return {}
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant // 1000)
    return {"after": moment.strftime(form)}
