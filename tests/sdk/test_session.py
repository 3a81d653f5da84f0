"""A strategy driven by events: slicing them differently changes nothing."""

import json
import random
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.book import Book
from quarterdeck.events import Bar, Fill, Instrument
from quarterdeck.loading import load_strategy
from quarterdeck.outbox import OutboxFull
from quarterdeck.protocol import INTENTS_PER_EVENT_MAX, ProtocolError, encode
from quarterdeck.session import Session
from quarterdeck.simvalues import SimConfig
from quarterdeck.strategy import Strategy

ROOT = Path(__file__).resolve().parents[2]
INSTRUMENTS = {
    "btc_trend": Instrument("BTC-USD", D("0.01"), D("0.00000001"), D("0.0001")),
    "eur_revert": Instrument("EUR-USD", D("0.00001"), D(1), D(1)),
}
PARAMETERS = {
    "btc_trend": {"fast_bars": 8, "slow_bars": 24, "quantity": "0.5"},
    "eur_revert": {"lookback_bars": 24, "entry_z": "1.5", "exit_z": "0.25", "quantity": "10000"},
}
FILES = {"btc_trend": "btcusd_1h.csv", "eur_revert": "eurusd_1h.csv"}
CONFIG = SimConfig(D(1), D(2), 250, D(2), D(5), D("0.001"))
BAR = Bar("X", 0, 3_600_000, D(1), D(1), D(1), D(1), D(1))
X = Instrument("X", D(1), D(1), D(1))


def start(name, checkpoint=None):
    return Session(
        load_strategy(ROOT / "examples" / name),
        parameters=PARAMETERS[name],
        instruments=[INSTRUMENTS[name]],
        checkpoint=checkpoint,
        seed=1,
    )


def record(name, count=400):
    """The events and intents of an unbroken run over real prices."""
    bars = read_bars(ROOT / "data" / FILES[name], INSTRUMENTS[name].symbol, INTERVAL_MS["1h"])[:count]
    session, book = start(name), Book(INSTRUMENTS[name], CONFIG, seed=1, cash=D(100_000))
    events, intents = [], []
    for bar in bars:
        for event in [*book.advance(bar), bar]:
            session.handle(event)
            events.append(event)
        said = session.take()[0]
        intents += said
        for intent in said:
            book.submit(intent)
    return events, intents, json.loads(json.dumps(session.checkpoint()))


RECORDED = {name: record(name) for name in PARAMETERS}


def session_of(on_bar, **methods):
    bot = type("Bot", (Strategy,), {"on_bar": on_bar, **methods})()
    return Session(bot, parameters={}, instruments=[X], checkpoint=None, seed=1)


@pytest.mark.parametrize("name", PARAMETERS)
def test_recorded_runs_trade(name):
    assert len(RECORDED[name][1]) >= 6


def test_recorded_run_has_partial_fills():
    events, intents, _ = RECORDED["btc_trend"]

    assert sum(isinstance(event, Fill) for event in events) > len(intents)


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(sorted(PARAMETERS)), seed=st.integers(0, 10**6))
def test_slicing_the_events_differently_changes_nothing(name, seed):
    events, expected, last = RECORDED[name]
    cuts = sorted(random.Random(seed).sample(range(len(events)), k=seed % 12))
    intents, checkpoint = [], None

    for first, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        session = start(name, checkpoint)
        for event in events[first:end]:
            session.handle(event)
        intents += session.take()[0]
        checkpoint = json.loads(json.dumps(session.checkpoint()))

    assert intents == expected
    assert checkpoint == last


def test_more_intents_than_an_event_may_hold_are_an_error():
    def on_bar(self, bar):
        for _ in range(INTENTS_PER_EVENT_MAX + 1):
            self.buy(D(1))

    with pytest.raises(OutboxFull):
        session_of(on_bar).handle(BAR)


@pytest.mark.parametrize("quantity", [D("NaN"), D("Infinity"), D(0), D(-1), 1.5, "1"])
def test_an_intent_for_no_quantity_is_an_error(quantity):
    with pytest.raises(ValueError, match="positive Decimal"):
        session_of(lambda self, bar: self.buy(quantity)).handle(BAR)


def test_an_intent_for_an_unknown_instrument_is_an_error():
    with pytest.raises(KeyError, match="unknown instrument"):
        session_of(lambda self, bar: self.buy(D(1), instrument="Y")).handle(BAR)


def test_nothing_can_be_wanted_before_the_first_event():
    with pytest.raises(RuntimeError, match="on_start"):
        session_of(lambda self, bar: None, on_start=lambda self, ctx: self.buy(D(1)))


def test_state_that_is_not_json_cannot_be_a_checkpoint():
    session = session_of(lambda self, bar: self.state.update(price=bar.close))
    session.handle(BAR)

    with pytest.raises(ProtocolError):
        encode("done", {"checkpoint": session.checkpoint()})


def test_a_checkpoint_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version"):
        start("btc_trend", {"v": 2})
