"""Backtests in the sandbox: repeatable, equal to lockstep, and checked by the host."""

from decimal import Decimal as D

import pytest
from quarterdeck.backtest import intents_hash
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.book import Book
from quarterdeck.simvalues import SimConfig

from apps.runtime.backtest import BATCH_BARS, BacktestMismatch, run_backtest
from apps.runtime.host import BotFailed, BotProcess, BotProtocolError, BotTimeout
from apps.runtime.sandbox.limits import SandboxLimits
from tests.runtime.bots import BTC, BTC_TREND, BTC_TREND_PARAMETERS, HOUR_MS, ROOT, make_bars, write_bot

COSTS = SimConfig(D(1), D(2), 250, D(2), D(5), D("0.01"))
CASH = D(100_000)


@pytest.fixture(scope="module")
def bars():
    return read_bars(ROOT / "data" / "btcusd_1h.csv", "BTC-USD", INTERVAL_MS["1h"])


def backtest(bars, build_dir=BTC_TREND, parameters=BTC_TREND_PARAMETERS, **overrides):
    values = {"config": COSTS, "seed": 7, "starting_cash": CASH} | overrides
    return run_backtest(build_dir, bars, BTC, parameters=parameters, **values)


def test_equal_inputs_give_equal_hashes(bars):
    first, second = backtest(bars[:3000]), backtest(bars[:3000])

    assert (first.intents_hash, first.result_hash) == (second.intents_hash, second.result_hash)
    assert first.metrics == second.metrics
    assert len(first.fills) >= len(first.intents) > 50


def test_another_seed_gives_other_fills(bars):
    assert backtest(bars[:1000], seed=8).result_hash != backtest(bars[:1000]).result_hash


def test_no_fill_is_earlier_than_the_bar_after_its_decision(bars):
    result = backtest(bars[:3000])
    decided = {intent.seq: intent.on_bar_end_ms for intent in result.intents}

    assert all(traded.fill.market_ms > decided[traded.fill.intent_seq] for traded in result.fills)


def test_costs_come_off_the_result(bars):
    free = backtest(bars[:2000], config=SimConfig())
    costly = backtest(bars[:2000], config=SimConfig(half_spread_bps=D(5), taker_fee_bps=D(10)))

    assert free.metrics.costs == 0 < costly.metrics.costs
    assert costly.metrics.final_equity < free.metrics.final_equity


def test_lockstep_and_batch_are_the_same_bot(bars):
    """Fed bar by bar against books outside, as a live cycle is, it wants and gets the same."""
    batch = backtest(bars[:400])
    book, intents = Book(BTC, COSTS, seed=7, cash=CASH), []
    process = BotProcess(BTC_TREND, parameters=BTC_TREND_PARAMETERS, instruments=[BTC], checkpoint=None, seed=7)
    with process:
        for bar in bars[:400]:
            said = process.feed([*book.advance(bar), bar]).intents
            intents += said
            for intent in said:
                book.submit(intent)

    assert intents_hash(intents) == batch.intents_hash
    assert tuple(book.fills) == batch.fills
    assert tuple(book.equity) == batch.equity


def test_on_bars_of_extended_hours_only_orders_that_ask_for_them_trade(tmp_path):
    """The bot is told which bars those are; host and sandbox agree on what traded there."""
    bars = [bar._replace(is_extended=number in (2, 3)) for number, bar in enumerate(make_bars(6))]
    body = """
def on_bar(self, bar):
    if bar.is_extended:
        terms = {"order_type": "LIMIT", "limit_price": Decimal(100), "time_in_force": "DAY"}
        self.buy(Decimal(1), **terms, extended_hours=bar.start_ms == 2 * 3_600_000)
"""

    result = backtest(bars, write_bot(tmp_path / "bot", body), {}, config=SimConfig())

    assert [(traded.fill.intent_seq, traded.fill.market_ms // HOUR_MS) for traded in result.fills] == [(1, 4), (2, 5)]


def test_progress_counts_up_to_all_bars(bars):
    seen = []

    backtest(bars[: 2 * BATCH_BARS + 5], progress=lambda done, total: seen.append((done, total)))

    total = 2 * BATCH_BARS + 5
    assert seen == [(BATCH_BARS, total), (2 * BATCH_BARS, total), (total, total)]


def test_no_bars_are_no_result_but_no_error():
    result = backtest([])

    assert (result.bar_count, result.fills, result.metrics.final_equity) == (0, (), CASH)


def test_a_bot_that_lies_about_its_fills_is_found_out(tmp_path):
    body = """
def on_bar(self, bar):
    if bar.start_ms == 0:
        import quarterdeck.simulator as simulator
        from quarterdeck.holding import cash_delta
        import quarterdeck.book as book
        book.cash_delta = lambda *a: -cash_delta(*a)
        self.buy(Decimal(1))
"""
    with pytest.raises(BacktestMismatch):
        backtest(make_bars(5), write_bot(tmp_path / "bot", body), {})


def test_a_bot_that_decides_on_a_bar_that_is_not_there_is_cut_off(tmp_path):
    body = "def on_bar(self, bar):\n    self._outbox.market_ms += 1\n    self.buy(Decimal(1))"

    with pytest.raises(BotProtocolError):
        backtest(make_bars(5), write_bot(tmp_path / "bot", body), {})


def test_a_bot_that_raises_fails_the_backtest(tmp_path):
    with pytest.raises(BotFailed, match="KeyError"):
        backtest(make_bars(5), write_bot(tmp_path / "bot", "def on_bar(self, bar):\n    {}['x']"), {})


def test_a_bot_that_hangs_fails_the_backtest(tmp_path):
    build = write_bot(tmp_path / "bot", "def on_bar(self, bar):\n    time.sleep(60)")

    with pytest.raises(BotTimeout):
        backtest(make_bars(5), build, {}, limits=SandboxLimits(slice_seconds_max=0.5))
