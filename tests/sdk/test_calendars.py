"""When trading days end, and when the FX week is open."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from quarterdeck.calendars import day_end, fx_session
from quarterdeck.events import TimeInForce
from quarterdeck.simvalues import SimConfig, SimState

from tests.sdk.test_simulator import HOUR_MS, limit, make_bar, meet

NEW_YORK = ZoneInfo("America/New_York")


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("calendar", "at", "end"),
    [
        ("24/7", "2024-01-05T23:59", "2024-01-06T00:00"),
        ("24/7", "2024-01-06T00:00", "2024-01-07T00:00"),
        ("24/5", "2024-01-04T21:59", "2024-01-04T22:00"),
        ("24/5", "2024-01-04T22:00", "2024-01-05T22:00"),
        ("24/5", "2024-01-05T22:00", "2024-01-08T22:00"),
        ("24/5", "2024-01-07T23:00", "2024-01-08T22:00"),
        ("24/5", "2024-07-05T20:59", "2024-07-05T21:00"),
        ("24/5", "2024-03-08T22:00", "2024-03-11T21:00"),
        ("24/5", "2024-11-01T21:00", "2024-11-04T22:00"),
    ],
)
def test_a_trading_day_ends(calendar, at, end):
    assert day_end(calendar, ms(at)) == ms(end)


@pytest.mark.parametrize(
    ("at", "is_it"),
    [
        ("2024-01-05T21:59", True),
        ("2024-01-05T22:00", False),
        ("2024-01-07T21:59", False),
        ("2024-01-07T22:00", True),
        ("2024-07-05T21:00", False),
        ("2024-07-07T21:00", True),
    ],
)
def test_the_fx_week_is_open(at, is_it):
    opens, closes = fx_session(ms(at))

    assert (opens <= ms(at) < closes) is is_it


def test_every_fx_day_of_many_years_ends_at_five_in_new_york():
    moment = datetime(2007, 1, 1, 12, tzinfo=UTC)
    while moment.year < 2031:
        end = datetime.fromtimestamp(day_end("24/5", int(moment.timestamp()) * 1000) / 1000, NEW_YORK)
        assert (end.hour, end.minute) == (17, 0)
        assert end.weekday() < 5
        moment += timedelta(days=1)


def test_a_day_order_ends_with_the_day_of_its_calendar():
    order = limit(80, time_in_force=TimeInForce.DAY, accepted_ms=20 * HOUR_MS)

    # 1 January 1970 was a Thursday; the FX day ends at 22:00 UTC in winter.
    assert meet(order, make_bar(22), SimConfig(calendar="24/5")).state == SimState.EXPIRED
    assert meet(order, make_bar(22)).state == SimState.WORKING
