"""The reversion, on prices made to fall and come back."""

from decimal import Decimal
from pathlib import Path

import pytest
from quarterdeck import Bar, Fill, Instrument, Purpose, Side
from quarterdeck.loading import load_strategy
from quarterdeck.session import Session

FOLDER = Path(__file__).resolve().parents[1]
HOUR_MS = 3_600_000
EUR = Instrument("EUR-USD", Decimal("0.00001"), Decimal(1), Decimal(1))
CALM = ("1.10", "1.11", "1.10", "1.11", "1.10")


def make_session(**overrides):
    parameters = {"lookback_bars": 5, "entry_z": "1.5", "exit_z": "0.25", "quantity": "10000"} | overrides
    return Session(load_strategy(FOLDER), parameters=parameters, instruments=[EUR], checkpoint=None, seed=1)


def feed(session, *closes, start=0):
    for number, close in enumerate(closes, start):
        price = Decimal(close)
        session.handle(Bar("EUR-USD", number * HOUR_MS, (number + 1) * HOUR_MS, *[price] * 4, Decimal(1)))
    return session.take()[0]


def test_buys_far_below_the_mean():
    session = make_session()
    feed(session, *CALM)

    [intent] = feed(session, "1.00", start=5)

    assert (intent.side, intent.quantity, intent.purpose) == (Side.BUY, Decimal(10_000), Purpose.OPENING)


def test_stays_out_far_above_the_mean():
    session = make_session()
    feed(session, *CALM)

    assert feed(session, "1.20", start=5) == []


def test_sells_everything_out_when_the_price_is_back():
    session = make_session()
    feed(session, *CALM)
    [buy] = feed(session, "1.00", start=5)
    session.handle(Fill(buy.seq, "EUR-USD", buy.side, buy.quantity, Decimal(1), Decimal(0), 6 * HOUR_MS))

    [sell] = feed(session, "1.10", start=6)

    assert (sell.side, sell.quantity, sell.purpose) == (Side.SELL, Decimal(10_000), Purpose.EXIT)
    assert sell.reduce_only


def test_does_nothing_while_prices_do_not_move():
    assert feed(make_session(), *["1.10"] * 10) == []


def test_refuses_an_exit_beyond_the_entry():
    with pytest.raises(ValueError, match="exit_z"):
        make_session(exit_z="2")
