"""Reads of backtests: two of them side by side, their fills and curves as lines, and what their charts draw."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import accumulate
from typing import Any

from django.db.models import QuerySet
from quarterdeck.decimals import EXACT, plain

from apps.common.clocks import from_ms, to_ms
from apps.markets import selectors as markets
from apps.runtime import asking, keeping
from apps.runtime.models import Backtest, BacktestFill, BacktestRun

# What a backtest is run with when nobody says otherwise.
USUAL_COSTS, USUAL_SEED, USUAL_CASH = asking.COSTS, asking.SEED, asking.CASH
CANDLES_MAX = 1_500
MARKS_MAX = 1_000
# In the order in which people read them.
METRICS = (
    "total_return", "sharpe", "sortino", "max_drawdown", "hit_rate", "expectancy", "turnover", "costs", "slippage",
    "fill_count", "round_trip_count", "final_equity",
)  # fmt: skip
FILL_COLUMNS = (
    "number", "market_at", "side", "quantity", "price", "fee", "slippage", "realised_pnl", "liquidity",
)  # fmt: skip
EQUITY_COLUMNS = ("market_at", "equity")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two backtests; the change is from the first to the second, None where one has none."""

    name: str
    first: Decimal | None
    second: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """How much the second is above the first."""
        return None if self.first is None or self.second is None else EXACT.subtract(self.second, self.first)


def results() -> QuerySet[Backtest]:
    """Results with what is said of them everywhere."""
    return Backtest.objects.select_related("code_version__bot__scope", "parameter_set", "dataset__instrument", "run")


def runs() -> QuerySet[BacktestRun]:
    """What was asked for, with the same."""
    return BacktestRun.objects.select_related(
        "code_version__bot__scope", "parameter_set", "dataset__instrument", "asked_by", "result"
    )


def figures(backtest: Backtest) -> dict[str, Decimal | None]:
    """The metrics by name, in reading order; those that an older result does not have are left out."""
    known = backtest.metrics
    return {name: None if known[name] is None else Decimal(str(known[name])) for name in METRICS if name in known}


def differences(first: Backtest, second: Backtest) -> list[Difference]:
    """Every figure of both."""
    before, after = figures(first), figures(second)
    return [Difference(name, before.get(name), after.get(name)) for name in METRICS if name in before | after]


def unequal_inputs(first: Backtest, second: Backtest) -> list[str]:
    """What of the two differs apart from their results, by name."""
    names = ("code_version_id", "parameter_set_id", "dataset_id", "seed", "simulation", "starting_cash")
    return [name.removesuffix("_id") for name in names if getattr(first, name) != getattr(second, name)]


def drawdown(backtest: Backtest) -> list[list[Any]]:
    """[[epoch_ms, fraction below the peak], ...]; of an older result from its thinned equity."""
    if backtest.drawdown is not None:
        return list(backtest.drawdown)
    with localcontext(EXACT):
        values = [Decimal(value) for _, value in backtest.equity]
        depths = [
            (peak - value) / peak if peak > 0 else Decimal(0)
            for peak, value in zip(accumulate(values, max), values, strict=True)
        ]
    return [
        [point[0], plain(depth.quantize(Decimal("0.00000001")))]
        for point, depth in zip(backtest.equity, depths, strict=True)
    ]


def fill_lines(backtest: Backtest) -> Iterator[list[Any]]:
    """Its fills as the columns FILL_COLUMNS, oldest first."""
    for fill in backtest.fills.order_by("number").iterator(chunk_size=1_000):
        values = [getattr(fill, name) for name in FILL_COLUMNS]
        yield [plain(value) if isinstance(value, Decimal) else value for value in values]


def equity_lines(backtest: Backtest) -> Iterator[list[Any]]:
    """Its equity curve as the columns EQUITY_COLUMNS."""
    for end_ms, value in backtest.equity:
        yield [from_ms(end_ms), value]


def prices(backtest: Backtest, from_ms_: int | None, until_ms: int | None) -> dict[str, Any]:
    """Candles of the dataset and fills between two market times, as floats: they are drawn, not booked.

    At most CANDLES_MAX candles, each of several bars where there are more, and MARKS_MAX fills; `marks_total` says
    how many there are. Raises what `markets.bars_of` raises.
    """
    bars = [
        bar
        for bar in markets.bars_of(backtest.dataset)
        if (from_ms_ is None or bar.end_ms > from_ms_) and (until_ms is None or bar.end_ms <= until_ms)
    ]
    drawn = keeping.candles(bars, CANDLES_MAX)
    ends = [candle[0] for candle in drawn]
    fills = _between(backtest, from_ms_, until_ms)
    return {
        "bars": [[end_ms, *map(float, rest)] for end_ms, *rest in drawn],
        "fills": [_mark(fill, ends) for fill in fills.order_by("number")[:MARKS_MAX]],
        "marks_total": fills.count(),
        "bars_total": len(bars),
    }


def _between(backtest: Backtest, from_ms_: int | None, until_ms: int | None) -> QuerySet[BacktestFill]:
    fills = backtest.fills.all()
    if from_ms_ is not None:
        fills = fills.filter(market_at__gt=from_ms(from_ms_))
    return fills if until_ms is None else fills.filter(market_at__lte=from_ms(until_ms))


def _mark(fill: BacktestFill, ends: list[int]) -> dict[str, Any]:
    """A fill on the candle in which it lies."""
    place = bisect_left(ends, to_ms(fill.market_at))
    return {
        "at": ends[min(place, len(ends) - 1)] if ends else to_ms(fill.market_at),
        "side": fill.side,
        "quantity": float(fill.quantity),
        "price": float(fill.price),
    }
