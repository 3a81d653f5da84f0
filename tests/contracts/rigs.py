"""One rig per venue: the adapter under test, and the hand of the venue that fills, fails and keeps the truth."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from apps.markets.services import tick_feeds
from apps.venues.adapters.base import Adapter, ReplaceRequest, SubmitRequest
from apps.venues.alpaca import adapter as alpaca
from apps.venues.ccxt import adapter as ccxt
from apps.venues.models import Account, Venue
from apps.venues.paper import faults as paper_faults
from apps.venues.paper import late, matching
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from apps.venues.paper.states import Call as PaperCall
from tests.contracts.alpaca_server import AlpacaServer
from tests.contracts.binance_server import BinanceServer
from tests.contracts.kraken_server import KrakenServer
from tests.contracts.server import Fault, VenueServer
from tests.markets.builders import Wall
from tests.venues.builders import list_paper, open_paper

SYMBOL = "BTC-USD"
PATIENT_S, IMPATIENT_S = 10.0, 1.0
STEP = "0.000000000000000001"
PAPER_FAULTS = {
    Fault.DROP_REQUEST: "drop_request",
    Fault.DROP_REPLY: "drop_reply",
    Fault.DELAY: "delay",
    Fault.DUPLICATE: "duplicate",
}


def new_id() -> str:
    """A client order id of ours."""
    return uuid4().hex


def make_order(client_order_id: str | None = None, **overrides: Any) -> SubmitRequest:
    """A limit order to buy 3 that the rigs fill one by one."""
    fields: dict[str, Any] = {"symbol": SYMBOL, "side": "BUY", "order_type": "LIMIT", "time_in_force": "GTC"}
    fields |= {"quantity": Decimal(3), "limit_price": Decimal(101)} | overrides
    return SubmitRequest(client_order_id or new_id(), **fields)


def new_terms(order: SubmitRequest, **overrides: Any) -> ReplaceRequest:
    """The order with other terms."""
    fields: dict[str, Any] = {"quantity": order.quantity, "limit_price": order.limit_price} | overrides
    return ReplaceRequest(order.client_order_id, order.symbol, **fields)


class PaperRig:
    """The paper venue: one unit trades on each bar."""

    cash_currency = "USD"
    exact_terms = (Decimal("0.123456789012345678"), Decimal("101.000000000000000003"))
    reject_code = "BUYING_POWER_INSUFFICIENT"

    def __init__(self, wall: Wall, folder: Path) -> None:
        list_paper(
            folder,
            ["100"] * 40,
            simulation={"participation_cap": "0.1"},
            volume="10",
            lot_size=STEP,
            tick_size=STEP,
        )
        self._wall = wall
        self.adapter: Adapter = open_paper(cash="1000000")
        wall.advance(1)

    def impatient(self) -> Adapter:
        """An adapter that does not wait long."""
        return PaperAdapter("alpha-paper", timeout_s=0.2)

    def fill(self, client_order_id: str) -> None:
        """More of the order trades, on the next bar whose volume it gets."""
        order = PaperOrder.objects.get(client_order_id=client_order_id)
        before = order.filled_quantity
        for _ in range(10):
            if order.filled_quantity > before:
                break
            self._wall.advance(1)
            tick_feeds()
            matching.match_due()
            order.refresh_from_db()

    def cancel_then_fill(self, client_order_id: str) -> None:
        """Cancel an order that trades all the same."""
        paper_faults.inject_fault(kind="fill_after_cancel")
        self.adapter.cancel(client_order_id)

    def fail(self, act: str, fault: Fault) -> None:
        """Let the next call about `act` go wrong."""
        delay_ms = 300 if fault == Fault.DELAY else 0
        call = PaperCall(act)
        paper_faults.inject_fault(kind=PAPER_FAULTS[fault], call=call, delay_ms=delay_ms)

    def deliver(self) -> None:
        """Let what was delayed arrive."""
        self._wall.advance(1)
        late.deliver_due()

    def count(self, client_order_id: str) -> int:
        """How many orders the venue has under this id."""
        return PaperOrder.objects.filter(client_order_id=client_order_id).count()

    def is_extended(self, client_order_id: str) -> bool:
        """Whether the venue lets the order trade outside the session."""
        return PaperOrder.objects.get(client_order_id=client_order_id).is_extended_hours


class WireRig:
    """A venue behind HTTP."""

    cash_currency = "USD"
    exact_terms = (Decimal("0.12345678"), Decimal("100.03"))

    def __init__(self, server: VenueServer, connect: Callable[[Account, float], Adapter], venue: Venue) -> None:
        self.server = server
        self.account = Account(name="alpha-wire", environment="paper", mode="paper", currency="USD", venue=venue)
        self._connect = connect
        self.adapter = connect(self.account, PATIENT_S)

    def impatient(self) -> Adapter:
        """An adapter that does not wait long."""
        return self._connect(self.account, IMPATIENT_S)

    def fill(self, client_order_id: str, *, advance_ms: int = 2000) -> None:
        """One more unit of the order trades, and the venue's clock moves on."""
        order = self.server.book.find(client_order_id)
        assert order is not None
        self.server.book.fill(order, Decimal(1), Decimal(100), advance_ms=advance_ms)
        self.server.book.now_ms += 2000

    def cancel_then_fill(self, client_order_id: str) -> None:
        """Cancel an order that trades all the same."""
        self.adapter.cancel(client_order_id)
        self.fill(client_order_id)

    def fail(self, act: str, fault: Fault) -> None:
        """Let the next request about `act` go wrong."""
        self.server.fail(act, fault)

    def deliver(self) -> None:
        """What was delayed has arrived already."""

    def count(self, client_order_id: str) -> int:
        """How many orders the venue has under this id."""
        return sum(order.client_id == client_order_id for order in self.server.book.orders)

    def is_extended(self, client_order_id: str) -> bool:
        """Whether the venue lets the order trade outside the session."""
        order = self.server.book.find(client_order_id)
        return order is not None and order.is_extended


class AlpacaRig(WireRig):
    """Alpaca."""

    exact_terms = PaperRig.exact_terms
    reject_code = "40310000"

    def __init__(self) -> None:
        server = AlpacaServer()
        self.running = server.running()
        self.running.__enter__()
        super().__init__(server, alpaca.connect, Venue(name="a", mode="paper", settings={"url": server.url}))


class CcxtRig(WireRig):
    """An exchange of ccxt."""

    reject_code = "INSUFFICIENT_FUNDS"

    def __init__(self, server: VenueServer, exchange: str, symbol: str) -> None:
        self.running = server.running()
        self.running.__enter__()
        self.cash_currency = symbol.split("/")[1]
        chosen = {"url": server.url, "exchange": exchange, "symbols": {SYMBOL: symbol}}
        super().__init__(server, ccxt.connect, Venue(name="c", mode="paper", settings=chosen))


Rig = PaperRig | WireRig
WIRES: dict[str, Callable[[], AlpacaRig | CcxtRig]] = {
    "alpaca": AlpacaRig,
    "ccxt-binance": lambda: CcxtRig(BinanceServer(), "binance", "BTC/USDT"),
    "ccxt-kraken": lambda: CcxtRig(KrakenServer(), "kraken", "BTC/USD"),
}
# An exchange without a dialect of its own, which happens to speak like another one.
PLAIN: dict[str, Callable[[], AlpacaRig | CcxtRig]] = {
    "ccxt-plain": lambda: CcxtRig(BinanceServer(), "binanceus", "BTC/USDT")
}


@contextmanager
def running_wire(name: str) -> Iterator[AlpacaRig | CcxtRig]:
    """The rig of a venue behind HTTP while its stand-in runs."""
    rig = (WIRES | PLAIN)[name]()
    try:
        yield rig
    finally:
        rig.running.__exit__(None, None, None)
