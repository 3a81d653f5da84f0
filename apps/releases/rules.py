"""Pure judgement of gates: figures against thresholds, and a run against the accepted baseline."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.common.decimals import text_of

ZERO = Decimal(0)
LISTED_MAX = 10
BOUNDS = {"_max": "more than the {bound} allowed", "_min": "less than the {bound} needed"}


class FigureMissing(ValueError):
    """A figure that a threshold bounds is not there or is no number: nothing can be judged by it."""


def problems(figures: Mapping[str, Any], thresholds: Mapping[str, Any]) -> list[str]:
    """What breaks a threshold, in words; `x_max` and `x_min` bound the figure `x`, a list by its length.

    A list that is too long is told by what is in it. FigureMissing when a bounded figure is missing: missing data
    never passes.
    """
    return [problem for name, bound in sorted(thresholds.items()) for problem in _breach(figures, name, bound)]


def _breach(figures: Mapping[str, Any], name: str, bound: Any) -> Iterator[str]:
    suffix = name[-4:]
    if suffix not in BOUNDS:
        return
    figure = name[:-4]
    value, limit = number(figures, figure), _decimal(bound, name)
    if value > limit if suffix == "_max" else value < limit:
        listed = figures[figure] if suffix == "_max" and isinstance(figures[figure], list) else []
        words = f"{figure.replace('_', ' ')} {text_of(value)} is {BOUNDS[suffix].format(bound=text_of(limit))}"
        yield "; ".join(map(str, listed[:LISTED_MAX])) or words


def number(figures: Mapping[str, Any], name: str) -> Decimal:
    """The figure as a number; a list counts its items. FigureMissing when there is none."""
    value = figures.get(name)
    return _decimal(len(value) if isinstance(value, list) else value, name)


def _decimal(value: Any, name: str) -> Decimal:
    if value is None or isinstance(value, bool | float):
        raise FigureMissing(f"the figure {name} is missing")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise FigureMissing(f"the figure {name} is no number") from None
    if not found.is_finite():
        raise FigureMissing(f"the figure {name} is no number")
    return found


def regression(base: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """How much worse `now` is than the baseline's metrics, as figures; what is better is zero or below.

    Both are metrics of runtime.statistics. A ratio that is undefined counts as zero.
    """
    return {
        "return_drop": text_of(_metric(base, "total_return") - _metric(now, "total_return")),
        "drawdown_rise": text_of(_metric(now, "max_drawdown") - _metric(base, "max_drawdown")),
        "sharpe_drop": text_of(_metric(base, "sharpe") - _metric(now, "sharpe")),
        "fills_change_percent": text_of(abs(_percent(base, now, "fill_count"))),
        "costs_rise_percent": text_of(_percent(base, now, "costs")),
    }


def _metric(metrics: Mapping[str, Any], name: str) -> Decimal:
    return ZERO if metrics.get(name) is None else _decimal(metrics[name], name)


def _percent(base: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Decimal:
    """Change in per cent of the baseline; out of nothing, 100 per cent of it."""
    before, after = _metric(base, name), _metric(now, name)
    if before == 0:
        return ZERO if after == 0 else Decimal(100)
    return ((after - before) / before * 100).quantize(Decimal("0.01"))


def widens(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether any limit of a bundle allows more than before, or is gone."""
    gone = set(before) - set(after)
    return bool(gone) or any(name not in before or Decimal(after[name]) > Decimal(before[name]) for name in after)
