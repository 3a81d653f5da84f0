"""Performance statistics of a run: pure, exact decimals in, ratios rounded to 8 places out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, localcontext
from itertools import pairwise

from quarterdeck.book import TradedFill
from quarterdeck.decimals import EXACT, ONE, ZERO, plain
from quarterdeck.events import Bar, Intent, Side

DAY_MS = 86_400_000
DAYS_PER_YEAR = 365
RATIO_STEP = Decimal("0.00000001")

EquityPoint = tuple[int, Decimal]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Ratios are fractions (0.05 = 5 %), money is in account currency; None where undefined.

    A round trip runs from flat to flat; what is still open at the end is none.
    """

    total_return: Decimal
    sharpe: Decimal | None
    sortino: Decimal | None
    max_drawdown: Decimal
    hit_rate: Decimal | None
    expectancy: Decimal | None
    turnover: Decimal
    costs: Decimal
    fill_count: int
    round_trip_count: int
    final_equity: Decimal
    slippage: Decimal

    def as_json(self) -> dict[str, str | int | None]:
        """The metrics as a JSON object, decimals as normalised strings."""
        return {k: plain(v) if isinstance(v, Decimal) else v for k, v in asdict(self).items()}


def measure(
    equity: Sequence[EquityPoint],
    fills: Sequence[TradedFill],
    *,
    starting_equity: Decimal,
    multiplier: Decimal = ONE,
    days_per_year: int = DAYS_PER_YEAR,
    decided_at: Mapping[int, Decimal] | None = None,
) -> Metrics:
    """The statistics of an equity curve (end_ms, value) and the fills behind it, oldest first.

    `decided_at` has the price at which each intent was decided; a fill without one slipped by nothing.
    ValueError when the starting equity is not positive.
    """
    if starting_equity <= 0:
        raise ValueError("starting_equity must be positive")
    with localcontext(EXACT):
        final = equity[-1][1] if equity else starting_equity
        returns = daily_returns(equity, starting_equity)
        trips = round_trips(fills)
        return Metrics(
            total_return=_rounded(final / starting_equity - 1),
            sharpe=sharpe(returns, days_per_year),
            sortino=sortino(returns, days_per_year),
            max_drawdown=max_drawdown(equity, starting_equity),
            hit_rate=_ratio(sum(1 for gain in trips if gain > 0), len(trips)),
            expectancy=_ratio(sum(trips, ZERO), len(trips)),
            turnover=turnover(fills, equity, starting_equity, multiplier),
            costs=sum((traded.fill.fee for traded in fills), ZERO),
            fill_count=len(fills),
            round_trip_count=len(trips),
            final_equity=final,
            slippage=sum((slippage(traded, decided_at or {}, multiplier) for traded in fills), ZERO),
        )


def daily_returns(equity: Iterable[EquityPoint], starting_equity: Decimal) -> list[Decimal]:
    """Return of each UTC day that has a point, from the last value of the day before it.

    Empty once equity has been zero or below: a return on nothing means nothing.
    """
    closes: dict[int, Decimal] = {}
    for end_ms, value in equity:
        closes[(end_ms - 1) // DAY_MS] = value
    values = [starting_equity, *closes.values()]
    if any(value <= 0 for value in values):
        return []
    return [after / before - 1 for before, after in pairwise(values)]


def sharpe(returns: Sequence[Decimal], periods_per_year: int) -> Decimal | None:
    """Annualised mean over sample standard deviation, no risk-free rate (Sharpe 1994, The Sharpe Ratio)."""
    if len(returns) < 2:
        return None
    mean = sum(returns, ZERO) / len(returns)
    variance = sum(((r - mean) ** 2 for r in returns), ZERO) / (len(returns) - 1)
    return _annualised(mean, variance, periods_per_year)


def sortino(returns: Sequence[Decimal], periods_per_year: int) -> Decimal | None:
    """Annualised mean over downside deviation from a target of zero (Sortino and Price 1994)."""
    if len(returns) < 2:
        return None
    mean = sum(returns, ZERO) / len(returns)
    downside = sum((r**2 for r in returns if r < 0), ZERO) / len(returns)
    return _annualised(mean, downside, periods_per_year)


def max_drawdown(equity: Iterable[EquityPoint], starting_equity: Decimal) -> Decimal:
    """The largest fall from a peak as a fraction of that peak (Magdon-Ismail and Atiya 2004)."""
    peak, worst = starting_equity, ZERO
    for _, value in equity:
        if value > peak:
            peak = value
        elif peak - value > worst * peak:
            worst = (peak - value) / peak
    return _rounded(worst)


def round_trips(fills: Iterable[TradedFill]) -> list[Decimal]:
    """What each trip from flat to flat earned, fees taken off; crossing zero ends one and begins the next."""
    gains: list[Decimal] = []
    held = gain = ZERO
    for traded in fills:
        fill = traded.fill
        signed = fill.quantity if fill.side == Side.BUY else -fill.quantity
        after = held + signed
        gain += traded.realised_pnl - fill.fee
        if held != 0 and held * after <= 0:
            gains.append(gain)
            gain = ZERO
        held = after
    return gains


def turnover(
    fills: Iterable[TradedFill], equity: Sequence[EquityPoint], starting_equity: Decimal, multiplier: Decimal
) -> Decimal:
    """Traded value over mean equity: how many times the account was turned over in all."""
    traded = sum((t.fill.quantity * t.fill.price * multiplier for t in fills), ZERO)
    mean = sum((value for _, value in equity), ZERO) / len(equity) if equity else starting_equity
    return _rounded(traded / mean) if mean > 0 else ZERO


def decision_prices(bars: Iterable[Bar], intents: Iterable[Intent], fills: Iterable[TradedFill]) -> dict[int, Decimal]:
    """Of each intent that traded, by its number, the close of the bar on which it was decided."""
    traded = {fill.fill.intent_seq for fill in fills}
    moments = {intent.seq: intent.on_bar_end_ms for intent in intents if intent.seq in traded}
    wanted = set(moments.values())
    closes = {bar.end_ms: bar.close for bar in bars if bar.end_ms in wanted}
    return {seq: closes[end_ms] for seq, end_ms in moments.items()}


def slippage(traded: TradedFill, decided_at: Mapping[int, Decimal], multiplier: Decimal = ONE) -> Decimal:
    """What a fill cost against the price at which it was decided, fees apart; below zero it gained.

    The execution part of the implementation shortfall (Perold 1988, The Implementation Shortfall: Paper Versus
    Reality): spread, impact and the market's move until the fill, in money.
    """
    fill = traded.fill
    decided = decided_at.get(fill.intent_seq or 0)
    if decided is None:
        return ZERO
    worse = fill.price - decided if fill.side == Side.BUY else decided - fill.price
    return worse * fill.quantity * multiplier


def _annualised(mean: Decimal, variance: Decimal, periods_per_year: int) -> Decimal | None:
    if variance == 0:
        return None
    return _rounded(mean / variance.sqrt() * Decimal(periods_per_year).sqrt())


def _ratio(total: Decimal | int, count: int) -> Decimal | None:
    return _rounded(Decimal(total) / count) if count else None


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(RATIO_STEP)
