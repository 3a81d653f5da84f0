"""Pure decisions about promotions: what widens, and what the gates' states mean together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One limit of the bundle, before and after; `before` None means that nothing ran before."""

    kind: str
    before: Decimal | None
    after: Decimal

    @property
    def widens(self) -> bool:
        """Whether more risk is allowed afterwards; something out of nothing widens."""
        return self.before is None or self.after > self.before

    @property
    def percent(self) -> Decimal | None:
        """Change relative to before, in per cent, or None where there is nothing to compare."""
        if self.before is None or self.before == 0:
            return None
        return ((self.after - self.before) / self.before * 100).quantize(Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of a nested difference."""

    path: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """`added`, `removed`, `changed` or `same`."""
        if self.before == self.after:
            return "same"
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def limit_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[LimitChange]:
    """Every limit of the new bundle against the old one, widened ones first."""
    changes = [
        LimitChange(kind, Decimal(before[kind]) if kind in before else None, Decimal(value))
        for kind, value in sorted(after.items())
    ]
    return sorted(changes, key=lambda change: not change.widens)


def difference(before: Any, after: Any, path: str = "") -> list[Change]:
    """Leaves of two JSON values side by side, in path order; equal leaves are listed too."""
    if isinstance(before, dict) or isinstance(after, dict):
        left = before if isinstance(before, dict) else {}
        right = after if isinstance(after, dict) else {}
        return [
            change
            for key in sorted({*left, *right})
            for change in difference(left.get(key), right.get(key), f"{path}.{key}" if path else key)
        ]
    return [Change(path, before, after)]


def verdict(states: Iterable[tuple[str, bool]]) -> str:
    """`open` when every gate lets through, `closed` when one never will, else `waiting`.

    Each item is (state, is_open). Only a gate that is still to be judged is waited for: whatever was judged and is
    not open, such as a pass past its end, closes the door.
    """
    gates = list(states)
    if not gates:
        return "closed"
    if any(not opened and state not in ("pending", "running") for state, opened in gates):
        return "closed"
    return "open" if all(opened for _, opened in gates) else "waiting"
