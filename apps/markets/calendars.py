"""When markets trade: always, the FX week, or an exchange's own calendar (exchange-calendars).

Times are epoch milliseconds. A time that a calendar does not cover counts as closed.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import quarterdeck.calendars

ALWAYS_OPEN, WEEKDAYS = "24/7", "24/5"
# The FX week opens on Sunday and closes on Friday at 17:00 in New York.
FX_ZONE, FX_HOUR = ZoneInfo("America/New_York"), 17
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
HOUR_MS = 3_600_000


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
        return datetime.fromtimestamp(at_ms // 1000, UTC).date()
    if calendar == WEEKDAYS:
        day = (_local(at_ms) + timedelta(hours=24 - FX_HOUR)).date()
        return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= SATURDAY else 0)
    for opens, closes in hours(calendar, at_ms, at_ms + 14 * 24 * HOUR_MS):
        if at_ms < closes:
            return datetime.fromtimestamp(opens // 1000, _exchange(calendar).tz).date()
    return datetime.fromtimestamp(at_ms // 1000, UTC).date()


def day_end(calendar: str, at_ms: int) -> int:
    """The end of the trading day that a time belongs to, always after it; in a closed session the next day's."""
    if calendar in (ALWAYS_OPEN, WEEKDAYS):
        return quarterdeck.calendars.day_end(calendar, at_ms)
    spans = hours(calendar, at_ms, at_ms + 14 * 24 * HOUR_MS)
    ends = [closes for _, closes in spans if closes > at_ms]
    return ends[0] if ends else quarterdeck.calendars.day_end(ALWAYS_OPEN, at_ms)


def hours(calendar: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """The open spans that overlap [start, end), clipped to nothing: whole sessions, oldest first."""
    if calendar == ALWAYS_OPEN:
        return [(start_ms, end_ms)]
    if calendar == WEEKDAYS:
        return [span for span in _fx_hours(start_ms, end_ms) if span[0] < end_ms and start_ms < span[1]]
    return _exchange_hours(calendar, start_ms, end_ms)


def open_ms(calendar: str, start_ms: int, end_ms: int) -> int:
    """Milliseconds of open session between two times."""
    spans = hours(calendar, start_ms, end_ms)
    return sum(max(0, min(closes, end_ms) - max(opens, start_ms)) for opens, closes in spans)


def _fx_hours(start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    spans, day = [], _local(start_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    while _epoch(day) < end_ms:
        following = _same_hour(day + timedelta(days=1), 0)
        opens, closes = _fx_day(day, following)
        if opens < closes:
            spans.append((opens, closes))
        day = following
    return spans


def _fx_day(day: datetime, following: datetime) -> tuple[int, int]:
    """The open part of a New York day, as epoch milliseconds; empty on Saturday."""
    if day.weekday() == FRIDAY:
        return _epoch(day), _epoch(_same_hour(day, FX_HOUR))
    if day.weekday() == SUNDAY:
        return _epoch(_same_hour(day, FX_HOUR)), _epoch(following)
    return _epoch(day), _epoch(following) if day.weekday() < FRIDAY else _epoch(day)


def _same_hour(day: datetime, hour: int) -> datetime:
    """That wall-clock hour of the day, whatever the offset to UTC is then."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=FX_ZONE)


def _local(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).astimezone(FX_ZONE)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


@lru_cache(maxsize=64)
def _exchange(code: str) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(code)


def _exchange_hours(code: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    calendar = _exchange(code)
    opens, closes = calendar.opens_nanos // 1_000_000, calendar.closes_nanos // 1_000_000
    first, last = closes.searchsorted(start_ms, side="right"), opens.searchsorted(end_ms, side="left")
    return [(int(opens[index]), int(closes[index])) for index in range(first, last)]
