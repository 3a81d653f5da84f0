"""A ccxt exchange as we use it: exact numbers, one attempt, fenced to its mode's hosts, errors translated."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from apps.bots.states import Mode
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Refused
from apps.venues.adapters.base import NoAnswer, VenueRejected, VenueTimeout
from apps.venues.endpoints import fence, host_of
from apps.venues.keys import VenueKeys
from apps.venues.wire import Garbled

EXCHANGE_NAME = re.compile(r"[a-z0-9]{1,30}")
# What an exchange may want beside key and secret; nothing else of a key file reaches the library.
CREDENTIALS = {"uid", "accountId", "login", "password", "twofa", "privateKey", "walletAddress", "token"}
# ccxt logs headers and signed bodies at DEBUG; nothing of that reaches our handlers.
SILENT = logging.getLogger("quarterdeck.ccxt.silent")
SILENT.propagate = False
SILENT.setLevel(logging.CRITICAL + 1)
MARKETS_FRESH = timedelta(hours=1)
# What load_markets leaves behind; nothing changes it afterwards.
SHARED = (
    "markets", "markets_by_id", "symbols", "ids", "currencies", "currencies_by_id", "codes", "baseCurrencies",
    "quoteCurrencies",
)  # fmt: skip
SHARED_OPTIONS = {"marketsByAltname", "cachedCurrencies"}
_markets: dict[tuple[str, str], tuple[datetime, dict[str, Any]]] = {}


def build(name: str, keys: VenueKeys, local_url: str | None, options: Mapping[str, Any] | None = None) -> Any:
    """The ccxt object of one account, aimed at the endpoints of its mode; `options` as ccxt knows them.

    Raises Refused EXCHANGE_UNKNOWN, PAPER_UNSUPPORTED (the exchange has no place to practise).
    """
    import ccxt

    if not EXCHANGE_NAME.fullmatch(name) or name not in ccxt.exchanges:
        raise Refused("EXCHANGE_UNKNOWN", f"ccxt knows no exchange named {name}")
    extra = {field: value for field, value in keys.extra.items() if field in CREDENTIALS}
    login = {"apiKey": keys.key, "secret": keys.secret, **extra}
    # The account's own budget limits the rate, and a call goes out once: repeating a submit is not the library's to do.
    chosen = {"maxRetriesOnFailure": 0, **(options or {})}
    exchange = getattr(ccxt, name)(login | {"enableRateLimit": False, "options": chosen})
    exchange.logger = SILENT
    if local_url is not None:
        exchange.urls["api"] = _moved(exchange.urls["api"], local_url)
    elif keys.mode == Mode.PAPER:
        if not exchange.urls.get("test"):
            raise Refused("PAPER_UNSUPPORTED", f"{name} has no endpoint for practice")
        exchange.set_sandbox_mode(True)
    return exchange


def _moved(urls: Any, local_url: str) -> Any:
    """The same paths at another server."""
    if isinstance(urls, dict):
        return {name: _moved(url, local_url) for name, url in urls.items()}
    return re.sub(r"^https?://[^/]+", local_url, urls)


def hosts_of(exchange: Any) -> frozenset[str]:
    """Every host of the exchange's current mode; for practice only those that live trading does not use as well.

    Raises Refused PAPER_UNSUPPORTED when none is left: a header alone does not keep practice apart from real money.
    """
    hosts = _hosts(exchange, exchange.urls["api"]) - _hosts(exchange, exchange.urls.get("apiBackup"))
    if not hosts:
        raise Refused("PAPER_UNSUPPORTED", f"{exchange.id} has no host of its own for practice")
    return hosts


def _hosts(exchange: Any, urls: Any) -> frozenset[str]:
    written = [exchange.implode_params(url, {"hostname": exchange.hostname}) for url in _leaves(urls)]
    return frozenset(filter(None, map(host_of, written)))


def _leaves(urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for url in urls.values():
            yield from _leaves(url)
    elif isinstance(urls, str):
        yield urls


class CcxtClient:
    """One account's calls; raises NoAnswer, VenueTimeout and VenueRejected, whose texts never hold a secret."""

    def __init__(self, exchange: Any, keys: VenueKeys, timeout_s: float) -> None:
        self.exchange = exchange
        self._keys = keys
        exchange.timeout = int(timeout_s * 1000)
        self._fence = fence(exchange.session, hosts_of(exchange), timeout_s, keys.redact)
        exchange.parse_json = self._parsed
        self.is_answer: Callable[[dict[str, Any]], bool] = bool
        self.is_no: Callable[[Any], bool] = lambda _: False
        self._said: Any = None

    def _parsed(self, body: str) -> Any:
        """An answer with its numbers as they are written. Raises where ccxt would go on with anything at all."""
        self._said = answer = json.loads(body, parse_float=str)
        if not (isinstance(answer, list) or (isinstance(answer, dict) and self.is_answer(answer))):
            raise Garbled("this is no answer of the exchange")
        return answer

    def call(self, method: str, *args: Any, **params: Any) -> Any:
        """What the exchange answers to one of ccxt's unified calls; `params` are the exchange's own."""
        self._load_markets()
        return self.ask(lambda: getattr(self.exchange, method)(*args, **({"params": params} if params else {})))

    def report(self, raw: Mapping[str, Any]) -> Any:
        """What the exchange itself wrote of something that ccxt has unified, as it is kept."""
        return self._keys.cleaned(raw.get("info") or dict(raw))

    def market(self, symbol: str) -> dict[str, Any]:
        """The spot market that ccxt calls `symbol`. Raises VenueRejected SYMBOL_UNKNOWN."""
        self._load_markets()
        found = self.exchange.markets.get(symbol)
        if found is None or not found.get("spot"):
            raise VenueRejected("SYMBOL_UNKNOWN", f"the exchange has no spot market {symbol}")
        return dict(found)

    def ask(self, ask: Callable[[], Any]) -> Any:
        """Run a call of the library."""
        self._fence.is_unsure, self._said = False, None
        try:
            # The library sets the rounding of the thread's decimal context.
            with localcontext():
                return ask()
        except Exception as error:
            failure = self._translated(error)
        # Raised here, so that the library's error with its signed URL does not ride along.
        raise failure

    def _load_markets(self) -> None:
        """The exchange's list of markets, shared in this process for an hour: it can be megabytes."""
        exchange = self.exchange
        if exchange.markets:
            return
        key, now = (exchange.id, json.dumps(exchange.urls["api"], sort_keys=True)), wall_now()
        loaded_at, shared = _markets.get(key, (None, {}))
        if loaded_at is None or not loaded_at <= now < loaded_at + MARKETS_FRESH:
            shared = self._loaded(shared)
            _markets[key] = (now, shared)
        for name in SHARED:
            setattr(exchange, name, shared[name])
        exchange.options.update(shared["options"])
        # From here on every number comes as the text in which it was written; the market list needs floats.
        exchange.number = str

    def _loaded(self, old: dict[str, Any]) -> dict[str, Any]:
        """The list as it is now; when it cannot be had, the old one, so that a cancel does not wait for it."""
        exchange = self.exchange
        try:
            self.ask(exchange.load_markets)
        except NoAnswer:
            if not old:
                raise
            return old
        options = {name: exchange.options[name] for name in SHARED_OPTIONS & set(exchange.options)}
        return {name: getattr(exchange, name) for name in SHARED} | {"options": options}

    def _translated(self, error: Exception) -> DomainError:
        import ccxt

        if isinstance(error, NoAnswer | VenueRejected):
            return error
        if isinstance(error, ccxt.RequestTimeout):
            return VenueTimeout(f"{self.exchange.id} did not answer in time")
        # ExchangeError itself is ccxt's word for an error that it does not know; the dialect may know it.
        is_known = isinstance(error, ccxt.ExchangeError) and type(error) is not ccxt.ExchangeError
        is_no = is_known or (type(error) is ccxt.ExchangeError and self.is_no(self._said))
        if is_no and not self._fence.is_unsure:
            return VenueRejected(_code(type(error).__name__), self._keys.redact(str(error))[:200])
        return NoAnswer(f"{self.exchange.id} gave no answer that we understand: {type(error).__name__}")


def _code(name: str) -> str:
    """InsufficientFunds as INSUFFICIENT_FUNDS."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def stepped(client: CcxtClient, symbol: str, number: Decimal, what: str) -> str:
    """A quantity or price as the exchange will read it, only when it does not have to be rounded for that.

    Raises VenueRejected VENUE_CANNOT.
    """
    exchange, written = client.exchange, format(number, "f")
    to_step = exchange.amount_to_precision if what == "quantity" else exchange.price_to_precision
    try:
        rounded = client.ask(lambda: to_step(symbol, written))
    except VenueRejected:
        rounded = "0"
    if Decimal(rounded) != number:
        raise VenueRejected("VENUE_CANNOT", f"the exchange takes no {what} of {written} for {symbol}")
    return written
