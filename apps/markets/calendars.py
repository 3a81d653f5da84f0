"""When markets trade: always, the FX week, or an exchange's own calendar (exchange-calendars).

Times are epoch milliseconds. A time that a calendar does not cover counts as closed.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from quarterdeck.calendars import ALWAYS_OPEN, HOUR_MS, WEEKDAYS, fx_session
from quarterdeck.calendars import day_end as simple_day_end

# Exchanges whose instruments trade before and after their session: those of the US, which all keep this calendar.
EXTENDED = frozenset({"XNYS"})
EXTENDED_FROM_H = 4  # in the exchange's zone
EXTENDED_AFTER_MS = 4 * HOUR_MS
SATURDAY = 5


class ExtendedDay(NamedTuple):
    """One session with the hours around it, in epoch milliseconds: pre-market, open, close, end of the after-hours."""

    starts_ms: int
    opens_ms: int
    closes_ms: int
    ends_ms: int


def is_known(calendar: str) -> bool:
    """Whether there is such a calendar."""
    if calendar in (ALWAYS_OPEN, WEEKDAYS):
        return True
    import exchange_calendars  # heavy (pandas), and only instruments of exchanges need it

    return calendar in exchange_calendars.get_calendar_names(include_aliases=False)


def is_open(calendar: str, at_ms: int) -> bool:
    """Whether the market trades at this time."""
    return any(opens <= at_ms < closes for opens, closes in hours(calendar, at_ms, at_ms + 1))


def closes_at(calendar: str, at_ms: int) -> int | None:
    """When the session that is open now ends; None for a market that never closes or is closed now."""
    if calendar == ALWAYS_OPEN:
        return None
    end_ms = None
    for opens, closes in hours(calendar, at_ms, at_ms + 7 * 24 * HOUR_MS):
        if (end_ms is None and opens <= at_ms < closes) or end_ms == opens:
            end_ms = closes
    return end_ms


def trading_day(calendar: str, at_ms: int) -> date:
    """The day that daily limits count by: UTC days, the FX day from 17:00 in New York, or the exchange's session."""
    if calendar == ALWAYS_OPEN:
        return _utc_date(at_ms)
    if calendar == WEEKDAYS:
        return _utc_date(simple_day_end(calendar, at_ms))
    for opens, closes in hours(calendar, at_ms, at_ms + 14 * 24 * HOUR_MS):
        if at_ms < closes:
            return _session_date(calendar, opens)
    return _utc_date(at_ms)


def day_before(calendar: str, day: date) -> date | None:
    """The trading day before one; None where the calendar knows of none within two weeks."""
    if calendar in (ALWAYS_OPEN, WEEKDAYS):
        before = day - timedelta(days=1)
        while calendar == WEEKDAYS and before.weekday() >= SATURDAY:
            before -= timedelta(days=1)
        return before
    start_ms = int(datetime.combine(day, time(), UTC).timestamp()) * 1000
    spans = _exchange_hours(calendar, start_ms - 14 * 24 * HOUR_MS, start_ms + 48 * HOUR_MS)
    return max((found for opens, _ in spans if (found := _session_date(calendar, opens)) < day), default=None)


def day_end(calendar: str, at_ms: int) -> int:
    """The end of the trading day that a time belongs to, always after it; in a closed session the next day's."""
    if calendar in (ALWAYS_OPEN, WEEKDAYS):
        return simple_day_end(calendar, at_ms)
    spans = hours(calendar, at_ms, at_ms + 14 * 24 * HOUR_MS)
    ends = [closes for _, closes in spans if closes > at_ms]
    return ends[0] if ends else simple_day_end(ALWAYS_OPEN, at_ms)


def hours(calendar: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """The open spans that overlap [start, end), clipped to nothing: whole sessions, oldest first."""
    if calendar == ALWAYS_OPEN:
        return [(start_ms, end_ms)]
    if calendar == WEEKDAYS:
        return _fx_hours(start_ms, end_ms)
    return _exchange_hours(calendar, start_ms, end_ms)


def has_extended(calendar: str) -> bool:
    """Whether instruments of this calendar trade in extended hours too."""
    return calendar in EXTENDED


def extended_days(calendar: str, start_ms: int, end_ms: int) -> list[ExtendedDay]:
    """The sessions that overlap [start, end) with the hours around them, oldest first; none without extended hours.

    US stocks trade from 04:00 in New York until four hours after the close, so until 20:00, and until 17:00 where the
    session ends early (https://docs.alpaca.markets/docs/orders-at-alpaca, extended hours trading; early closings:
    https://www.nyse.com/markets/hours-calendars). Overnight trading between two such days is none of them.
    """
    if not has_extended(calendar):
        return []
    sessions = _exchange_hours(calendar, start_ms - EXTENDED_AFTER_MS, end_ms + 24 * HOUR_MS)
    days = [_extended_day(calendar, *session) for session in sessions]
    return [day for day in days if day.starts_ms < end_ms and start_ms < day.ends_ms]


def extended_day(calendar: str, at_ms: int) -> ExtendedDay | None:
    """The session at a time, or the one whose extended hours these are."""
    return next(iter(extended_days(calendar, at_ms, at_ms + 1)), None)


def extended_day_end(calendar: str, at_ms: int) -> int:
    """When an order for the day that trades in extended hours ends: with the after-hours, else as `day_end` says."""
    days = extended_days(calendar, at_ms, at_ms + 14 * 24 * HOUR_MS)
    return days[0].ends_ms if days else day_end(calendar, at_ms)


def open_ms(calendar: str, start_ms: int, end_ms: int, *, with_extended: bool = False) -> int:
    """Milliseconds of open session between two times, of its extended hours too if asked."""
    spans = hours(calendar, start_ms, end_ms)
    if with_extended and has_extended(calendar):
        spans = [(day.starts_ms, day.ends_ms) for day in extended_days(calendar, start_ms, end_ms)]
    return sum(max(0, min(closes, end_ms) - max(opens, start_ms)) for opens, closes in spans)


def _fx_hours(start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    spans, span = [], fx_session(start_ms)
    while span[0] < end_ms:
        spans.append(span)
        span = fx_session(span[1])
    return spans


@lru_cache(maxsize=64)
def _exchange(code: str) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(code)


def _exchange_hours(code: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    calendar = _exchange(code)
    opens, closes = calendar.opens_nanos // 1_000_000, calendar.closes_nanos // 1_000_000
    first, last = closes.searchsorted(start_ms, side="right"), opens.searchsorted(end_ms, side="left")
    return [(int(opens[index]), int(closes[index])) for index in range(first, last)]


def _extended_day(code: str, opens_ms: int, closes_ms: int) -> ExtendedDay:
    opens = datetime.fromtimestamp(opens_ms // 1000, _exchange(code).tz)
    starts = opens.replace(hour=EXTENDED_FROM_H, minute=0, second=0)
    return ExtendedDay(int(starts.timestamp()) * 1000, opens_ms, closes_ms, closes_ms + EXTENDED_AFTER_MS)


def _session_date(code: str, opens_ms: int) -> date:
    """An exchange's session is of the day on which it opens there."""
    return datetime.fromtimestamp(opens_ms // 1000, _exchange(code).tz).date()


def _utc_date(epoch_ms: int) -> date:
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).date()
