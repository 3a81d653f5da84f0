"""A stand-in that speaks Binance's spot REST: ids count per symbol, client order ids are unique among open orders."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

from tests.contracts.book import BookOrder, BookTrade
from tests.contracts.server import KEY, SECRET, Answer, Call, VenueServer

SYMBOL, BASE, QUOTE = "BTCUSDT", "BTC", "USDT"
STATES = {"open": "NEW", "filled": "FILLED", "canceled": "CANCELED"}
ACTS = {
    ("POST", "order"): "submit",
    ("GET", "order"): "lookup",
    ("DELETE", "order"): "cancel",
    ("DELETE", "openOrders"): "cancel_all",
    ("GET", "openOrders"): "open_orders",
    ("GET", "allOrders"): "orders",
    ("GET", "myTrades"): "trades",
    ("GET", "account"): "balances",
    ("GET", "time"): "ping",
    ("GET", "aggTrades"): "quote",
    ("GET", "exchangeInfo"): "markets",
}
PUBLIC = {"ping", "quote", "markets"}


def refusal(code: int, message: str, status: int = 400) -> Answer:
    """Binance's way to say no."""
    return Answer({"code": code, "msg": message}, status)


class BinanceServer(VenueServer):
    """One spot account."""

    page_size_max = 1_000

    def act_of(self, call: Call) -> str:
        return ACTS[call.method, call.path.rpartition("/")[2]]

    def answer(self, call: Call) -> Answer:
        act = self.act_of(call)
        if act not in PUBLIC and not _is_signed(call):
            return refusal(-2015, f"Invalid API-key, IP, or permissions for action: {KEY} {SECRET}", 401)
        asked = call.query | call.body
        if "symbol" in asked and asked["symbol"] != SYMBOL:
            return refusal(-1121, "Invalid symbol.")
        return getattr(self, f"_{act}")(asked)

    def _submit(self, asked: dict[str, Any]) -> Answer:
        book = self.book
        known = book.find(asked["newClientOrderId"])
        if known is not None and known.state == "open":
            return refusal(-2010, "Duplicate order sent.")
        if Decimal(asked["quantity"]) * Decimal(asked.get("price", "100")) > book.cash:
            return refusal(-2010, "Account has insufficient balance for requested action.")
        order = book.place(
            client_id=asked["newClientOrderId"],
            symbol=SYMBOL,
            side=asked["side"],
            kind=asked["type"],
            tif=asked.get("timeInForce", "GTC"),
            quantity=Decimal(asked["quantity"]),
            limit=Decimal(asked["price"]) if "price" in asked else None,
            stop=Decimal(asked["stopPrice"]) if "stopPrice" in asked else None,
        )
        return Answer(_order(order) | {"transactTime": order.placed_ms, "fills": []})

    def _lookup(self, asked: dict[str, Any]) -> Answer:
        order = self._named(asked)
        return refusal(-2013, "Order does not exist.") if order is None else Answer(_order(order))

    def _cancel(self, asked: dict[str, Any]) -> Answer:
        order = self._named(asked)
        if order is None or not self.book.cancel(order):
            return refusal(-2011, "Unknown order sent.")
        return Answer(_order(order) | {"origClientOrderId": order.client_id, "clientOrderId": "cancel-of-it"})

    def _cancel_all(self, _: dict[str, Any]) -> Answer:
        gone = [order for order in self.book.orders if self.book.cancel(order)]
        return Answer([_order(order) for order in gone]) if gone else refusal(-2011, "Unknown order sent.")

    def _open_orders(self, _: dict[str, Any]) -> Answer:
        return Answer([_order(order) for order in self.book.orders if order.state == "open"])

    def _orders(self, asked: dict[str, Any]) -> Answer:
        first = int(asked.get("orderId", 1))
        return Answer([_order(order) for order in self.book.orders if order.number >= first][: self._page(asked)])

    def _trades(self, asked: dict[str, Any]) -> Answer:
        if "fromId" in asked:
            rows = [row for row in self.book.trades if row.number >= int(asked["fromId"])][: self._page(asked)]
        else:
            rows = self.book.trades[-self._page(asked) :]
        return Answer([_trade(trade) for trade in rows])

    def _page(self, asked: dict[str, Any]) -> int:
        return min(int(asked.get("limit", 500)), self.page_size_max)

    def _balances(self, _: dict[str, Any]) -> Answer:
        locked = sum((o.quantity * (o.limit or 0) for o in self.book.orders if o.state == "open"), Decimal(0))
        rows = [
            {"asset": QUOTE, "free": str(self.book.cash - locked), "locked": str(locked)},
            {"asset": BASE, "free": str(self.book.held), "locked": "0.00000000"},
        ]
        return Answer({"updateTime": self.book.now_ms, "accountType": "SPOT", "balances": rows})

    def _ping(self, _: dict[str, Any]) -> Answer:
        return Answer({"serverTime": self.book.now_ms})

    def _quote(self, _: dict[str, Any]) -> Answer:
        last = {"a": 1, "p": str(self.book.price), "q": "1", "f": 1, "l": 1, "T": self.book.now_ms, "m": False}
        return Answer([last])

    def _markets(self, _: dict[str, Any]) -> Answer:
        types = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"]
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "10000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "90000", "stepSize": "0.00000001"},
        ]
        market = {"symbol": SYMBOL, "status": "TRADING", "baseAsset": BASE, "quoteAsset": QUOTE}
        market |= {"baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8, "permissions": []}
        market |= {"orderTypes": types, "filters": filters, "isSpotTradingAllowed": True, "permissionSets": [["SPOT"]]}
        return Answer({"timezone": "UTC", "serverTime": self.book.now_ms, "symbols": [market]})

    def _named(self, asked: dict[str, Any]) -> BookOrder | None:
        if "origClientOrderId" in asked:
            return self.book.find(asked["origClientOrderId"])
        return self.book.numbered(int(asked["orderId"]))


def _is_signed(call: Call) -> bool:
    written, _, signature = (call.raw_query or call.raw_body).rpartition("&signature=")
    wanted = hmac.new(SECRET.encode(), written.encode(), hashlib.sha256).hexdigest()
    return call.headers.get("x-mbx-apikey") == KEY and hmac.compare_digest(signature, wanted)


def _order(order: BookOrder) -> dict[str, Any]:
    is_part = order.state == "open" and order.filled
    return {
        "symbol": SYMBOL,
        "orderId": order.number,
        "clientOrderId": order.client_id,
        "price": str(order.limit or "0.00000000"),
        "stopPrice": str(order.stop or "0.00000000"),
        "origQty": str(order.quantity),
        "executedQty": str(order.filled),
        "cummulativeQuoteQty": str(order.cost),
        "status": "PARTIALLY_FILLED" if is_part else STATES[order.state],
        "timeInForce": order.tif,
        "type": order.kind,
        "side": order.side,
        "time": order.placed_ms,
        "updateTime": order.placed_ms,
    }


def _trade(trade: BookTrade) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "id": trade.number,
        "orderId": trade.order.number,
        "price": str(trade.price),
        "qty": str(trade.quantity),
        "commission": "0.00010000",
        "commissionAsset": "BNB",
        "time": trade.ms,
        "isBuyer": trade.order.side == "BUY",
        "isMaker": False,
    }
