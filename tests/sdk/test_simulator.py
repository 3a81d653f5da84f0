"""One order against one bar."""

from decimal import Decimal as D

import pytest
from quarterdeck.events import Bar, Instrument, OrderType, Side, TimeInForce
from quarterdeck.simulator import match
from quarterdeck.simvalues import SimConfig, SimOrder, SimState

HOUR_MS = 3_600_000
BTC = Instrument("BTC-USD", D("0.01"), D("0.001"), D("0.001"))
FREE = SimConfig()
RICH = D(10**9)


def make_bar(number=1, open="100", high="110", low="90", close="105", volume="1000"):
    prices = (D(open), D(high), D(low), D(close), D(volume))
    return Bar("BTC-USD", number * HOUR_MS, (number + 1) * HOUR_MS, *prices)


def make_order(**overrides):
    values = {
        "order_id": "1",
        "side": Side.BUY,
        "quantity": D(1),
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.GTC,
        "accepted_ms": HOUR_MS,
    }
    return SimOrder(**(values | overrides))


def meet(order, bar=None, config=FREE, **overrides):
    values = {"filled": D(0), "triggered": False, "position": D(0), "buying_power": RICH, "seed": 7}
    return match(order, bar or make_bar(), BTC, config, **(values | overrides))


def limit(price, **overrides):
    return make_order(order_type=OrderType.LIMIT, limit_price=D(price), **overrides)


def stop(price, **overrides):
    return make_order(order_type=OrderType.STOP, stop_price=D(price), **overrides)


def test_market_order_fills_at_the_open_of_the_next_bar():
    result = meet(make_order())

    assert result.state == SimState.FILLED
    assert [(f.quantity, f.price, f.market_ms, f.liquidity) for f in result.fills] == [
        (D(1), D(100), 2 * HOUR_MS, "TAKER")
    ]


def test_order_does_not_trade_on_the_bar_it_was_decided_on():
    result = meet(make_order(accepted_ms=2 * HOUR_MS))

    assert (result.fills, result.state) == ((), SimState.WORKING)


def test_spread_and_tick_go_against_the_order():
    config = SimConfig(half_spread_bps=D("1.5"))

    bought = meet(make_order(), config=config).fills[0].price
    sold = meet(make_order(side=Side.SELL), config=config, position=D(1)).fills[0].price

    assert (bought, sold) == (D("100.02"), D("99.98"))


def test_slippage_stays_within_twice_its_mean_and_depends_on_the_seed():
    config = SimConfig(slippage_bps=D(50))

    prices = {seed: meet(make_order(), config=config, seed=seed).fills[0].price for seed in range(50)}

    assert all(D(100) <= price <= D(101) for price in prices.values())
    assert len(set(prices.values())) > 20


def test_same_arguments_give_the_same_result():
    config = SimConfig(D(1), D(20), 250, D(2), D(5), D("0.1"))

    assert meet(make_order(), config=config) == meet(make_order(), config=config)


def test_latency_moves_the_reference_towards_the_close():
    result = meet(make_order(), config=SimConfig(latency_ms=HOUR_MS // 5))

    assert result.fills[0].price == D(101)


def test_latency_of_a_whole_bar_skips_it():
    assert meet(make_order(), config=SimConfig(latency_ms=HOUR_MS)).state == SimState.WORKING


def test_resting_limit_fills_at_its_price_as_maker():
    result = meet(limit(95), config=SimConfig(maker_fee_bps=D(2), taker_fee_bps=D(5)))

    assert [(f.price, f.fee, f.liquidity) for f in result.fills] == [(D(95), D("0.019"), "MAKER")]


def test_limit_beyond_the_bar_keeps_working():
    assert meet(limit(89)).state == SimState.WORKING


def test_half_the_spread_must_reach_a_limit():
    assert meet(limit(90), config=SimConfig(half_spread_bps=D(1))).state == SimState.WORKING


def test_crossing_limit_is_a_taker_at_its_price_or_better():
    result = meet(limit("100.01"), config=SimConfig(half_spread_bps=D(1), slippage_bps=D(50)))

    assert (result.fills[0].price, result.fills[0].liquidity) == (D("100.01"), "TAKER")


def test_stop_triggers_and_pays_the_stop_or_worse():
    assert meet(stop(108)).fills[0].price == D(108)
    assert meet(stop(99)).fills[0].price == D(100)


def test_sell_stop_triggers_below():
    result = meet(stop(95, side=Side.SELL), position=D(1))

    assert result.fills[0].price == D(95)


def test_stop_not_reached_is_not_triggered():
    result = meet(stop(111))

    assert (result.state, result.triggered) == (SimState.WORKING, False)


def test_stop_limit_rests_after_its_trigger_and_fills_on_a_later_bar():
    order = make_order(order_type=OrderType.STOP_LIMIT, stop_price=D(108), limit_price=D(107))

    first = meet(order)
    second = meet(order, make_bar(number=2, open="108"), triggered=first.triggered)

    assert (first.fills, first.state, first.triggered) == ((), SimState.WORKING, True)
    assert (second.fills[0].price, second.fills[0].liquidity) == (D(107), "MAKER")


def test_participation_cap_spreads_an_order_over_bars():
    config = SimConfig(participation_cap=D("0.001"))
    order = make_order(quantity=D("1.5"))

    first = meet(order, config=config)
    second = meet(order, make_bar(number=2), config=config, filled=first.fills[0].quantity)

    assert (first.fills[0].quantity, first.state) == (D(1), SimState.WORKING)
    assert (second.fills[0].quantity, second.state) == (D("0.5"), SimState.FILLED)


def test_volume_taken_by_earlier_orders_counts_against_the_cap():
    config = SimConfig(participation_cap=D("0.001"))

    result = meet(make_order(), config=config, volume_used=D(1))

    assert (result.fills, result.state) == ((), SimState.WORKING)


def test_immediate_or_cancel_keeps_what_it_got():
    order = make_order(quantity=D(2), time_in_force=TimeInForce.IOC)

    result = meet(order, config=SimConfig(participation_cap=D("0.001")))

    assert (result.fills[0].quantity, result.state) == (D(1), SimState.CANCELED)


def test_fill_or_kill_takes_all_or_nothing():
    order = make_order(quantity=D(2), time_in_force=TimeInForce.FOK)

    result = meet(order, config=SimConfig(participation_cap=D("0.001")))

    assert (result.fills, result.state) == ((), SimState.CANCELED)


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_limit_out_of_reach_is_cancelled(time_in_force):
    assert meet(limit(80, time_in_force=time_in_force)).state == SimState.CANCELED


def test_day_order_expires_at_utc_midnight():
    order = limit(80, time_in_force=TimeInForce.DAY)

    assert meet(order, make_bar(number=23)).state == SimState.WORKING
    assert meet(order, make_bar(number=24)).state == SimState.EXPIRED


def test_given_expiry_beats_midnight():
    order = limit(80, time_in_force=TimeInForce.DAY, expires_ms=5 * HOUR_MS)

    assert meet(order, make_bar(number=5)).state == SimState.EXPIRED


def test_buying_power_caps_the_fill_in_whole_lots_and_ends_the_order():
    result = meet(make_order(), buying_power=D("50.06"))

    assert (result.fills[0].quantity, result.state, result.code) == (
        D("0.5"),
        SimState.CANCELED,
        "BUYING_POWER_INSUFFICIENT",
    )


def test_sell_never_goes_short_unless_allowed():
    order = make_order(side=Side.SELL, quantity=D(2))

    flat_only = meet(order, position=D(1))
    short = meet(order, position=D(1), config=SimConfig(allow_short=True))

    assert (flat_only.fills[0].quantity, flat_only.code) == (D(1), "POSITION_INSUFFICIENT")
    assert short.fills[0].quantity == D(2)


def test_reduce_only_stops_at_zero():
    order = make_order(side=Side.SELL, quantity=D(2), reduce_only=True)

    result = meet(order, position=D(1), config=SimConfig(allow_short=True))

    assert (result.fills[0].quantity, result.state) == (D(1), SimState.CANCELED)


def test_fee_is_rounded_up_to_eight_places():
    result = meet(make_order(quantity=D("0.001")), config=SimConfig(taker_fee_bps=D("0.00033")))

    assert result.fills[0].fee == D("0.00000001")


def test_configuration_survives_json():
    config = SimConfig(D(1), D("2.5"), 250, D(2), D(5), D("0.05"), True)

    assert SimConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"half_spread_bps": D(-1)}, "basis points"),
        ({"taker_fee_bps": D("NaN")}, "basis points"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"participation_cap": D(2)}, "participation_cap"),
    ],
)
def test_impossible_configuration_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        SimConfig(**values)


EXTENDED = make_bar()._replace(is_extended=True)


def test_outside_the_session_only_orders_that_ask_for_it_trade():
    asking = limit("100", time_in_force=TimeInForce.DAY, extended_hours=True)
    other = limit("100", time_in_force=TimeInForce.DAY)

    assert meet(asking, EXTENDED).state == SimState.FILLED
    assert (meet(other, EXTENDED).fills, meet(other, EXTENDED).state) == ((), SimState.WORKING)
    assert meet(other).state == SimState.FILLED


def test_an_order_keeps_its_place_in_the_queue_over_the_hours_outside_the_session():
    assert meet(limit("100"), EXTENDED, queue_ahead=D(5)).queue_ahead == D(5)


def test_a_stop_is_not_triggered_outside_the_session():
    assert not meet(stop("105"), EXTENDED).triggered


def test_an_order_ends_outside_the_session_too():
    result = meet(limit("1", expires_ms=HOUR_MS), EXTENDED)

    assert (result.state, result.code) == (SimState.EXPIRED, "ORDER_EXPIRED")


def test_what_must_trade_at_once_ends_outside_the_session():
    result = meet(make_order(time_in_force=TimeInForce.IOC), EXTENDED)

    assert (result.state, result.code) == (SimState.CANCELED, "ORDER_NOT_FILLABLE")
