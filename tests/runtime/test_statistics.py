"""Statistics against values worked out by hand or by definition."""

import math
import statistics as reference
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quarterdeck.book import TradedFill
from quarterdeck.events import Fill, Side

from apps.runtime.statistics import DAY_MS, daily_returns, max_drawdown, measure, round_trips, sharpe, sortino

HOUR_MS = 3_600_000


def curve(*values, step_ms=DAY_MS):
    return [((n + 1) * step_ms, D(value)) for n, value in enumerate(values)]


def traded(side, quantity, realised="0", fee="0", price="100"):
    fill = Fill(1, "X", side, D(quantity), D(price), D(fee), 0)
    return TradedFill(fill, "TAKER", D(realised))


def test_return_and_drawdown_of_a_known_curve():
    metrics = measure(curve(110, 99, 121), [], starting_equity=D(100))

    assert (metrics.total_return, metrics.max_drawdown) == (D("0.21"), D("0.1"))


def test_drawdown_counts_from_the_starting_equity():
    assert max_drawdown(curve(80, 90), D(100)) == D("0.2")


def test_a_day_is_its_last_value_and_midnight_belongs_to_the_day_before():
    hours = curve(*range(101, 125), 130, step_ms=HOUR_MS)

    assert daily_returns(hours, D(100)) == [D("0.24"), D(130) / D(124) - 1]


def test_returns_on_nothing_are_no_returns():
    assert daily_returns(curve(100, 0, 50), D(100)) == []


@given(st.lists(st.integers(-500, 500), min_size=2, max_size=60))
def test_ratios_agree_with_their_definitions(points):
    returns = [D(point) / 10_000 for point in points]
    floats = [float(value) for value in returns]
    mean, deviation = reference.fmean(floats), reference.stdev(floats)
    downside = math.sqrt(reference.fmean([min(value, 0.0) ** 2 for value in floats]))

    ours = sharpe(returns, 365), sortino(returns, 365)

    for value, divisor in zip(ours, (deviation, downside), strict=True):
        if divisor == 0:
            assert value is None
        else:
            assert float(value) == pytest.approx(mean / divisor * math.sqrt(365), abs=1e-6)


def test_round_trips_run_from_flat_to_flat_net_of_fees():
    fills = [
        traded(Side.BUY, 2, fee="1"),
        traded(Side.SELL, 1, realised="10", fee="1"),
        traded(Side.SELL, 1, realised="5", fee="1"),
        traded(Side.BUY, 1, fee="1"),
        traded(Side.SELL, 1, realised="-4", fee="1"),
        traded(Side.BUY, 1, fee="1"),
    ]

    assert round_trips(fills) == [D(12), D(-6)]
    metrics = measure(curve(100), fills, starting_equity=D(100))
    assert (metrics.hit_rate, metrics.expectancy, metrics.costs) == (D("0.5"), D(3), D(6))
    assert (metrics.fill_count, metrics.round_trip_count) == (6, 2)


def test_turnover_is_traded_value_over_mean_equity():
    metrics = measure(curve(100, 300), [traded(Side.BUY, 2), traded(Side.SELL, 2)], starting_equity=D(100))

    assert metrics.turnover == D(2)


def test_what_is_undefined_is_none_and_json_keeps_it():
    metrics = measure([], [], starting_equity=D("100.50"))

    assert metrics.as_json() == {
        "total_return": "0",
        "sharpe": None,
        "sortino": None,
        "max_drawdown": "0",
        "hit_rate": None,
        "expectancy": None,
        "turnover": "0",
        "costs": "0",
        "fill_count": 0,
        "round_trip_count": 0,
        "final_equity": "100.5",
        "slippage": "0",
    }


def test_a_start_with_nothing_is_refused():
    with pytest.raises(ValueError, match="starting_equity"):
        measure([], [], starting_equity=D(0))
