"""A moving-average crossover over real hourly bars, in the sandbox, against Nautilus on the same bars."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.book import Book
from quarterdeck.build import build
from quarterdeck.events import Bar, Instrument
from quarterdeck.simvalues import SimConfig

from apps.bots import artifacts
from apps.runtime.backtest import run_backtest
from apps.runtime.host import BotProcess
from benchmarks import peers
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, say, timed
from benchmarks.product import Bench
from controlplane.supervisor.installation import ROOT

BARS = ROOT / "data" / "btcusd_1h.csv"
EXAMPLE = ROOT / "examples" / "btc_trend"
INSTRUMENT = Instrument("BTC-USD", Decimal("0.01"), Decimal("0.00000001"), Decimal("0.00000001"))
COSTS = SimConfig(
    half_spread_bps=Decimal(2), slippage_bps=Decimal(1), maker_fee_bps=Decimal(5), taker_fee_bps=Decimal(10)
)
CASH = Decimal(100_000)
FILLS_APART_MAX = 0.05
REFERENCE = "Nautilus 1.221.0 BacktestEngine.run(), same strategy, bars and fees"


@dataclass(frozen=True, slots=True)
class Ours:
    """The work of the measured side."""

    build_dir: Path
    parameters: dict[str, object]
    bars: list[Bar]
    seed: int

    def batch(self) -> float:
        """Bars a second, from starting the sandbox to the compared hashes and the metrics."""
        return len(self.bars) / timed(self.result)

    def result(self) -> int:
        """One whole backtest; how many fills it had."""
        result = run_backtest(
            self.build_dir,
            self.bars,
            INSTRUMENT,
            parameters=self.parameters,
            config=COSTS,
            seed=self.seed,
            starting_cash=CASH,
        )
        return len(result.fills)

    def lockstep(self) -> float:
        """Bars a second when every bar is a question to the sandboxed bot and waits for its answer."""
        book = Book(INSTRUMENT, COSTS, seed=self.seed, cash=CASH)
        process = BotProcess(
            self.build_dir, parameters=self.parameters, instruments=[INSTRUMENT], checkpoint=None, seed=self.seed
        )
        with process:
            return len(self.bars) / timed(lambda: self._exchange(process, book))

    def _exchange(self, process: BotProcess, book: Book) -> None:
        for bar in self.bars:
            for intent in process.feed([*book.advance(bar), bar]).intents:
                book.submit(intent)


def run(bench: Bench) -> Iterator[Line]:
    """Bars a second in batch and in lockstep; refuses to compare when the two sides trade differently."""
    parameters = yaml.safe_load((EXAMPLE / "parameters.yaml").read_text())
    bars = read_bars(BARS, INSTRUMENT.symbol, INTERVAL_MS["1h"])
    build_dir = bench.folder() / "build"
    artifact = build(EXAMPLE, bench.folder() / "bot.zip")
    artifacts.unpack(artifact, build_dir, artifacts.digest(artifact))
    ours = Ours(build_dir, parameters, bars, bench.seed)
    with _nautilus(parameters) as peer:
        _check_same(ours.result(), peer()["fills"])
        for name, measured, goal in (
            ("backtest", ours.batch, "ratio >= 1"),
            ("backtest.lockstep", ours.lockstep, "value >= 15000"),
        ):
            say(name)
            figures, reference = alternate(measured, lambda: len(bars) / peer()["seconds"])
            yield line(name, "bars/s", figures, REFERENCE, reference, goal=goal, seed=bench.seed)


def _check_same(ours: int, theirs: float) -> None:
    say(f"backtest: {ours} fills here, {theirs:.0f} there")
    if abs(ours - theirs) > FILLS_APART_MAX * ours:
        raise RuntimeError(f"not the same work: {ours} fills here, {theirs:.0f} there")


@contextlib.contextmanager
def _nautilus(parameters: dict[str, object]) -> Iterator[Callable[[], dict[str, float]]]:
    """A peer process that runs one backtest a call."""
    script = str(Path(__file__).with_name("nautilus_crossover.py"))
    command = [str(peers.python()), script, str(BARS), json.dumps(parameters)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as peer:
        stdin, stdout = peer.stdin, peer.stdout
        assert stdin is not None
        assert stdout is not None

        def once() -> dict[str, float]:
            stdin.write("run\n")
            answer: dict[str, float] = json.loads(stdout.readline())
            return answer

        yield once
        stdin.close()
