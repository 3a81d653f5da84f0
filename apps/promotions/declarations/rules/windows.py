"""Session windows of a config bundle: minutes of a week, UTC."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1_440
Span = tuple[int, int]


def minutes(clock: str) -> int:
    """Minutes since midnight of `22:00`; `24:00` is the end of the day."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


def spans(window: Mapping[str, Any]) -> list[Span]:
    """When it is open, in minutes of the week from Monday; nothing when it ends before it begins."""
    begins, ends = minutes(window["from"]), minutes(window["until"])
    if begins >= ends:
        return []
    days = [DAYS.index(day) for day in window["days"]]
    return [(day * DAY_MIN + begins, day * DAY_MIN + ends) for day in days]


def overlaps(windows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    """Pairs of windows (earlier index, later index) that are open at the same time."""
    known = [spans(window) for window in windows]
    for later, mine in enumerate(known):
        for earlier in range(later):
            if any(a < d and c < b for a, b in mine for c, d in known[earlier]):
                yield earlier, later


def open_minutes(windows: Sequence[Mapping[str, Any]] | None) -> set[int]:
    """Every minute of the week in which the bot may trade; no windows allow it always."""
    if not windows:
        return set(range(7 * DAY_MIN))
    return {minute for window in windows for begins, ends in spans(window) for minute in range(begins, ends)}
