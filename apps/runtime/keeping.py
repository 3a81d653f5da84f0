"""What of a backtest is kept: curves thinned to what can be drawn, fills up to a bound."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from typing import Any

from quarterdeck.decimals import EXACT, ZERO, plain
from quarterdeck.events import Bar

from apps.common.clocks import from_ms
from apps.runtime.backtest import BacktestResult
from apps.runtime.models import BacktestFill
from apps.runtime.statistics import EquityPoint, slippage

POINTS_MAX = 500
FILLS_KEPT_MAX = 10_000
MONEY_STEP = Decimal("0.000000000000000001")


def equity_points(equity: Sequence[EquityPoint]) -> list[list[Any]]:
    """[[epoch_ms, value], ...]: of each stretch its lowest and its highest point, and the ends of the curve."""
    kept = {0, len(equity) - 1} if equity else set()
    for first, last in _stretches(len(equity), POINTS_MAX // 2 - 1):
        numbers = range(first, last)
        kept |= {min(numbers, key=_value_in(equity)), max(numbers, key=_value_in(equity))}
    return [[equity[number][0], plain(equity[number][1])] for number in sorted(kept)]


def drawdown_points(equity: Sequence[EquityPoint], starting_equity: Decimal) -> list[list[Any]]:
    """[[epoch_ms, fraction], ...]: how far below its peak the curve is, of each stretch where it is deepest."""
    depths = list(_depths(equity, starting_equity))
    stretches = _stretches(len(depths), POINTS_MAX)
    deepest = [max(range(first, last), key=_value_in(depths)) for first, last in stretches]
    return [[depths[number][0], plain(depths[number][1].quantize(Decimal("0.00000001")))] for number in deepest]


def _depths(equity: Sequence[EquityPoint], starting_equity: Decimal) -> Iterator[EquityPoint]:
    peak = starting_equity
    with localcontext(EXACT):
        for end_ms, value in equity:
            peak = max(peak, value)
            yield end_ms, (peak - value) / peak


def _stretches(count: int, stretches_max: int) -> Iterator[tuple[int, int]]:
    """The bounds of at most so many stretches of nearly equal length."""
    parts = min(count, stretches_max)
    for part in range(parts):
        yield part * count // parts, (part + 1) * count // parts


def _value_in(points: Sequence[EquityPoint]) -> Callable[[int], Decimal]:
    return lambda number: points[number][1]


def fill_rows(result: BacktestResult, multiplier: Decimal) -> list[BacktestFill]:
    """The first FILLS_KEPT_MAX fills as rows without their backtest; money is rounded half-even to 18 places."""
    rows = []
    with localcontext(EXACT):
        for number, traded in enumerate(result.fills[:FILLS_KEPT_MAX], start=1):
            fill = traded.fill
            rows.append(
                BacktestFill(
                    number=number,
                    market_at=from_ms(fill.market_ms),
                    side=fill.side.value,
                    quantity=fill.quantity,
                    price=fill.price.quantize(MONEY_STEP),
                    fee=fill.fee.quantize(MONEY_STEP),
                    slippage=slippage(traded, result.decided_at, multiplier).quantize(MONEY_STEP),
                    realised_pnl=traded.realised_pnl.quantize(MONEY_STEP),
                    liquidity=traded.liquidity,
                )
            )
    return rows


def candles(bars: Sequence[Bar], candles_max: int) -> list[tuple[int, Decimal, Decimal, Decimal, Decimal]]:
    """(end_ms, open, high, low, close) of at most so many stretches of bars, oldest first."""
    found = []
    for first, last in _stretches(len(bars), candles_max):
        part = bars[first:last]
        high = max((bar.high for bar in part), default=ZERO)
        low = min((bar.low for bar in part), default=ZERO)
        found.append((part[-1].end_ms, part[0].open, high, low, part[-1].close))
    return found
