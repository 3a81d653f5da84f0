"""Orders that must never take, and the queue that a resting order waits in."""

from decimal import Decimal as D

import pytest
from quarterdeck.acceptance import accept
from quarterdeck.events import OrderType, Side, TimeInForce
from quarterdeck.simvalues import SimConfig, SimState

from tests.sdk.test_simulator import BTC, FREE, HOUR_MS, RICH, limit, make_bar, make_order, meet

SPREAD = SimConfig(half_spread_bps=D(100))


def refusal(order, config=FREE, mark="100"):
    return accept(order, BTC, config, mark_price=D(mark), position=D(10), buying_power=RICH, sellable=D(10))


@pytest.mark.parametrize(
    ("side", "price", "code"),
    [
        (Side.BUY, "100", "POST_ONLY_WOULD_CROSS"),
        (Side.BUY, "99.99", None),
        (Side.SELL, "100", "POST_ONLY_WOULD_CROSS"),
        (Side.SELL, "100.01", None),
    ],
)
def test_a_post_only_order_that_would_take_is_refused(side, price, code):
    assert refusal(limit(price, side=side, post_only=True)) == code


def test_the_spread_lies_between_a_post_only_order_and_the_far_side():
    assert refusal(limit("100.50", post_only=True), SPREAD) is None
    assert refusal(limit("101", post_only=True), SPREAD) == "POST_ONLY_WOULD_CROSS"


@pytest.mark.parametrize(
    "order",
    [
        make_order(post_only=True),
        make_order(post_only=True, order_type=OrderType.STOP, stop_price=D(110)),
        limit(90, post_only=True, time_in_force=TimeInForce.IOC),
        limit(90, post_only=True, time_in_force=TimeInForce.FOK),
    ],
)
def test_only_a_limit_order_that_rests_can_be_post_only(order):
    assert refusal(order) == "ORDER_POST_ONLY_INVALID"


def test_a_market_that_moved_before_the_order_arrived_ends_it_instead_of_taking():
    result = meet(limit(101, post_only=True), make_bar(open="100"))

    assert (result.fills, result.state, result.code) == ((), SimState.CANCELED, "POST_ONLY_WOULD_CROSS")


def test_latency_lets_the_market_move_before_a_post_only_order_arrives():
    order, config = limit("101", post_only=True), SimConfig(latency_ms=HOUR_MS // 2)

    assert meet(order, make_bar(open="100", close="110"), config).fills[0].liquidity == "MAKER"
    assert meet(order, make_bar(open="110", close="90"), config).code == "POST_ONLY_WOULD_CROSS"


def test_a_post_only_order_that_has_rested_is_a_maker_when_the_market_jumps_over_it():
    result = meet(limit(101, post_only=True), make_bar(number=2, open="95"))

    assert [(fill.price, fill.liquidity) for fill in result.fills] == [(D(101), "MAKER")]
