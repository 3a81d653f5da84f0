"""Sessions: always open, the FX week, and exchanges with their holidays and early closes."""

from datetime import UTC, date, datetime

import pytest

from apps.common.clocks import to_ms
from apps.markets import calendars


def ms(text: str) -> int:
    """Epoch milliseconds of a UTC time."""
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("calendar", "at", "is_open"),
    [
        ("24/7", "2024-07-06T12:00", True),
        ("24/5", "2024-07-05T20:59", True),
        ("24/5", "2024-07-05T21:00", False),
        ("24/5", "2024-07-06T12:00", False),
        ("24/5", "2024-07-07T21:00", True),
        ("XNYS", "2024-07-03T16:59", True),
        ("XNYS", "2024-07-03T17:00", False),
        ("XNYS", "2024-07-04T15:00", False),
        ("XNYS", "2024-07-05T13:29", False),
        ("XNYS", "2024-07-05T13:30", True),
        ("XNYS", "1950-01-03T16:00", False),
    ],
)
def test_a_market_is_open_when_its_calendar_says_so(calendar: str, at: str, is_open: bool) -> None:
    assert calendars.is_open(calendar, ms(at)) is is_open


@pytest.mark.parametrize(
    ("calendar", "at", "closes"),
    [
        ("24/7", "2024-07-03T12:00", None),
        ("24/5", "2024-07-03T12:00", "2024-07-05T21:00"),
        ("24/5", "2024-07-06T12:00", None),
        ("XNYS", "2024-07-03T14:00", "2024-07-03T17:00"),
        ("XNYS", "2024-07-04T14:00", None),
    ],
)
def test_a_session_ends_when_its_calendar_says_so(calendar: str, at: str, closes: str | None) -> None:
    assert calendars.closes_at(calendar, ms(at)) == (None if closes is None else ms(closes))


@pytest.mark.parametrize(
    ("calendar", "at", "day"),
    [
        ("24/7", "2024-07-05T23:59", date(2024, 7, 5)),
        ("24/5", "2024-07-03T20:59", date(2024, 7, 3)),
        ("24/5", "2024-07-03T21:00", date(2024, 7, 4)),
        ("24/5", "2024-07-05T22:00", date(2024, 7, 8)),
        ("24/5", "2024-07-07T22:00", date(2024, 7, 8)),
        ("XNYS", "2024-07-03T16:00", date(2024, 7, 3)),
        ("XNYS", "2024-07-03T17:00", date(2024, 7, 5)),
    ],
)
def test_the_trading_day_turns_at_the_markets_boundary(calendar: str, at: str, day: date) -> None:
    assert calendars.trading_day(calendar, ms(at)) == day


@pytest.mark.parametrize(
    ("calendar", "day", "before"),
    [
        ("24/7", date(2024, 7, 7), date(2024, 7, 6)),
        ("24/5", date(2024, 7, 8), date(2024, 7, 5)),
        ("24/5", date(2024, 7, 9), date(2024, 7, 8)),
        ("XNYS", date(2024, 7, 5), date(2024, 7, 3)),
        ("XNYS", date(1800, 7, 5), None),
    ],
)
def test_the_day_before_is_the_calendars_own(calendar: str, day: date, before: date | None) -> None:
    assert calendars.day_before(calendar, day) == before


def test_open_time_counts_only_sessions() -> None:
    assert calendars.open_ms("XNYS", ms("2024-07-03T13:30"), ms("2024-07-05T14:30")) == int((3.5 + 1) * 3_600_000)


def test_a_calendar_that_nobody_keeps_is_unknown() -> None:
    assert not calendars.is_known("XNOPE")
    assert calendars.is_known("XNYS")
