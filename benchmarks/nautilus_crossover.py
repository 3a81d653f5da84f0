"""The peer's side of the backtest benchmark; run by the interpreter of .venv-bench, never by the product.

Reads its bars once, then runs one event-driven backtest for every line on standard input and prints
{"seconds", "fills"}; the clock covers `engine.run()` alone, with data and strategy already loaded.
"""

import csv
import json
import sys
import time
from datetime import datetime
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
HOUR_NS = 3_600_000_000_000
ID = InstrumentId(Symbol("BTC-USD"), VENUE)
BAR_TYPE = BarType.from_str(f"{ID}-1-HOUR-LAST-EXTERNAL")
INSTRUMENT = CurrencyPair(
    instrument_id=ID,
    raw_symbol=ID.symbol,
    base_currency=BTC,
    quote_currency=USD,
    price_precision=2,
    size_precision=8,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.00000001"),
    maker_fee=Decimal("0.0005"),
    taker_fee=Decimal("0.0010"),
    ts_event=0,
    ts_init=0,
)


class CrossoverConfig(StrategyConfig, frozen=True):
    """The parameters of the example bot."""

    fast_bars: int
    slow_bars: int
    quantity: str


class Crossover(Strategy):
    """Long while the fast average is above the slow one, else flat; market orders."""

    def __init__(self, config: CrossoverConfig) -> None:
        super().__init__(config)
        self.fast = SimpleMovingAverage(config.fast_bars)
        self.slow = SimpleMovingAverage(config.slow_bars)
        self.quantity = INSTRUMENT.make_qty(Decimal(config.quantity))

    def on_start(self) -> None:
        self.register_indicator_for_bars(BAR_TYPE, self.fast)
        self.register_indicator_for_bars(BAR_TYPE, self.slow)
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        if self.fast.value > self.slow.value and self.portfolio.is_flat(ID):
            self.submit_order(self.order_factory.market(ID, OrderSide.BUY, self.quantity))
        elif self.fast.value < self.slow.value and self.portfolio.is_net_long(ID):
            self.submit_order(self.order_factory.market(ID, OrderSide.SELL, self.quantity))


def read(path: str) -> list[Bar]:
    """The rows of the product's frozen file as the peer's bars."""
    with open(path, newline="", encoding="utf-8") as handle:
        return [_bar(row) for row in csv.DictReader(handle)]


def _bar(row: dict[str, str]) -> Bar:
    prices = [INSTRUMENT.make_price(float(row[name])) for name in ("open", "high", "low", "close")]
    ends_ns = int(datetime.fromisoformat(row["timestamp"]).timestamp()) * 1_000_000_000 + HOUR_NS
    return Bar(BAR_TYPE, *prices, INSTRUMENT.make_qty(float(row["volume"])), ends_ns, ends_ns)


def run(bars: list[Bar], parameters: dict[str, object]) -> dict[str, float]:
    """One backtest with a fresh engine."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE,
        OmsType.NETTING,
        AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(100_000, USD), Money(0, BTC)],
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(bars)
    engine.add_strategy(Crossover(CrossoverConfig(**parameters)))
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    fills = sum(1 for order in engine.cache.orders() if order.is_closed and order.filled_qty > 0)
    engine.dispose()
    return {"seconds": seconds, "fills": fills}


def main(path: str, parameters: str) -> None:
    """Answer every line of standard input with one run."""
    bars = read(path)
    for _ in sys.stdin:
        print(json.dumps(run(bars, json.loads(parameters))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
