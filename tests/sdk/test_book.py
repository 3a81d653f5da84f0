"""The books of a backtest."""

from decimal import Decimal as D

from quarterdeck.book import Book
from quarterdeck.events import (
    Bar,
    Fill,
    Instrument,
    Intent,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Purpose,
    Side,
    TimeInForce,
)
from quarterdeck.simvalues import SimConfig

HOUR_MS = 3_600_000
BTC = Instrument("BTC-USD", D("0.01"), D("0.001"), D("0.001"))


def make_book(cash="1000", **config):
    return Book(BTC, SimConfig(**config), seed=1, cash=D(cash))


def make_bar(number, price="100", volume="10"):
    return Bar("BTC-USD", number * HOUR_MS, (number + 1) * HOUR_MS, *[D(price)] * 4, D(volume))


def want(seq, side, quantity, on_bar, **overrides):
    values = {
        "instrument": "BTC-USD",
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.GTC,
        "purpose": Purpose.OPENING,
        "reduce_only": False,
        "on_bar_end_ms": (on_bar + 1) * HOUR_MS,
    }
    return Intent(seq=seq, side=side, quantity=D(quantity), **(values | overrides))


def test_a_trade_moves_cash_holding_and_equity():
    book = make_book(taker_fee_bps=D(10))
    book.advance(make_bar(0))
    book.submit(want(1, Side.BUY, "2", 0))

    [fill] = book.advance(make_bar(1))
    book.advance(make_bar(2, price="110"))

    assert isinstance(fill, Fill)
    assert (fill.intent_seq, fill.fee) == (1, D("0.2"))
    assert (book.cash, book.holding.quantity) == (D("799.8"), D(2))
    assert book.equity[-1] == (3 * HOUR_MS, D("1019.8"))


def test_a_refusal_is_told_with_the_next_bar_and_moves_nothing():
    book = make_book()
    book.advance(make_bar(0))
    book.submit(want(1, Side.SELL, "1", 0))

    [update] = book.advance(make_bar(1))

    assert update == OrderUpdate(1, OrderStatus.REJECTED, "POSITION_INSUFFICIENT", "", HOUR_MS)
    assert (book.cash, book.fills) == (D(1000), [])


def test_working_buys_reserve_their_cash():
    book = make_book()
    book.advance(make_bar(0))
    far = {"order_type": OrderType.LIMIT, "limit_price": D(60)}
    book.submit(want(1, Side.BUY, "10", 0, **far))
    book.submit(want(2, Side.BUY, "7", 0, **far))

    [update] = book.advance(make_bar(1))

    assert (update.intent_seq, update.code) == (2, "BUYING_POWER_INSUFFICIENT")


def test_two_sells_cannot_sell_the_same_position():
    book = make_book()
    book.advance(make_bar(0))
    book.submit(want(1, Side.BUY, "1", 0))
    book.advance(make_bar(1))
    book.submit(want(2, Side.SELL, "1", 1))
    book.submit(want(3, Side.SELL, "1", 1))

    events = book.advance(make_bar(2))

    assert [type(event) for event in events] == [OrderUpdate, Fill]
    assert book.holding.quantity == 0


def test_the_participation_cap_is_shared_by_the_orders_of_a_bar():
    book = make_book(participation_cap=D("0.1"))
    book.advance(make_bar(0))
    book.submit(want(1, Side.BUY, "0.7", 0))
    book.submit(want(2, Side.BUY, "0.7", 0))

    fills = book.advance(make_bar(1))

    assert [fill.quantity for fill in fills] == [D("0.7"), D("0.3")]
    assert [fill.quantity for fill in book.advance(make_bar(2))] == [D("0.4")]


def test_an_order_for_another_instrument_is_rejected():
    book = make_book()
    book.advance(make_bar(0))
    book.submit(want(1, Side.BUY, "1", 0, instrument="ETH-USD"))

    [update] = book.advance(make_bar(1))

    assert update.code == "INSTRUMENT_UNKNOWN"
