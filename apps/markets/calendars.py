"""When markets trade: always, the FX week, or an exchange's own calendar (exchange-calendars).

Times are epoch milliseconds. A time that a calendar does not cover counts as closed.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from quarterdeck.calendars import ALWAYS_OPEN, HOUR_MS, WEEKDAYS, fx_session
from quarterdeck.calendars import day_end as simple_day_end


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
            return datetime.fromtimestamp(opens // 1000, _exchange(calendar).tz).date()
    return _utc_date(at_ms)


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


def open_ms(calendar: str, start_ms: int, end_ms: int) -> int:
    """Milliseconds of open session between two times."""
    spans = hours(calendar, start_ms, end_ms)
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


def _utc_date(epoch_ms: int) -> date:
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).date()
