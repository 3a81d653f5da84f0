"""Results that must not move: what the simulator did before it had queues, it does without them."""

from decimal import Decimal as D

from quarterdeck.backtest import result_hash
from quarterdeck.book import Book
from quarterdeck.events import Bar, Intent, OrderType, Purpose, Side, TimeInForce
from quarterdeck.simvalues import SimConfig

from tests.sdk.test_simulator import BTC, HOUR_MS

FROZEN = "475267f4c7a4407090b257e394e5912c62357410678ee4fcdf5dd24068e7ad6a"
COSTS = SimConfig(D(1), D(2), 250, D(2), D(5), D("0.001"))


def test_a_thousand_orders_of_all_kinds_end_as_they_always_did():
    book = Book(BTC, COSTS, seed=1, cash=D(10**9))
    kinds = [(kind, force) for kind in OrderType for force in TimeInForce]

    for number in range(2000):
        price = D(1000 + number % 37)
        bar = Bar("BTC-USD", number * HOUR_MS, (number + 1) * HOUR_MS, price, price + 5, price - 5, price + 1, D(1000))
        book.advance(bar)
        if number % 2 == 0:
            book.submit(_intent(number, *kinds[number // 2 % len(kinds)], price, bar.end_ms))

    assert len(book.fills) > 500
    assert result_hash(book) == FROZEN


def _intent(number, order_type, time_in_force, price, end_ms):
    side = Side.BUY if number % 4 == 0 else Side.SELL
    away = -2 if side == Side.BUY else 2
    return Intent(
        seq=number + 1,
        instrument="BTC-USD",
        side=side,
        quantity=D("1.5"),
        order_type=order_type,
        time_in_force=time_in_force,
        purpose=Purpose.OPENING,
        reduce_only=False,
        on_bar_end_ms=end_ms,
        limit_price=price + away if "LIMIT" in order_type else None,
        stop_price=price - 2 * away if "STOP" in order_type else None,
    )
