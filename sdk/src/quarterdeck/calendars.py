"""Trading days and sessions of the calendars that the simulator knows: round the clock, and the FX week.

The FX week opens on Sunday and closes on Friday at 17:00 in New York, and each of its days ends at that hour.
New York's summer time runs from the second Sunday of March to the first of November (the rule since 2007),
computed here because a sandboxed bot has no time zone files to read.
"""

from datetime import date, timedelta

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
ALWAYS_OPEN, WEEKDAYS = "24/7", "24/5"
CALENDARS = (ALWAYS_OPEN, WEEKDAYS)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_SATURDAY = 5


def day_end(calendar: str, market_ms: int) -> int:
    """The end of the trading day that a market time belongs to, always after it (epoch milliseconds).

    Round the clock that is UTC midnight; a time in the FX weekend belongs to Monday.
    """
    if calendar == ALWAYS_OPEN:
        return market_ms - market_ms % DAY_MS + DAY_MS
    day = _date(market_ms)
    while day.weekday() >= _SATURDAY or _close_ms(day) <= market_ms:
        day += timedelta(days=1)
    return _close_ms(day)


def fx_session(market_ms: int) -> tuple[int, int]:
    """When the FX day that a market time belongs to opens and closes; a time in the weekend comes before it opens."""
    closes_ms = day_end(WEEKDAYS, market_ms)
    return _close_ms(_date(closes_ms) - timedelta(days=1)), closes_ms


def _date(market_ms: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + market_ms // DAY_MS)


def _close_ms(day: date) -> int:
    """17:00 in New York on a day, which is the same day in UTC."""
    hour = 21 if _sunday(day.year, 3, 2) <= day < _sunday(day.year, 11, 1) else 22
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS + hour * HOUR_MS


def _sunday(year: int, month: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=6 - first.weekday() + 7 * (number - 1))
