"""A test harness for bots: bars through the strategy and the product's own simulator, and what must hold of any bot.

    harness = Harness.of_folder(FOLDER, quantity="0.1")
    run = harness.run(harness.bars("100", "99", "98"))
    run.assert_intents(("BUY", "0.1"))
    harness.assert_deterministic(bars)
    harness.assert_slicing_changes_nothing(bars)

What it runs is what backtests, gates and paper run; nothing is imitated here. It needs no other package.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from quarterdeck.backtest import intents_hash, result_hash, step, total_return
from quarterdeck.bars import INTERVAL_MS, check_bar
from quarterdeck.book import Book
from quarterdeck.decimals import plain
from quarterdeck.events import Bar, Fill, Instrument, Intent, OrderUpdate
from quarterdeck.loading import default_parameters, load_strategy, read_bot_toml
from quarterdeck.session import Session
from quarterdeck.simvalues import SimConfig
from quarterdeck.strategy import Strategy

CASH = Decimal(100_000)
STEP = Decimal("0.00000001")
FREE = SimConfig()
SLICE_BARS = (1, 2, 7, 50)


@dataclass(frozen=True, slots=True)
class Run:
    """What a strategy did over some bars, and what came of it."""

    intents: list[Intent]
    book: Book
    cash: Decimal

    @property
    def fills(self) -> list[Fill]:
        """What traded, in order."""
        return [traded.fill for traded in self.book.fills]

    @property
    def rejects(self) -> list[OrderUpdate]:
        """Orders that were refused, cancelled or have expired."""
        return self.book.updates

    @property
    def position(self) -> Decimal:
        """The signed quantity held at the end."""
        return self.book.holding.quantity

    @property
    def total_return(self) -> Decimal:
        """Final equity over the starting cash, less one; ValueError for a run over no bars."""
        if not self.book.equity:
            raise ValueError("the run had no bars")
        return total_return(self.book, self.cash)

    @property
    def orders_digest(self) -> str:
        """The order hash: two runs with the same hash asked for the same orders at the same times."""
        return intents_hash(self.intents)

    @property
    def digest(self) -> str:
        """Order hash and outcome together: orders, fills, refusals, cash and holding."""
        return f"{self.orders_digest}:{result_hash(self.book)}"

    def assert_intents(self, *expected: tuple[str, str]) -> None:
        """The orders that were asked for are these (side, quantity), in this order."""
        _assert_same("intents", [(one.side.value, plain(one.quantity)) for one in self.intents], expected)

    def assert_fills(self, *expected: tuple[str, str]) -> None:
        """What traded is these (side, quantity), in this order."""
        _assert_same("fills", [(one.side.value, plain(one.quantity)) for one in self.fills], expected)

    def assert_no_rejects(self) -> None:
        """Nothing was refused, cancelled or has expired."""
        found = [f"{one.status.value} {one.code} of intent {one.intent_seq}" for one in self.rejects]
        assert not found, f"orders that did not trade: {'; '.join(found)}"


@dataclass(frozen=True, slots=True)
class Harness:
    """Runs one strategy as often as asked, each time as a new instance in a new session."""

    make: Callable[[], Strategy]
    parameters: dict[str, Any]
    instrument: Instrument
    interval_ms: int = INTERVAL_MS["1h"]
    costs: SimConfig = FREE
    cash: Decimal = CASH
    seed: int = 1

    @classmethod
    def of_folder(cls, folder: Path, *, instrument: Instrument | None = None, **parameters: Any) -> "Harness":
        """The harness of a bot's folder: its entry point, its schema's defaults, overridden by `parameters`.

        Without an instrument, the first that bot.toml names, in fine steps.
        """
        data = read_bot_toml(folder)["data"]
        traded = instrument or Instrument(data["instruments"][0], STEP, STEP, STEP)
        values = default_parameters(folder) | parameters
        return cls(lambda: load_strategy(folder), values, traded, INTERVAL_MS[data["interval"]])

    def bars(self, *closes: str, start_ms: int = 0, volume: str = "1000000") -> list[Bar]:
        """Bars that open at the close before them, one interval each; prices as decimal strings."""
        made, before = [], Decimal(closes[0]) if closes else Decimal(0)
        for number, text in enumerate(closes):
            close, begins = Decimal(text), start_ms + number * self.interval_ms
            low, high = min(before, close), max(before, close)
            symbol, ends = self.instrument.symbol, begins + self.interval_ms
            made.append(Bar(symbol, begins, ends, before, high, low, close, Decimal(volume)))
            check_bar(made[-1])
            before = close
        return made

    def run(self, bars: Sequence[Bar]) -> Run:
        """The strategy over the bars, from a fresh start."""
        return self._run([bars])

    def assert_deterministic(self, bars: Sequence[Bar]) -> None:
        """Two runs over the same bars ask for the same orders: what the platform's first gate checks."""
        _assert_equal_runs("a second run", self.run(bars), self.run(bars))

    def assert_slicing_changes_nothing(self, bars: Sequence[Bar], slice_bars: Sequence[int] = SLICE_BARS) -> None:
        """The same orders when the bot is stopped and continued from its checkpoint every so many bars.

        On paper and live a process may end after any slice; what is not in the checkpoint is lost then.
        """
        whole = self.run(bars)
        for count in slice_bars:
            pieces = [bars[start : start + count] for start in range(0, len(bars), count)]
            _assert_equal_runs(f"a run in slices of {count} bars", whole, self._run(pieces))

    def _run(self, pieces: Sequence[Sequence[Bar]]) -> Run:
        book = Book(self.instrument, self.costs, seed=self.seed, cash=self.cash)
        checkpoint, intents = None, []
        for bars in pieces:
            session = self._session(checkpoint)
            intents += step(session, book, bars)
            checkpoint = json.loads(json.dumps(session.checkpoint()))
        return Run(intents, book, self.cash)

    def _session(self, checkpoint: dict[str, Any] | None) -> Session:
        return Session(
            self.make(),
            parameters=self.parameters,
            instruments=[self.instrument],
            checkpoint=checkpoint,
            seed=self.seed,
        )


def _assert_same(what: str, found: Sequence[tuple[str, str]], expected: Sequence[tuple[str, str]]) -> None:
    assert list(found) == list(expected), f"{what} are {list(found)}, expected {list(expected)}"


def _assert_equal_runs(what: str, first: Run, second: Run) -> None:
    """AssertionError that names the first order in which two runs differ."""
    for number, (one, other) in enumerate(zip(first.intents, second.intents, strict=False), start=1):
        assert one == other, f"{what} differs at order {number}: {one} became {other}"
    counts = len(first.intents), len(second.intents)
    assert counts[0] == counts[1], f"{what} asks for {counts[1]} orders instead of {counts[0]}"
    assert first.digest == second.digest, f"{what} has the same orders and another outcome"
