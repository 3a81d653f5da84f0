"""Side-by-side differences of nested values: pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.common.decimals import PLAIN
from apps.risk.states import LimitKind

ABSENT = object()
DEPTH_MAX = 8


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One leaf of two nested values: its path, both sides and what happened to it."""

    path: tuple[str, ...]
    before: Any
    after: Any
    change: str  # same, changed, added, removed

    @property
    def depth(self) -> int:
        """How deep the leaf lies."""
        return len(self.path) - 1

    @property
    def name(self) -> str:
        """The whole path, dotted."""
        return ".".join(self.path)


def compare(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[DiffRow]:
    """Every leaf of either side, in the order of its keys; lists of plain values are leaves."""
    if _is_node(before) or _is_node(after):
        if len(path) < DEPTH_MAX and (before is ABSENT or _is_node(before)) and (after is ABSENT or _is_node(after)):
            yield from _children(before, after, path)
            return
    yield DiffRow(path, None if before is ABSENT else before, None if after is ABSENT else after, _change(before, after))


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value))


def _children(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[DiffRow]:
    left, right = _items(before), _items(after)
    for key in [*left, *(key for key in right if key not in left)]:
        yield from compare(left.get(key, ABSENT), right.get(key, ABSENT), (*path, key))


def _items(value: Any) -> dict[str, Any]:
    if value is ABSENT:
        return {}
    return value if isinstance(value, dict) else {str(n + 1): item for n, item in enumerate(value)}


def _change(before: Any, after: Any) -> str:
    if before is ABSENT:
        return "added"
    if after is ABSENT:
        return "removed"
    return "same" if before == after else "changed"


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit before and after; `change` in percent where both are known."""

    kind: str
    before: Decimal | None
    after: Decimal | None

    @property
    def label(self) -> str:
        """The limit's name for people."""
        return LimitKind(self.kind).label if self.kind in LimitKind.values else self.kind

    @property
    def direction(self) -> str:
        """widens, tightens, new, dropped or same. A dropped limit denies every order, so it tightens nothing."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "dropped"
        if self.before == self.after:
            return "same"
        return "widens" if self.after > self.before else "tightens"

    @property
    def percent(self) -> Decimal | None:
        """The change in percent of what was."""
        if not self.before or self.after is None:
            return None
        return (self.after - self.before) / self.before * 100


def compare_limits(before: dict[str, Any], after: dict[str, Any]) -> list[LimitRow]:
    """Every limit of either side, what widens first."""
    rows = [LimitRow(kind, _number(before.get(kind)), _number(after.get(kind))) for kind in {**before, **after}]
    order = ("widens", "new", "dropped", "tightens", "same")
    return sorted(rows, key=lambda row: (order.index(row.direction), row.kind))


def _number(value: Any) -> Decimal | None:
    return Decimal(str(value)) if value is not None and PLAIN.fullmatch(str(value)) else None
