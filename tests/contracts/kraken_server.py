"""A stand-in that speaks Kraken's spot REST: always 200, errors in a list, histories newest first."""

import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Any

from tests.contracts.book import BookOrder, BookTrade
from tests.contracts.server import KEY, SECRET, Answer, Call, VenueServer

PAIR, ALTNAME = "XXBTZUSD", "XBTUSD"
ACTS = {
    "AddOrder": "submit",
    "CancelOrder": "cancel",
    "CancelAll": "cancel_all",
    "AmendOrder": "replace",
    "OpenOrders": "open_orders",
    "ClosedOrders": "closed_orders",
    "QueryOrders": "order",
    "TradesHistory": "trades",
    "BalanceEx": "balances",
    "Time": "ping",
    "Trades": "quote",
    "AssetPairs": "markets",
    "Assets": "assets",
}


def result(body: Any) -> Answer:
    """Kraken's envelope."""
    return Answer({"error": [], "result": body})


def refusal(text: str) -> Answer:
    """Kraken's way to say no."""
    return Answer({"error": [text]})


class KrakenServer(VenueServer):
    """One spot account."""

    page_size = 50

    def __init__(self) -> None:
        super().__init__()
        self._last_nonce = 0

    def act_of(self, call: Call) -> str:
        act = ACTS[call.path.rpartition("/")[2]]
        return "lookup" if act == "open_orders" and "cl_ord_id" in call.body else act

    def answer(self, call: Call) -> Answer:
        if "/private/" in call.path:
            if not _is_signed(call):
                return refusal("EAPI:Invalid key")
            nonce = int(call.body["nonce"])
            if nonce <= self._last_nonce:
                return refusal("EAPI:Invalid nonce")
            self._last_nonce = nonce
        act = ACTS[call.path.rpartition("/")[2]]
        return getattr(self, f"_{act}")(call.query | call.body)

    def _submit(self, asked: dict[str, Any]) -> Answer:
        book = self.book
        known = book.find(asked["cl_ord_id"])
        if known is not None and known.state == "open":
            return refusal("EGeneral:Invalid arguments:cl_ord_id")
        assert asked["pair"] == PAIR
        is_stop, is_limit = asked["ordertype"].startswith("stop"), asked["ordertype"].endswith("limit")
        limit = asked.get("price2" if is_stop else "price") if is_limit else None
        if Decimal(asked["volume"]) * Decimal(limit or "100") > book.cash:
            return refusal("EOrder:Insufficient funds")
        order = book.place(
            client_id=asked["cl_ord_id"],
            symbol=PAIR,
            side=asked["type"].upper(),
            kind=asked["ordertype"],
            tif=asked.get("timeinforce", "GTC"),
            quantity=Decimal(asked["volume"]),
            limit=None if limit is None else Decimal(limit),
            stop=Decimal(asked["price"]) if is_stop else None,
            is_post_only="post" in asked.get("oflags", ""),
        )
        return result({"descr": {"order": _described(order)}, "txid": [_id(order)]})

    def _cancel(self, asked: dict[str, Any]) -> Answer:
        order = self._named(asked)
        return result({"count": 1}) if order and self.book.cancel(order) else refusal("EOrder:Unknown order")

    def _cancel_all(self, _: dict[str, Any]) -> Answer:
        return result({"count": sum(self.book.cancel(order) for order in self.book.orders)})

    def _replace(self, asked: dict[str, Any]) -> Answer:
        order = self._named(asked)
        if order is None or order.state != "open":
            return refusal("EOrder:Unknown order")
        order.quantity = Decimal(asked["order_qty"])
        order.limit = Decimal(asked["limit_price"]) if "limit_price" in asked else order.limit
        order.stop = Decimal(asked["trigger_price"]) if "trigger_price" in asked else order.stop
        return result({"amend_id": "TJSMEH-AA67V-YUSQ6O"})

    def _open_orders(self, asked: dict[str, Any]) -> Answer:
        found = [
            o for o in self.book.orders if o.state == "open" and asked.get("cl_ord_id", o.client_id) == o.client_id
        ]
        return result({"open": {_id(order): _order(order) for order in found}})

    def _closed_orders(self, asked: dict[str, Any]) -> Answer:
        found = [
            o for o in self.book.orders if o.state != "open" and asked.get("cl_ord_id", o.client_id) == o.client_id
        ]
        return result({"closed": self._page({_id(o): _order(o) for o in reversed(found)}, asked), "count": len(found)})

    def _order(self, asked: dict[str, Any]) -> Answer:
        order = self._named(asked)
        return result({_id(order): _order(order)}) if order else refusal("EOrder:Unknown order")

    def _trades(self, asked: dict[str, Any]) -> Answer:
        assert asked["consolidate_taker"] == "false"
        found = [trade for trade in reversed(self.book.trades) if trade.ms > int(asked.get("start", 0)) * 1000]
        rows = {_trade_id(trade): _trade(trade) for trade in found}
        return result({"trades": self._page(rows, asked), "count": len(rows)})

    def _page(self, rows: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        first = int(asked.get("ofs", 0))
        return dict(list(rows.items())[first : first + self.page_size])

    def _balances(self, _: dict[str, Any]) -> Answer:
        held = {"balance": str(self.book.held), "hold_trade": "0.0000000000"}
        return result({"ZUSD": {"balance": str(self.book.cash), "hold_trade": "30.0000"}, "XXBT": held})

    def _ping(self, _: dict[str, Any]) -> Answer:
        return result({"unixtime": self.book.now_ms // 1000, "rfc1123": "Mon, 02 Mar 26 09:00:00 +0000"})

    def _quote(self, asked: dict[str, Any]) -> Answer:
        assert asked["pair"] == PAIR
        last = [str(self.book.price), "1.00000000", self.book.now_ms / 1000, "b", "l", "", 1]
        return result({PAIR: [last], "last": "1616663618000000000"})

    def _markets(self, _: dict[str, Any]) -> Answer:
        pair = {"altname": ALTNAME, "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "status": "online"}
        pair |= {
            "pair_decimals": 2,
            "lot_decimals": 8,
            "leverage_buy": [],
            "leverage_sell": [],
            "ordermin": "0.00000001",
        }
        pair |= {"fees": [[0, 0.26]], "fees_maker": [[0, 0.16]]}
        return result({PAIR: pair})

    def _assets(self, _: dict[str, Any]) -> Answer:
        names = {"XXBT": "XBT", "ZUSD": "USD"}
        rows = {name: {"aclass": "currency", "altname": alt, "decimals": 10} for name, alt in names.items()}
        return result({name: row | {"display_decimals": 5, "status": "enabled"} for name, row in rows.items()})

    def _named(self, asked: dict[str, Any]) -> BookOrder | None:
        return next((order for order in self.book.orders if _id(order) == asked["txid"]), None)


def _is_signed(call: Call) -> bool:
    hashed = hashlib.sha256((str(call.body.get("nonce")) + call.raw_body).encode()).digest()
    wanted = hmac.new(base64.b64decode(SECRET), call.path.encode() + hashed, hashlib.sha512).digest()
    return call.headers.get("api-key") == KEY and call.headers.get("api-sign") == base64.b64encode(wanted).decode()


def _id(order: BookOrder) -> str:
    return f"O{order.number:05d}-AAAAA-AAAAAA"


def _trade_id(trade: BookTrade) -> str:
    """Of two in one moment the later one has the smaller id."""
    return f"T{99_999 - trade.number:05d}-BBBBB-BBBBBB"


def _described(order: BookOrder) -> str:
    terms = f"{order.kind} {order.limit or ''}".strip()
    if order.stop:
        terms = f"stop loss {order.stop}" + (f" -> limit {order.limit}" if order.limit else "")
    return f"{order.side.lower()} {order.quantity} {ALTNAME} @ {terms}"


def _order(order: BookOrder) -> dict[str, Any]:
    price, second = (order.stop, order.limit) if order.stop else (order.limit, None)
    return {
        "refid": None,
        "userref": None,
        "cl_ord_id": order.client_id,
        "status": "closed" if order.state == "filled" else order.state,
        "opentm": order.placed_ms / 1000,
        "descr": {
            "pair": ALTNAME,
            "type": order.side.lower(),
            "ordertype": order.kind,
            "price": str(price or "0"),
            "price2": str(second or "0"),
            "order": _described(order),
        },
        "vol": str(order.quantity),
        "vol_exec": str(order.filled),
        "cost": str(order.cost),
        "fee": "0.00000",
        "price": str(order.average),
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "oflags": "fciq,post" if order.is_post_only else "fciq",
    }


def _trade(trade: BookTrade) -> dict[str, Any]:
    return {
        "ordertxid": _id(trade.order),
        "pair": PAIR,
        "time": trade.ms / 1000,
        "type": trade.order.side.lower(),
        "ordertype": trade.order.kind,
        "price": str(trade.price),
        "cost": str(trade.price * trade.quantity),
        "fee": "0.0001",
        "vol": str(trade.quantity),
        "trade_id": trade.number,
        "maker": False,
    }
