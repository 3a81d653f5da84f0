"""A stand-in that speaks Alpaca's trading and market data REST."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.contracts.book import BookOrder, BookTrade
from tests.contracts.server import KEY, SECRET, Answer, Call, VenueServer

UNIQUE = Answer({"code": 40010001, "message": "client_order_id must be unique"}, 422)
FUNDS = Answer({"code": 40310000, "message": "insufficient buying power"}, 403)
NOT_FOUND = Answer({"code": 40410000, "message": "order not found"}, 404)
ENDED = Answer({"code": 42210000, "message": "order is already in an ended state"}, 422)
NEEDS_LIMIT_DAY = Answer({"code": 42210000, "message": "extended hours order must be DAY limit orders"}, 422)
FORBIDDEN = Answer({"code": 40110000, "message": f"access key verification failed for {KEY} {SECRET}"}, 401)
SYMBOLS = ("BTC/USD", "AAPL")


class AlpacaServer(VenueServer):
    """Orders keep their client order ids for good; a replaced order lives on as another one."""

    page_size_max = 100

    def act_of(self, call: Call) -> str:
        path = call.path.removeprefix("/v2")
        if path.startswith("/orders"):
            acts = {"POST": "submit", "PATCH": "replace", "DELETE": "cancel" if len(path) > 7 else "cancel_all"}
            return acts.get(call.method) or ("open_orders" if path == "/orders" else "lookup")
        names = {
            "/account": "balances",
            "/positions": "positions",
            "/clock": "ping",
            "/account/activities/FILL": "trades",
        }
        return names.get(path, "quote")

    def answer(self, call: Call) -> Answer:
        if (call.headers.get("apca-api-key-id"), call.headers.get("apca-api-secret-key")) != (KEY, SECRET):
            return FORBIDDEN
        book, act = self.book, self.act_of(call)
        if act == "quote":
            last = {"t": _time(book.now_ms), "p": float(book.price), "s": 1}
            return Answer({"trades": {call.query["symbols"]: last}} if "symbols" in call.query else {"trade": last})
        if act == "positions":
            held = {"symbol": "BTCUSD", "asset_class": "crypto", "qty": str(book.held), "avg_entry_price": "100"}
            side = "long" if book.held > 0 else "short"
            return Answer([held | {"side": side}] if book.held else [])
        if act == "balances":
            return Answer({"currency": "USD", "cash": str(book.cash), "buying_power": "0"})
        if act == "ping":
            return Answer({"timestamp": _time(book.now_ms), "is_open": True})
        return getattr(self, f"_{act}")(call)

    def _submit(self, call: Call) -> Answer:
        asked = call.body
        assert all(isinstance(value, str | bool) for value in asked.values()), "numbers must travel as texts"
        is_extended = asked.get("extended_hours", False)
        if asked["symbol"] not in SYMBOLS:
            return Answer({"code": 42210000, "message": f'asset "{asked["symbol"]}" not found'}, 422)
        if self.book.find(asked["client_order_id"]):
            return UNIQUE
        if is_extended and (asked["type"], asked["time_in_force"]) != ("limit", "day"):
            return NEEDS_LIMIT_DAY
        if Decimal(asked["qty"]) * Decimal(asked.get("limit_price", "100")) > self.book.cash:
            return FUNDS
        order = self.book.place(
            client_id=asked["client_order_id"],
            symbol=asked["symbol"],
            side=asked["side"].upper(),
            kind=asked["type"],
            tif=asked["time_in_force"],
            quantity=Decimal(asked["qty"]),
            limit=_price(asked, "limit_price"),
            stop=_price(asked, "stop_price"),
            is_extended=is_extended,
        )
        return Answer(_order(order))

    def _replace(self, call: Call) -> Answer:
        old = self._named(call)
        if old is None or old.state != "open":
            return NOT_FOUND if old is None else ENDED
        order = self.book.place(
            client_id=call.body["client_order_id"],
            symbol=old.symbol,
            side=old.side,
            kind=old.kind,
            tif=old.tif,
            quantity=Decimal(call.body.get("qty", old.quantity)),
            limit=_price(call.body, "limit_price") or old.limit,
            stop=_price(call.body, "stop_price") or old.stop,
            is_extended=old.is_extended,
            replaces=old.number,
        )
        old.state, old.replaced_by = "replaced", order.number
        return Answer(_order(order))

    def _cancel(self, call: Call) -> Answer:
        order = self._named(call)
        if order is None:
            return NOT_FOUND
        return Answer(None, 204) if self.book.cancel(order) else ENDED

    def _cancel_all(self, _: Call) -> Answer:
        opened = [order for order in self.book.orders if order.state == "open"]
        return Answer([{"id": _id(order), "status": 200} for order in opened if self.book.cancel(order)], 207)

    def _lookup(self, call: Call) -> Answer:
        asked = call.query.get("client_order_id")
        order = self.book.find(asked) if asked else self._named(call)
        return NOT_FOUND if order is None else Answer(_order(order))

    def _open_orders(self, call: Call) -> Answer:
        after = _ms(call.query.get("after"))
        found = [order for order in self.book.orders if order.placed_ms > after]
        if call.query["status"] == "open":
            found = [order for order in found if order.state == "open"]
        assert call.query["direction"] == "asc"
        return Answer([_order(order) for order in found[: int(call.query["limit"])]])

    def _trades(self, call: Call) -> Answer:
        after = _ms(call.query.get("after"))
        rows = [_fill(trade) for trade in self.book.trades if trade.ms > after]
        rows.sort(key=lambda row: row["id"])
        rows = [row for row in rows if row["id"] > call.query.get("page_token", "")]
        return Answer(rows[: min(int(call.query["page_size"]), self.page_size_max)])

    def _named(self, call: Call) -> BookOrder | None:
        try:
            return self.book.numbered(UUID(call.path.rpartition("/")[2]).int)
        except ValueError:
            return None


def _id(order: BookOrder) -> str:
    return str(UUID(int=order.number))


def _price(asked: dict[str, Any], name: str) -> Decimal | None:
    return Decimal(asked[name]) if name in asked else None


def _time(ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}123456Z"


def _ms(written: str | None) -> int:
    if not written:
        return 0
    return int((datetime.fromisoformat(written) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def _order(order: BookOrder) -> dict[str, Any]:
    state = "partially_filled" if order.state == "open" and order.filled else order.state
    return {
        "id": _id(order),
        "client_order_id": order.client_id,
        "submitted_at": _time(order.placed_ms),
        "symbol": order.symbol,
        "asset_class": "crypto" if "/" in order.symbol else "us_equity",
        "qty": str(order.quantity),
        "filled_qty": str(order.filled),
        "filled_avg_price": str(order.average) if order.filled else None,
        "type": order.kind,
        "side": order.side.lower(),
        "time_in_force": order.tif,
        "limit_price": None if order.limit is None else str(order.limit),
        "stop_price": None if order.stop is None else str(order.stop),
        "status": "new" if state == "open" else state,
        "replaces": str(UUID(int=order.replaces)) if order.replaces else None,
        "replaced_by": str(UUID(int=order.replaced_by)) if order.replaced_by else None,
    }


def _fill(trade: BookTrade) -> dict[str, Any]:
    """An activity; of two in one millisecond the later one has the smaller id."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=trade.ms)
    return {
        "id": f"{moment:%Y%m%d%H%M%S}{trade.ms % 1000:03d}::{UUID(int=2**127 - trade.number)}",
        "activity_type": "FILL",
        "transaction_time": _time(trade.ms),
        "type": "fill" if trade.order.state == "filled" else "partial_fill",
        "price": str(trade.price),
        "qty": str(trade.quantity),
        "side": trade.order.side.lower(),
        "symbol": trade.order.symbol,
        "order_id": _id(trade.order),
    }
