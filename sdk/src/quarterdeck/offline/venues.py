"""Thin callers of the venues: list what is open, cancel one order, ask whether it is gone. Nothing else.

The venues' client libraries come with `quarterdeck[offline]` and are imported when an account needs them.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

TIMEOUT_S = 10.0
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
ALPACA = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
PAGE = 500
PAGES_MAX = 100
ENDED = frozenset({"canceled", "filled", "expired", "rejected", "closed"})
# What makes ccxt read only the spot market, where reading all of them takes many calls.
OPTIONS = {"binance": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}}
# An order that was replaced lives on under its client order id, a dot and a number.
REPLACED = re.compile(r"([0-9a-f]{32})\.\d+")


class CannotCallError(ValueError):
    """This account cannot be reached from here: its venue has no API, or its keys do not fit."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that the venue lists as open; `symbol` in our words, "" where it did not say."""

    client_order_id: str
    venue_order_id: str
    symbol: str


class Caller(Protocol):
    """One account at its venue; every method may raise whatever the library raises."""

    def open_orders(self, symbols: list[str]) -> list[OpenOrder]:
        """What is open; `symbols` are those that we know of, for venues that list by symbol."""

    def cancel(self, order: OpenOrder) -> None:
        """Ask for the cancel."""

    def is_gone(self, order: OpenOrder) -> bool:
        """Whether the venue says that the order has ended."""


def caller_for(account: Mapping[str, Any], keys: Mapping[str, str]) -> Caller:
    """The way to an account of the export with its keys. Raises CannotCallError."""
    build = CALLERS.get(account["adapter"])
    if build is None:
        raise CannotCallError(f"the venue {account['venue']} cannot be called without the platform")
    if keys.get("mode") != account["mode"] or not keys.get("key") or not keys.get("secret"):
        raise CannotCallError(f"there are no keys for {account['name']} in {account['mode']} mode")
    return build(account, keys)


def local_url(account: Mapping[str, Any]) -> str | None:
    """A stand-in on this machine that the settings name, only ever for paper accounts."""
    url = account["settings"].get("url")
    if url is None:
        return None
    if account["mode"] != "paper" or urlsplit(url).hostname not in LOCAL_HOSTS:
        raise CannotCallError(f"the settings of {account['venue']} name an endpoint that is not the venue's")
    return str(url).rstrip("/")


def theirs(account: Mapping[str, Any], symbol: str) -> str:
    """The venue's name of one of our symbols."""
    return str((account["settings"].get("symbols") or {}).get(symbol) or symbol.replace("-", "/"))


def bare_id(client_order_id: str) -> str:
    """Our client order id, also of an order that was replaced, or that the venue writes as a UUID."""
    plain = client_order_id.replace("-", "").lower()
    found = REPLACED.fullmatch(plain)
    return found[1] if found else plain


class Alpaca:
    """An account at Alpaca, by alpaca-py, one attempt a call."""

    def __init__(self, account: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        from alpaca.trading.client import TradingClient

        url = local_url(account) or ALPACA[account["mode"]]
        is_paper = account["mode"] == "paper"
        self._rest = TradingClient(keys["key"], keys["secret"], paper=is_paper, raw_data=True, url_override=url)
        self._rest._retry = 0
        self._rest._session.trust_env = False
        vars(self._rest._session)["request"] = _timed(self._rest._session.request)

    def open_orders(self, symbols: list[str]) -> list[OpenOrder]:
        """See Caller; page by page along the time of arrival."""
        found: list[OpenOrder] = []
        asked = {"status": "open", "limit": PAGE, "direction": "asc"}
        for _ in range(PAGES_MAX):
            rows: Any = self._rest.get("/orders", asked)
            found += [OpenOrder(bare_id(str(row["client_order_id"])), str(row["id"]), "") for row in rows]
            if len(rows) < PAGE:
                return found
            asked["after"] = str(rows[-1]["submitted_at"])
        raise ValueError("the venue's list does not end")

    def cancel(self, order: OpenOrder) -> None:
        """See Caller."""
        self._rest.delete(f"/orders/{order.venue_order_id}")

    def is_gone(self, order: OpenOrder) -> bool:
        """See Caller."""
        found: Any = self._rest.get(f"/orders/{order.venue_order_id}")
        return found["status"] in ENDED


class Ccxt:
    """An account at one of ccxt's exchanges."""

    def __init__(self, account: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        import ccxt

        name = str(account["settings"].get("exchange", ""))
        if name not in ccxt.exchanges:
            raise CannotCallError(f"ccxt knows no exchange named {name!r}")
        extra = {key: value for key, value in keys.items() if key not in ("mode", "key", "secret")}
        login = {"apiKey": keys["key"], "secret": keys["secret"], **extra}
        more = {"timeout": int(TIMEOUT_S * 1000), "options": OPTIONS.get(name, {})}
        self._exchange = getattr(ccxt, name)(login | more)
        if name == "kraken":
            # Kraken takes a growing number once; the library's milliseconds repeat when two calls are quick.
            self._exchange.nonce = lambda: time.time_ns() // 1_000
        self._account = account
        url = local_url(account)
        if url is not None:
            self._exchange.urls["api"] = _moved(self._exchange.urls["api"], url)
        elif account["mode"] == "paper":
            self._exchange.set_sandbox_mode(True)

    def open_orders(self, symbols: list[str]) -> list[OpenOrder]:
        """See Caller; asked symbol by symbol, which every exchange allows."""
        found = []
        for symbol in symbols:
            for row in self._exchange.fetch_open_orders(theirs(self._account, symbol)):
                found.append(OpenOrder(bare_id(str(row.get("clientOrderId") or "")), str(row["id"]), symbol))
        return found

    def cancel(self, order: OpenOrder) -> None:
        """See Caller."""
        self._exchange.cancel_order(_plain(order), theirs(self._account, order.symbol))

    def is_gone(self, order: OpenOrder) -> bool:
        """See Caller."""
        row = self._exchange.fetch_order(_plain(order), theirs(self._account, order.symbol))
        return row["status"] in ENDED


def _plain(order: OpenOrder) -> str:
    """The exchange's own id; our record may have put the symbol before it."""
    return order.venue_order_id.rpartition(":")[2]


def _timed(request: Callable[..., Any]) -> Callable[..., Any]:
    """A session's `request` that waits no longer than TIMEOUT_S and follows nobody elsewhere."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        return request(*args, **kwargs | {"timeout": TIMEOUT_S, "allow_redirects": False})

    return ask


def _moved(urls: Any, url: str) -> Any:
    """The same paths at another server."""
    if isinstance(urls, dict):
        return {name: _moved(value, url) for name, value in urls.items()}
    return re.sub(r"^https?://[^/]+", url, urls)


CALLERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], Caller]] = {"alpaca": Alpaca, "ccxt": Ccxt}
