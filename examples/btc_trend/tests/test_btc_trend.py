"""The crossover, on prices made to cross."""

from decimal import Decimal
from pathlib import Path

import pytest
from quarterdeck import Bar, Fill, Instrument, Purpose, Side
from quarterdeck.loading import load_strategy
from quarterdeck.session import Session

FOLDER = Path(__file__).resolve().parents[1]
HOUR_MS = 3_600_000
BTC = Instrument("BTC-USD", Decimal("0.01"), Decimal("0.00000001"), Decimal("0.0001"))


def make_session(**overrides):
    parameters = {"fast_bars": 2, "slow_bars": 4, "quantity": "0.5"} | overrides
    return Session(load_strategy(FOLDER), parameters=parameters, instruments=[BTC], checkpoint=None, seed=1)


def feed(session, *closes, start=0):
    for number, close in enumerate(closes, start):
        price = Decimal(close)
        session.handle(Bar("BTC-USD", number * HOUR_MS, (number + 1) * HOUR_MS, *[price] * 4, Decimal(1)))
    return session.take()[0]


def fill(session, intent, market_ms):
    session.handle(Fill(intent.seq, "BTC-USD", intent.side, intent.quantity, Decimal(100), Decimal(0), market_ms))


def test_buys_when_the_fast_average_is_above_the_slow_one():
    [intent] = feed(make_session(), 100, 100, 100, 110)

    assert (intent.side, intent.quantity, intent.purpose) == (Side.BUY, Decimal("0.5"), Purpose.OPENING)


def test_waits_for_the_slow_average_to_fill():
    assert feed(make_session(), 100, 110, 120) == []


def test_sells_everything_out_when_the_averages_cross_back():
    session = make_session()
    [buy] = feed(session, 100, 100, 100, 110)
    fill(session, buy, 4 * HOUR_MS)

    [sell] = feed(session, 80, 70, start=5)

    assert (sell.side, sell.quantity, sell.purpose) == (Side.SELL, Decimal("0.5"), Purpose.EXIT)
    assert sell.reduce_only


def test_sends_nothing_while_an_order_is_open():
    session = make_session()
    feed(session, 100, 100, 100, 110)

    assert feed(session, 120, 130, start=5) == []


def test_refuses_a_fast_average_that_is_not_faster():
    with pytest.raises(ValueError, match="fast_bars"):
        make_session(fast_bars=4)
