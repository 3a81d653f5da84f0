"""The market clock and the freshness of a feed, as pure functions of whole milliseconds (design rule 8).

A replayed feed has no process of its own: market time follows from an anchor on both clocks and the speed.
It runs only while ticks come, so a replay pauses while the platform is down and goes on where it stopped.
Below them: what of a rate or of a market state one person may not change alone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from apps.markets import calendars

# Without a tick for longer than this the replay stands still until the next one.
TICK_GRACE_MS = 5_000
# Longer than any session: how much further a feed stands behind its schedule makes no difference to a calendar.
BEHIND_MS_MAX = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Clock:
    """A feed's anchors: wall times, market times and market milliseconds per wall millisecond."""

    wall_anchor_ms: int
    market_anchor_ms: int
    speed: int
    ticked_at_ms: int
    stalled_at_ms: int | None
    ends_at_ms: int


def market_time(clock: Clock, wall_ms: int) -> int:
    """Market milliseconds at a wall time: capped by the last tick, a stall and the end of the data.

    A wall clock that was set back cannot take market time below what the last tick saw.
    """
    wall_ms = min(max(wall_ms, clock.ticked_at_ms), clock.ticked_at_ms + TICK_GRACE_MS)
    if clock.stalled_at_ms is not None:
        wall_ms = min(wall_ms, clock.stalled_at_ms)
    return min(scheduled_time(clock, wall_ms), clock.ends_at_ms)


def scheduled_time(clock: Clock, wall_ms: int) -> int:
    """Where market time would stand if nothing had stopped the feed since the anchor."""
    return clock.market_anchor_ms + max(0, wall_ms - clock.wall_anchor_ms) * clock.speed


def session_time(clock: Clock, wall_ms: int) -> int:
    """Where to look a session up: at the schedule, never before market time and at most a week after it.

    Bars say when something last traded, not that the market still does; a feed that stands still says neither.
    """
    market_ms = market_time(clock, wall_ms)
    return min(max(scheduled_time(clock, wall_ms), market_ms), market_ms + BEHIND_MS_MAX)


def tick(clock: Clock, wall_ms: int) -> Clock:
    """The clock after a tick: after a pause, or a wall clock set back, its anchor moves to now.

    Market time at the moment of the tick is the same before and after. A stalled or ended clock keeps its
    anchor, so that its lag goes on growing.
    """
    market_ms = market_time(clock, wall_ms)
    stands = clock.stalled_at_ms is not None or market_ms >= clock.ends_at_ms
    if stands or abs(wall_ms - clock.ticked_at_ms) <= TICK_GRACE_MS:
        return replace(clock, ticked_at_ms=max(wall_ms, clock.ticked_at_ms))
    return replace(clock, ticked_at_ms=wall_ms, wall_anchor_ms=wall_ms, market_anchor_ms=market_ms)


def stall(clock: Clock, wall_ms: int) -> Clock:
    """The clock frozen at a wall time."""
    ticked = tick(clock, wall_ms)
    return replace(ticked, stalled_at_ms=ticked.ticked_at_ms)


def resume(clock: Clock, wall_ms: int) -> Clock:
    """The clock running again from where it was frozen."""
    market_ms = market_time(clock, wall_ms)
    return replace(
        clock,
        ticked_at_ms=wall_ms,
        wall_anchor_ms=wall_ms,
        market_anchor_ms=market_ms,
        stalled_at_ms=None,
    )


def due_at(clock: Clock, wall_ms: int, market_ms: int) -> int:
    """The wall time at which market time reaches `market_ms` if the feed runs from now on."""
    left = max(0, market_ms - market_time(clock, wall_ms))
    return wall_ms + -(-left // clock.speed)


def lag(
    clock: Clock, wall_ms: int, last_end_ms: int, interval_ms: int, calendar: str, *, with_extended: bool = False
) -> int:
    """Wall milliseconds by which the newest bar is late.

    Two parts: how long market time has stood still against its schedule (stalled, no ticks, ended), and by
    how much the bar after the newest one is overdue in the open session, `with_extended` in the hours
    around it too (a gap in the data).
    """
    market_ms = market_time(clock, wall_ms)
    behind = max(0, scheduled_time(clock, wall_ms) - market_ms)
    open_ms = calendars.open_ms(calendar, last_end_ms, market_ms, with_extended=with_extended)
    missing = max(0, open_ms - interval_ms)
    return -(-(behind + missing) // clock.speed)


def departs(rate: Decimal, known: Decimal, percent: Decimal) -> bool:
    """Whether two rates are further apart than so many percent of the lower one; their inverses are just as far."""
    lower, upper = sorted((rate, known))
    return upper * 100 > lower * (100 + percent)


def covers(new: tuple[datetime, datetime], old: tuple[datetime, datetime]) -> bool:
    """Whether a time from start to end leaves nothing of another out."""
    return new[0] <= old[0] and new[1] >= old[1]


@dataclass(frozen=True, slots=True)
class Stated:
    """How an instrument trades: whether at all, and between which prices; None bounds nothing."""

    trades: bool
    limit_up: Decimal | None
    limit_down: Decimal | None


def loosens(new: Stated, old: Stated) -> bool:
    """Whether anything may open by `new` that may not by `old`; while it does not trade, its band bounds nothing."""
    if not new.trades:
        return False
    if not old.trades:
        return True
    is_higher = old.limit_up is not None and (new.limit_up is None or new.limit_up > old.limit_up)
    is_lower = old.limit_down is not None and (new.limit_down is None or new.limit_down < old.limit_down)
    return is_higher or is_lower
