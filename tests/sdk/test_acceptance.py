"""What the simulated venue takes and refuses."""

from decimal import Decimal as D

import pytest
from quarterdeck.acceptance import accept
from quarterdeck.events import Instrument, OrderType, Side, TimeInForce
from quarterdeck.simvalues import SimConfig, SimOrder

BTC = Instrument("BTC-USD", D("0.01"), D("0.001"), D("0.01"))
FREE = SimConfig()


def refusal(config=FREE, *, position=D(0), buying_power=D(1000), sellable=D(0), **overrides):
    values = {
        "order_id": "1",
        "side": Side.BUY,
        "quantity": D(1),
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.GTC,
        "accepted_ms": 0,
    }
    return accept(
        SimOrder(**(values | overrides)),
        BTC,
        config,
        mark_price=D(100),
        position=position,
        buying_power=buying_power,
        sellable=sellable,
    )


def test_takes_an_order_it_can_settle():
    assert refusal() is None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_refuses_what_is_no_quantity(quantity):
    assert refusal(quantity=D(quantity)) == "ORDER_QUANTITY_INVALID"


@pytest.mark.parametrize("quantity", ["0.0105", "0.001"])
def test_refuses_off_the_lot_and_below_the_minimum(quantity):
    assert refusal(quantity=D(quantity)) == "ORDER_QUANTITY_STEP"


@pytest.mark.parametrize("price", ["100.001", "0", "-1", "NaN", "Infinity"])
def test_refuses_a_price_off_the_tick(price):
    assert refusal(order_type=OrderType.LIMIT, limit_price=D(price)) == "ORDER_PRICE_STEP"


def test_refuses_a_missing_and_a_needless_price():
    assert refusal(order_type=OrderType.STOP_LIMIT, limit_price=D(1)) == "ORDER_PRICE_MISSING"
    assert refusal(limit_price=D(1)) == "ORDER_PRICE_UNEXPECTED"


def test_refuses_an_immediate_stop():
    order = {"order_type": OrderType.STOP, "stop_price": D(1), "time_in_force": TimeInForce.IOC}

    assert refusal(**order) == "ORDER_TIME_IN_FORCE_INVALID"


def test_refuses_a_buy_that_costs_would_make_too_dear():
    assert refusal(buying_power=D(100)) is None
    assert refusal(SimConfig(taker_fee_bps=D(1)), buying_power=D(100)) == "BUYING_POWER_INSUFFICIENT"


def test_refuses_to_sell_what_is_not_there():
    order = {"side": Side.SELL, "position": D(1)}

    assert refusal(**order, sellable=D("0.5")) == "POSITION_INSUFFICIENT"
    assert refusal(**order, sellable=D(1)) is None


def test_refuses_a_reduction_of_nothing():
    assert refusal(side=Side.SELL, reduce_only=True) == "REDUCE_ONLY_NO_POSITION"
    assert refusal(side=Side.SELL, reduce_only=True, position=D(1)) is None


@pytest.mark.parametrize(
    ("order_type", "time_in_force", "code"),
    [
        (OrderType.LIMIT, TimeInForce.DAY, None),
        (OrderType.LIMIT, TimeInForce.GTC, "ORDER_EXTENDED_HOURS_INVALID"),
        (OrderType.MARKET, TimeInForce.DAY, "ORDER_EXTENDED_HOURS_INVALID"),
    ],
)
def test_in_extended_hours_only_limit_orders_for_the_day_are_taken(order_type, time_in_force, code):
    price = {"limit_price": D(100)} if order_type == OrderType.LIMIT else {}

    assert refusal(order_type=order_type, time_in_force=time_in_force, extended_hours=True, **price) == code
