"""Which way a change goes (design rule 5): when unsure, it widens."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from apps.promotions.declarations.rules.windows import open_minutes

WIDENS, TIGHTENS, NEUTRAL = "widens", "tightens", "neutral"
# Sections whose figures bound something: a higher one, and none at all, allow more.
BOUNDS = ("config.limits.", "alerts.", "latency_budget.", "config.data_contract.staleness_ms_max")
LISTS = ("config.symbols", "config.accounts")
CHOICES = ("config.permissions.sides", "config.permissions.order_types", "config.permissions.times_in_force")
FLAGS = ("config.permissions.shorting", "config.permissions.extended_hours")


def direction(path: str, before: Any, after: Any) -> str:
    """Whether what stands at `path` of a declaration allows more after the change, less, or neither."""
    for prefixes, judge in _JUDGES:
        if path.startswith(prefixes):
            return judge(before, after)
    return NEUTRAL


def bound(before: Any, after: Any) -> str:
    """A figure that bounds; None bounds nothing."""
    if after is None:
        return WIDENS
    if before is None:
        return TIGHTENS
    return _by(Decimal(str(after)) > Decimal(str(before)))


def _listed(before: Any, after: Any) -> str:
    """A list of what may be reached."""
    return _by(not set(after or ()) <= set(before or ()))


def _chosen(before: Any, after: Any) -> str:
    """A list of what may be sent; without one everything may."""
    if after is None:
        return WIDENS
    return TIGHTENS if before is None else _listed(before, after)


def _flag(before: Any, after: Any) -> str:
    return _by(after is True)


def _windows(before: Any, after: Any) -> str:
    gained = open_minutes(after) - open_minutes(before)
    return _by(bool(gained)) if gained or open_minutes(before) != open_minutes(after) else NEUTRAL


def _end_of_day(before: Any, after: Any) -> str:
    return _by(after in (None, "carry")) if {before, after} & {"flat", "carry"} else WIDENS


def _elsewhere(before: Any, after: Any) -> str:
    """Another venue is another risk."""
    return WIDENS


def _by(is_wider: bool) -> str:
    return WIDENS if is_wider else TIGHTENS


_JUDGES: tuple[tuple[tuple[str, ...], Callable[[Any, Any], str]], ...] = (
    (BOUNDS, bound),
    (LISTS, _listed),
    (("config.venue",), _elsewhere),
    (CHOICES, _chosen),
    (FLAGS, _flag),
    (("schedules.session_windows",), _windows),
    (("schedules.end_of_day",), _end_of_day),
)


def is_limit(path: str) -> bool:
    """Whether the path is a limit: of the ledger or of the bundle."""
    return path.startswith(("limits.", "config.limits."))


def by_name(limits: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """The declared limits of the ledger: kind -> (value, until), however they were written."""
    return {
        kind: (entry["value"], entry.get("until")) if isinstance(entry, dict) else (entry, None)
        for kind, entry in limits.items()
    }
