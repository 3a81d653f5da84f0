"""Side-by-side differences of nested values: pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ABSENT = object()
DEPTH_MAX = 8


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One leaf of two nested values: its dotted path, both sides, and same, changed, added or removed."""

    path: str
    before: Any
    after: Any
    kind: str


def compare(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[DiffRow]:
    """Every leaf of either side, in the order of its keys; lists of plain values are leaves."""
    nodes = [side is ABSENT or _is_node(side) for side in (before, after)]
    if all(nodes) and not (before is ABSENT and after is ABSENT) and len(path) < DEPTH_MAX:
        yield from _children(before, after, path)
        return
    left, right = (None if side is ABSENT else side for side in (before, after))
    yield DiffRow(".".join(path), left, right, _kind(before, after))


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


def _kind(before: Any, after: Any) -> str:
    if before is ABSENT:
        return "added"
    if after is ABSENT:
        return "removed"
    return "same" if before == after else "changed"
