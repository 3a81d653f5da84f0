"""A backtest of a build: the bot loops in the sandbox, the host trades its intents again and compares."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from quarterdeck.backtest import intents_hash, replay, result_hash
from quarterdeck.book import Book, TradedFill
from quarterdeck.decimals import plain
from quarterdeck.events import Bar, Instrument, Intent, OrderUpdate
from quarterdeck.holding import Holding
from quarterdeck.simvalues import SimConfig

from apps.common.errors import Refused
from apps.runtime.host import BotProcess, BotProtocolError
from apps.runtime.sandbox.limits import SandboxLimits
from apps.runtime.statistics import Metrics, decision_prices, measure

BATCH_BARS = 2_048
BATCHES_AHEAD = 2
INTENTS_TOTAL_MAX = 1_000_000
Progress = Callable[[int, int], None]


class BacktestMismatch(Refused):
    """The bot's account of the run is not what its intents lead to."""


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What a run did; equal inputs give equal hashes. Fees and PnL are in the instrument's currency.

    decided_at: of each intent that traded, by its number, the close of the bar on which it was decided.
    """

    intents_hash: str
    result_hash: str
    bar_count: int
    intents: tuple[Intent, ...]
    fills: tuple[TradedFill, ...]
    rejects: tuple[OrderUpdate, ...]
    equity: tuple[tuple[int, Decimal], ...]
    holding: Holding
    cash: Decimal
    metrics: Metrics
    decided_at: Mapping[int, Decimal]
    duration_seconds: float


def run_backtest(
    build_dir: Path,
    bars: Sequence[Bar],
    instrument: Instrument,
    *,
    parameters: Mapping[str, Any],
    config: SimConfig,
    seed: int,
    starting_cash: Decimal,
    limits: SandboxLimits | None = None,
    progress: Progress | None = None,
    watch: Callable[[], None] | None = None,
) -> BacktestResult:
    """Run an unpacked build over bars of one instrument, oldest first.

    BotError when the bot fails, BacktestMismatch when the host's own simulation of its intents comes to
    other fills. slice_seconds_max bounds each batch of BATCH_BARS; progress gets (bars done, bars in all). `watch`
    is called a few times a second while the bot works; what it raises kills the bot and ends the run.
    """
    started = time.monotonic()
    book = Book(instrument, config, seed=seed, cash=starting_cash)
    process = BotProcess(
        build_dir,
        parameters=parameters,
        instruments=[instrument],
        checkpoint=None,
        seed=seed,
        limits=limits,
        watch=watch,
    )
    with process:
        process.send_message("simulate", _simulate_fields(book))
        intents = _run_batches(process, book, bars, progress)
        claimed, _ = process.request("flush", {}, _deadline(process))
    _compare(claimed, intents, book)
    return _result(book, bars, intents, claimed, starting_cash, time.monotonic() - started)


def _simulate_fields(book: Book) -> dict[str, Any]:
    return {
        "instrument": book.instrument.symbol,
        "config": book.config.to_json(),
        "cash": plain(book.cash),
        "seed": book.seed,
    }


def _run_batches(process: BotProcess, book: Book, bars: Sequence[Bar], progress: Progress | None) -> list[Intent]:
    """Keep a few batches under way: while the bot works on one, the host trades the one before again."""
    intents: list[Intent] = []
    under_way: list[tuple[int, Sequence[Bar]]] = []
    done_count = 0
    for chunk in [*_chunks(bars), None]:
        if chunk is not None:
            under_way.append((process.post("batch", {"bars": [_row(bar) for bar in chunk]}), chunk))
        while under_way and (chunk is None or len(under_way) > BATCHES_AHEAD):
            number, oldest = under_way.pop(0)
            _, said = process.read_answer(number, _deadline(process))
            intents += said.intents
            _replay(book, oldest, said.intents, len(intents))
            done_count += len(oldest)
            if progress is not None:
                progress(done_count, len(bars))
    return intents


def _chunks(bars: Sequence[Bar]) -> Iterator[Sequence[Bar]]:
    for first in range(0, len(bars), BATCH_BARS):
        yield bars[first : first + BATCH_BARS]


def _row(bar: Bar) -> list[Any]:
    row = [bar.start_ms, bar.end_ms, *map(plain, bar[3:8])]
    return [*row, True] if bar.is_extended else row


def _replay(book: Book, bars: Sequence[Bar], intents: Sequence[Intent], total: int) -> None:
    first_seq = total - len(intents) + 1
    if total > INTENTS_TOTAL_MAX or [i.seq for i in intents] != list(range(first_seq, total + 1)):
        raise BotProtocolError("BOT_PROTOCOL", "Intents are not numbered without a gap, or too many.")
    try:
        replay(book, bars, intents)
    except ValueError as error:
        raise BotProtocolError("BOT_PROTOCOL", str(error)) from None


def _compare(claimed: Mapping[str, Any], intents: Sequence[Intent], book: Book) -> None:
    ours = {"intents_hash": intents_hash(intents), "result_hash": result_hash(book)}
    theirs = {name: claimed.get(name) for name in ours}
    if ours != theirs:
        raise BacktestMismatch(
            "BACKTEST_MISMATCH", "The bot's fills are not what its intents lead to.", ours=ours, theirs=theirs
        )


def _result(
    book: Book,
    bars: Sequence[Bar],
    intents: list[Intent],
    hashes: Mapping[str, Any],
    cash: Decimal,
    seconds: float,
) -> BacktestResult:
    decided_at = decision_prices(bars, intents, book.fills)
    return BacktestResult(
        intents_hash=hashes["intents_hash"],
        result_hash=hashes["result_hash"],
        bar_count=len(book.equity),
        intents=tuple(intents),
        fills=tuple(book.fills),
        rejects=tuple(book.updates),
        equity=tuple(book.equity),
        holding=book.holding,
        cash=book.cash,
        metrics=measure(
            book.equity,
            book.fills,
            starting_equity=cash,
            multiplier=book.instrument.multiplier,
            decided_at=decided_at,
        ),
        decided_at=decided_at,
        duration_seconds=seconds,
    )


def _deadline(process: BotProcess) -> float:
    return time.monotonic() + process.limits.slice_seconds_max
