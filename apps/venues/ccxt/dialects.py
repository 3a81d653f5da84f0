"""Where exchanges differ beneath ccxt: client order ids, lookups, histories. An exchange without a dialect of its own
takes plain orders, and its orders cannot be looked up: the gateway hands what is unknown there to people.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from apps.venues.adapters.base import Capabilities, NoAnswer, VenueRejected
from apps.venues.ccxt.client import CcxtClient
from apps.venues.ccxt.translate import Symbols, trade_ms
from apps.venues.wire import text

Raw = Mapping[str, Any]
NOT_FOUND = "ORDER_NOT_FOUND"
PAGES_MAX = 10_000


class Dialect:
    """Any exchange: what ccxt's unified calls give, symbol by symbol."""

    capabilities = Capabilities(
        order_types=frozenset({"MARKET", "LIMIT"}),
        times_in_force=frozenset({"GTC"}),
        has_reduce_only=False,
        has_lookup=False,
        requests_per_minute=60,
    )
    balance_field: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, client: CcxtClient, symbols: Symbols) -> None:
        self.client = client
        self.symbols = symbols
        client.is_answer, client.is_no = self.is_answer, self.is_no

    @staticmethod
    def is_answer(answer: dict[str, Any]) -> bool:
        """Whether the exchange can have said this."""
        return bool(answer)

    @staticmethod
    def is_no(answer: Any) -> bool:
        """Whether an error answer that ccxt does not know is a clear no."""
        return False

    def venue_id(self, raw: Raw, id_field: str = "id") -> str:
        """An id that is unique in the account; most exchanges count per symbol."""
        return f"{text(raw.get('symbol'))}:{text(raw.get(id_field))}"

    def lookup(self, client_order_id: str, symbol: str | None = None) -> Raw | None:
        """The order, searched in what the exchange lists; None when it is not there."""
        found = [*self.opened(), *self.listed()]
        return next((raw for raw in found if raw.get("clientOrderId") == client_order_id), None)

    def placed(self, venue_order_id: str, symbol: str) -> Raw:
        """The order with the exchange's own id."""
        return dict(self.client.call("fetch_order", venue_order_id, symbol))

    def opened(self) -> Iterator[Raw]:
        """Every open order."""
        for symbol in self.symbols.known.values():
            yield from self.client.call("fetch_open_orders", symbol)

    def listed(self) -> Iterator[Raw]:
        """Every order."""
        for symbol in self.symbols.known.values():
            if self.client.exchange.has["fetchOrders"]:
                yield from self.client.call("fetch_orders", symbol)
            else:
                yield from self.client.call("fetch_open_orders", symbol)
                yield from self.client.call("fetch_closed_orders", symbol)

    def fills(self, from_ms: int) -> Iterator[Raw]:
        """Every execution from a moment on."""
        for symbol in self.symbols.known.values():
            yield from self.client.call("fetch_my_trades", symbol, from_ms or None)

    def cancel_all(self, symbol: str | None) -> None:
        """Only where declared."""
        raise VenueRejected("VENUE_CANNOT", "the venue does not cancel all orders at once")

    def now_ms(self) -> int:
        """The exchange's clock."""
        return int(self.client.call("fetch_time"))


class Binance(Dialect):
    """Binance spot. Client order ids of up to 36 characters, unique among open orders; ids count per symbol."""

    capabilities = Capabilities(
        order_types=frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"}),
        times_in_force=frozenset({"GTC", "IOC", "FOK"}),
        has_reduce_only=False,
        has_post_only=True,
        has_cancel_all=True,
        # Binance weighs calls, 6000 a minute; one of ours is up to four of theirs with a weight of up to 20.
        requests_per_minute=300,
    )
    balance_field = "balances"
    options: ClassVar[dict[str, Any]] = {
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
    page = 1_000

    @staticmethod
    def is_no(answer: Any) -> bool:
        """Codes of malformed (11xx) and refused (2xxx) requests; 10xx are about the server itself."""
        code = answer.get("code") if isinstance(answer, dict) else None
        return type(code) is int and (-1199 <= code <= -1100 or -2999 <= code <= -2000)

    def lookup(self, client_order_id: str, symbol: str | None = None) -> Raw | None:
        """One question per symbol, as Binance finds orders only inside one."""
        for each in [symbol] if symbol else self.symbols.known.values():
            try:
                raw: Raw = self.client.call("fetch_order", "", each, clientOrderId=client_order_id)
            except VenueRejected as refusal:
                if refusal.code != NOT_FOUND:
                    raise
                continue
            if raw.get("clientOrderId") != client_order_id:
                raise NoAnswer("the exchange answered with another order")
            return raw
        return None

    def listed(self) -> Iterator[Raw]:
        """Every order, page by page along the ids of each symbol."""
        for symbol in self.symbols.known.values():
            yield from self._forward("fetch_orders", symbol, "orderId")

    def fills(self, from_ms: int) -> Iterator[Raw]:
        """The latest page of each symbol when it reaches back far enough, else all from the first one on.

        Asking by time would need a call for each day since: Binance looks at 24 hours at most.
        """
        for symbol in self.symbols.known.values():
            latest = self.client.call("fetch_my_trades", symbol, None, self.page)
            if len(latest) < self.page or min(map(trade_ms, latest)) < from_ms:
                yield from latest
            else:
                yield from self._forward("fetch_my_trades", symbol, "fromId")

    def _forward(self, method: str, symbol: str, id_name: str) -> Iterator[Raw]:
        next_id = 1
        for _ in range(PAGES_MAX):
            found = self.client.call(method, symbol, None, self.page, **{id_name: next_id})
            yield from found
            if len(found) < self.page:
                return
            next_id = max(int(raw["id"]) for raw in found) + 1
        raise NoAnswer("the exchange's list does not end")

    def cancel_all(self, symbol: str | None) -> None:
        """Symbol by symbol; that there was nothing to cancel is no error."""
        for each in [symbol] if symbol else self.symbols.known.values():
            try:
                self.client.call("cancel_all_orders", each)
            except VenueRejected as refusal:
                if refusal.code != NOT_FOUND:
                    raise


class Kraken(Dialect):
    """Kraken spot. A client order id of 32 hexadecimal digits is one of its forms; ids are unique in the account.

    Histories come newest first in pages of 50. Kraken has no endpoint for practice.
    """

    capabilities = Capabilities(
        order_types=frozenset({"MARKET", "LIMIT", "STOP", "STOP_LIMIT"}),
        times_in_force=frozenset({"GTC", "IOC"}),
        has_reduce_only=False,
        has_post_only=True,
        has_replace=True,
        # By AmendOrder, which keeps the order, its ids and what was filled.
        replaces_in_place=True,
        has_cancel_all=True,
        # Kraken counts 60 a minute down for the best accounts; one of our calls is two or more of theirs.
        requests_per_minute=30,
    )
    balance_field = "result"
    page = 50

    def __init__(self, client: CcxtClient, symbols: Symbols) -> None:
        super().__init__(client, symbols)
        # Kraken takes only growing numbers from a key; ccxt's milliseconds repeat when two workers are quick.
        client.exchange.nonce = time.time_ns

    @staticmethod
    def is_answer(answer: dict[str, Any]) -> bool:
        """A result, or errors that say why there is none."""
        errors = answer.get("error")
        return isinstance(errors, list) and (bool(errors) or "result" in answer)

    @staticmethod
    def is_no(answer: Any) -> bool:
        """Errors about the order or its arguments; others are about the service."""
        errors = (answer.get("error") if isinstance(answer, dict) else None) or []
        return bool(errors) and all(
            str(error).startswith(("EOrder:", "EGeneral:Invalid arguments")) for error in errors
        )

    def venue_id(self, raw: Raw, id_field: str = "id") -> str:
        """Kraken's own."""
        return text(raw.get(id_field))

    def lookup(self, client_order_id: str, symbol: str | None = None) -> Raw | None:
        """Open orders first: what closes meanwhile is found among the closed ones."""
        for method in ("fetch_open_orders", "fetch_closed_orders"):
            for raw in self.client.call(method, clientOrderId=client_order_id):
                if _plain(raw.get("clientOrderId")) == client_order_id:
                    return dict(raw)
        return None

    def opened(self) -> Iterator[Raw]:
        """Of every symbol at once."""
        yield from self.client.call("fetch_open_orders")

    def listed(self) -> Iterator[Raw]:
        """Open ones first, as above."""
        yield from self.opened()
        yield from self._backward("fetch_closed_orders", 0)

    def fills(self, from_ms: int) -> Iterator[Raw]:
        """Each fill by itself: Kraken would join those of one taker order, and change them later."""
        yield from self._backward("fetch_my_trades", from_ms, consolidate_taker="false")

    def _backward(self, method: str, from_ms: int, **params: str) -> Iterator[Raw]:
        """Newest first; what arrives meanwhile shifts the pages, so they may overlap but leave nothing out."""
        for number in range(PAGES_MAX):
            found = self.client.call(method, None, from_ms or None, None, ofs=number * self.page, **params)
            yield from found
            if len(found) < self.page:
                return
        raise NoAnswer("the exchange's list does not end")

    def cancel_all(self, symbol: str | None) -> None:
        """All at once; of one symbol one by one."""
        if symbol is None:
            self.client.call("cancel_all_orders")
            return
        for raw in self.client.call("fetch_open_orders", symbol):
            self.client.call("cancel_order", raw["id"], symbol)


DIALECTS: dict[str, type[Dialect]] = {"binance": Binance, "kraken": Kraken}


def _plain(client_order_id: Any) -> str:
    """Without the dashes of a UUID."""
    return str(client_order_id or "").replace("-", "").lower()
