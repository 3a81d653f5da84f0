"""The peer's side of the check benchmark; run by the interpreter of .venv-bench, never by the product.

For every line on standard input ("active" or "halted") it hands fresh orders to `RiskEngine.execute()` and prints
{"seconds", "sent", "denied"}: processor time of those calls alone. A cash account, quantity and notional bounds on
the instrument and a notional per order switch on every check that this engine has.
"""

import json
import random
import sys
import time
from decimal import Decimal

from nautilus_trader.accounting.factory import AccountFactory
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OrderSide, TradingState
from nautilus_trader.model.events import AccountState
from nautilus_trader.model.identifiers import AccountId, InstrumentId, StrategyId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.config import RiskEngineConfig
from nautilus_trader.risk.engine import RiskEngine

TRADER, STRATEGY = TraderId("BENCH-001"), StrategyId("S-001")
ID = InstrumentId(Symbol("BTC-USD"), Venue("SIM"))
INSTRUMENT = CurrencyPair(
    instrument_id=ID,
    raw_symbol=ID.symbol,
    base_currency=BTC,
    quote_currency=USD,
    price_precision=2,
    size_precision=2,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.01"),
    min_quantity=Quantity.from_str("0.01"),
    max_quantity=Quantity.from_str("100.00"),
    min_notional=Money(1, USD),
    max_notional=Money(1_000_000, USD),
    ts_event=0,
    ts_init=0,
)


class World:
    """One engine with its cache and account, and orders that nobody has seen yet."""

    def __init__(self, terms: list[tuple[str, str]]) -> None:
        self.sent = self.denied = 0
        clock = TestClock()
        bus = MessageBus(trader_id=TRADER, clock=clock)
        cache = Cache()
        cache.add_instrument(INSTRUMENT)
        cache.add_quote_tick(_quote())
        cache.add_account(AccountFactory.create(_funds()))
        config = RiskEngineConfig(
            max_order_submit_rate=f"{len(terms) + 1}/00:00:01", max_notional_per_order={str(ID): 900_000}
        )
        portfolio = Portfolio(msgbus=bus, cache=cache, clock=clock)
        self.engine = RiskEngine(portfolio=portfolio, msgbus=bus, cache=cache, clock=clock, config=config)
        bus.register(endpoint="ExecEngine.execute", handler=self._execute)
        bus.register(endpoint="ExecEngine.process", handler=self._process)
        factory = OrderFactory(trader_id=TRADER, strategy_id=STRATEGY, clock=clock, cache=cache)
        self.commands = [_command(factory, quantity, price) for quantity, price in terms]

    def _execute(self, command: object) -> None:
        self.sent += 1

    def _process(self, event: object) -> None:
        self.denied += 1

    def seconds(self) -> float:
        """Processor time that the engine takes for all of them."""
        execute = self.engine.execute
        start = time.process_time()
        for command in self.commands:
            execute(command)
        return time.process_time() - start


def _quote() -> QuoteTick:
    size = Quantity.from_str("10.00")
    return QuoteTick(ID, Price.from_str("99.99"), Price.from_str("100.01"), size, size, 0, 0)


def _funds() -> AccountState:
    cash = Money(10_000_000, USD)
    return AccountState(
        account_id=AccountId("SIM-001"),
        account_type=AccountType.CASH,
        base_currency=USD,
        reported=True,
        balances=[AccountBalance(cash, Money(0, USD), cash)],
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )


def _command(factory: OrderFactory, quantity: str, price: str) -> SubmitOrder:
    order = factory.limit(ID, OrderSide.BUY, Quantity.from_str(quantity), Price.from_str(price))
    return SubmitOrder(
        trader_id=TRADER, strategy_id=STRATEGY, position_id=None, order=order, command_id=UUID4(), ts_init=0
    )


def _terms(count: int, seed: int) -> list[tuple[str, str]]:
    """Quantities and prices; the other side of the benchmark draws the same."""
    draw = random.Random(seed)
    return [
        (f"{Decimal(draw.randint(1, 900)) / 100:.2f}", f"{Decimal(draw.randint(9_950, 10_050)) / 100:.2f}")
        for _ in range(count)
    ]


def main(count: int, seed: int) -> None:
    """Answer one line per line."""
    terms = _terms(count, seed)
    for line in sys.stdin:
        world = World(terms)
        if line.strip() == "halted":
            world.engine.set_trading_state(TradingState.HALTED)
        seconds = world.seconds()
        print(json.dumps({"seconds": seconds, "sent": world.sent, "denied": world.denied}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
