"""The queue at a price: who came later trades later."""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quarterdeck.book import Book
from quarterdeck.events import Intent, OrderType, Purpose, Side, TimeInForce
from quarterdeck.simvalues import SimConfig, SimState

from tests.sdk.test_simulator import BTC, HOUR_MS, limit, make_bar, make_order, meet

QUEUE = SimConfig(queue_share=D("0.5"))


def flat(number, price, volume="1000"):
    """A bar whose whole volume trades at one price."""
    return make_bar(number, *[price] * 4, volume=volume)


def test_an_order_joins_behind_the_volume_that_is_there():
    result = meet(limit(95), flat(1, "100"), QUEUE)

    assert result.state == SimState.WORKING
    assert 0 < result.queue_ahead < 1000


def test_the_queue_is_drawn_from_seed_order_and_bar_alone_around_its_mean():
    drawn = [meet(limit(95, order_id=str(n)), flat(1, "100"), QUEUE).queue_ahead for n in range(200)]

    assert drawn == [meet(limit(95, order_id=str(n)), flat(1, "100"), QUEUE).queue_ahead for n in range(200)]
    assert all(ahead < 1000 for ahead in drawn)
    assert 400 < sum(drawn) / len(drawn) < 600
    assert len(set(drawn)) > 150


def test_an_order_does_not_trade_before_the_volume_ahead_of_it_has():
    order = limit(95, quantity=D(10))

    first = meet(order, flat(2, "95", "60"), QUEUE, queue_ahead=D(100))
    second = meet(order, flat(3, "95", "45"), QUEUE, queue_ahead=first.queue_ahead)
    third = meet(order, flat(4, "95"), QUEUE, queue_ahead=second.queue_ahead, filled=D(5))

    assert (first.fills, first.queue_ahead, first.state) == ((), D(40), SimState.WORKING)
    assert ([f.quantity for f in second.fills], second.queue_ahead, second.state) == ([D(5)], D(0), SimState.WORKING)
    assert ([(f.quantity, f.price, f.liquidity) for f in third.fills], third.state) == (
        [(D(5), D(95), "MAKER")],
        SimState.FILLED,
    )


def test_a_touch_trades_only_the_part_of_the_volume_that_is_at_the_price():
    # Low 95, high 100 in ticks of a cent: 501 prices share the 1,002 of volume.
    bar = make_bar(2, open="100", high="100", low="95", close="99", volume="1002")

    assert meet(limit(95, quantity=D(10)), bar, QUEUE, queue_ahead=D(1)).fills[0].quantity == 1


@pytest.mark.parametrize(("side", "low", "high"), [(Side.BUY, "94.99", "100"), (Side.SELL, "94", "95.01")])
def test_a_bar_that_goes_through_the_price_has_traded_the_whole_queue(side, low, high):
    bar = make_bar(2, open="100" if side == Side.BUY else "94", high=high, low=low, close=low, volume="1")

    result = meet(limit(95, side=side), bar, QUEUE, queue_ahead=D(10**6), position=D(1))

    assert (result.state, result.fills[0].price) == (SimState.FILLED, D(95))


def test_what_earlier_orders_took_at_the_price_is_gone():
    order = limit(95, quantity=D(10))

    result = meet(order, flat(2, "95", "100"), QUEUE, queue_ahead=D(50), volume_used=D(45))

    assert [fill.quantity for fill in result.fills] == [D(5)]


def test_the_participation_cap_holds_in_the_queue_too():
    config = SimConfig(queue_share=D("0.5"), participation_cap=D("0.01"))

    result = meet(limit(95, quantity=D(10)), flat(2, "95", "100"), config, queue_ahead=D(0))

    assert [fill.quantity for fill in result.fills] == [D(1)]


def test_who_takes_does_not_queue():
    result = meet(limit(101), flat(1, "100"), QUEUE)

    assert (result.fills[0].liquidity, result.state) == ("TAKER", SimState.FILLED)


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_immediate_order_does_not_wait_for_its_turn(time_in_force):
    result = meet(limit(95, time_in_force=time_in_force), make_bar(), QUEUE)

    assert (result.fills, result.state) == ((), SimState.CANCELED)


def test_a_stop_limit_joins_the_queue_when_it_triggers():
    order = make_order(order_type=OrderType.STOP_LIMIT, stop_price=D(108), limit_price=D(107))

    before = meet(order, flat(1, "100"), QUEUE)
    after = meet(order, make_bar(2), QUEUE, triggered=before.triggered)

    assert (before.triggered, before.queue_ahead) == (False, None)
    assert after.triggered
    assert after.queue_ahead is not None


def test_without_a_queue_nothing_is_kept():
    assert meet(limit(89)).queue_ahead is None


def test_a_backtest_keeps_its_place_between_bars():
    book = Book(BTC, QUEUE, seed=3, cash=D(10_000))
    book.advance(flat(0, "100"))
    book.submit(
        Intent(1, "BTC-USD", Side.BUY, D(1), OrderType.LIMIT, TimeInForce.GTC, Purpose.OPENING, False, HOUR_MS, D(95))
    )
    filled = []

    for number in range(1, 30):
        filled += book.advance(flat(number, "100" if number == 1 else "95", "100"))

    ahead = meet(limit(95), flat(1, "100", "100"), QUEUE, seed=3).queue_ahead
    assert ahead > 1
    assert filled[0].market_ms == (3 + ahead // 100) * HOUR_MS


@settings(max_examples=200, deadline=None)
@given(
    volumes=st.lists(st.integers(0, 500), min_size=1, max_size=20),
    ahead=st.integers(0, 2000),
    quantity=st.integers(1, 300),
)
def test_the_queue_conserves_volume(volumes, ahead, quantity):
    order, queue, filled = limit(95, quantity=D(quantity)), D(ahead), D(0)

    for number, volume in enumerate(volumes, start=2):
        result = meet(order, flat(number, "95", str(volume)), QUEUE, queue_ahead=queue, filled=filled)
        filled += sum(fill.quantity for fill in result.fills)
        if result.state == SimState.FILLED:
            break
        queue = result.queue_ahead

    assert filled == min(quantity, max(0, sum(volumes) - ahead))


@pytest.mark.parametrize(
    ("values", "words"),
    [({"queue_share": D(2)}, "queue_share"), ({"queue_share": D(-1)}, "queue_share"), ({"calendar": "X"}, "calendar")],
)
def test_impossible_settings_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        SimConfig(**values)


def test_the_newer_settings_are_written_only_when_they_are_set():
    config = SimConfig(queue_share=D("0.25"), calendar="24/5")

    assert SimConfig.from_json(config.to_json()) == config
    assert not {"queue_share", "calendar"} & set(SimConfig().to_json())
