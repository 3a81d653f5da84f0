"""The harness for bot authors finds what it promises to find."""

import itertools
from decimal import Decimal

import pytest
from quarterdeck import Instrument, Strategy
from quarterdeck.bars import INTERVAL_MS
from quarterdeck.testing import Harness

TEN = ["10", "11", "10", "12", "10", "13", "10", "14"]
ONE = Decimal(1)
counted = itertools.count()


class Sound(Strategy):
    """Buys on every third bar, and keeps its count in the state."""

    def on_start(self, ctx):
        self.state = {"seen": 0}

    def on_bar(self, bar):
        self.state = {"seen": self.state["seen"] + 1}
        if self.state["seen"] % 3 == 0:
            self.buy(ONE)


class Forgetful(Strategy):
    """Counts where no checkpoint keeps it."""

    def on_start(self, ctx):
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
        if self.seen % 3 == 0:
            self.buy(ONE)


class Fickle(Strategy):
    """Asks for another quantity each time it is run."""

    def on_bar(self, bar):
        self.buy(Decimal(next(counted) + 1))


class Greedy(Strategy):
    """Wants more than it can pay."""

    def on_bar(self, bar):
        if not self.has_open_orders():
            self.buy(Decimal(1_000_000))


def harness(strategy):
    instrument = Instrument("X-USD", Decimal("0.01"), ONE, ONE)
    return Harness(strategy, {}, instrument, INTERVAL_MS["1h"])


def test_a_sound_strategy_passes_every_check():
    tried = harness(Sound)
    bars = tried.bars(*TEN)
    run = tried.run(bars)

    run.assert_intents(("BUY", "1"), ("BUY", "1"))
    run.assert_fills(("BUY", "1"), ("BUY", "1"))
    run.assert_no_rejects()
    tried.assert_deterministic(bars)
    tried.assert_slicing_changes_nothing(bars)
    assert run.position == 2


def test_state_that_no_checkpoint_keeps_is_found():
    tried = harness(Forgetful)

    with pytest.raises(AssertionError, match="slices of 1 bars asks for 0 orders instead of 2"):
        tried.assert_slicing_changes_nothing(tried.bars(*TEN))


def test_a_strategy_that_changes_its_mind_is_found():
    tried = harness(Fickle)

    with pytest.raises(AssertionError, match="a second run differs at order 1"):
        tried.assert_deterministic(tried.bars(*TEN))


def test_refused_orders_are_found_and_named():
    tried = harness(Greedy)

    with pytest.raises(AssertionError, match="BUYING_POWER_INSUFFICIENT"):
        tried.run(tried.bars(*TEN)).assert_no_rejects()


@pytest.mark.parametrize("expected", [(), (("SELL", "1"), ("BUY", "1")), (("BUY", "2"), ("BUY", "1"))])
def test_other_orders_than_expected_are_found(expected):
    tried = harness(Sound)

    with pytest.raises(AssertionError, match="intents are"):
        tried.run(tried.bars(*TEN)).assert_intents(*expected)


def test_the_same_orders_have_the_same_digest_and_others_another():
    tried = harness(Sound)
    bars = tried.bars(*TEN)

    assert tried.run(bars).orders_digest == tried.run(bars).orders_digest
    assert tried.run(bars).orders_digest != tried.run(bars[1:]).orders_digest


def test_a_run_without_bars_has_no_return():
    with pytest.raises(ValueError, match="no bars"):
        _ = harness(Sound).run([]).total_return


def test_impossible_prices_are_refused():
    with pytest.raises(ValueError, match="low <= open"):
        harness(Sound).bars("10", "-1")
