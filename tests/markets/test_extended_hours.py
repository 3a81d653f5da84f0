"""Extended hours: of which calendars, from when until when, which bars lie in them, and what is late there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.common.clocks import to_ms
from apps.markets import calendars, selectors, services
from tests.markets.builders import BY, HOUR_MS, Wall, make_feed

STOCK = {"session_calendar": "XNYS"}
# A Friday: the session is from 13:30 to 20:00 UTC.
DAY = datetime(2024, 7, 5, tzinfo=UTC)


def ms(text: str) -> int:
    """Epoch milliseconds of a UTC time."""
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def is_extended(calendar: str, at: str) -> bool:
    """Whether the market trades then, extended hours included."""
    return calendars.extended_day(calendar, ms(at)) is not None


@pytest.mark.parametrize(
    ("at", "trades"),
    [
        ("2024-07-05T07:59", False),
        ("2024-07-05T08:00", True),
        ("2024-07-05T15:00", True),
        ("2024-07-05T23:59", True),
        ("2024-07-06T00:00", False),
        ("2024-01-05T08:59", False),
        ("2024-01-05T09:00", True),
        ("2024-01-06T00:59", True),
        ("2024-01-06T01:00", False),
        ("2024-07-04T15:00", False),
    ],
)
def test_stocks_of_the_us_trade_from_four_to_eight_in_new_york(at: str, trades: bool) -> None:
    assert is_extended("XNYS", at) is trades


@pytest.mark.parametrize(("at", "trades"), [("2024-07-03T20:59", True), ("2024-07-03T21:00", False)])
def test_after_an_early_close_they_trade_until_five(at: str, trades: bool) -> None:
    assert is_extended("XNYS", at) is trades


@pytest.mark.parametrize("calendar", ["24/7", "24/5", "XLON", "XTKS"])
def test_no_other_calendar_has_extended_hours(calendar: str) -> None:
    assert not calendars.has_extended(calendar)
    assert calendars.extended_days(calendar, ms("2024-07-01T00:00"), ms("2024-07-08T00:00")) == []


def test_the_session_itself_stays_what_it_was() -> None:
    assert not calendars.is_open("XNYS", ms("2024-07-05T12:00"))
    assert calendars.closes_at("XNYS", ms("2024-07-05T21:00")) is None


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2024-07-05T09:00", "2024-07-06T00:00"),
        ("2024-07-05T21:00", "2024-07-06T00:00"),
        ("2024-07-06T00:00", "2024-07-09T00:00"),
        ("2024-07-03T10:00", "2024-07-03T21:00"),
    ],
)
def test_an_order_for_the_day_ends_with_the_hours_after_the_session(at: str, ends: str) -> None:
    assert calendars.extended_day_end("XNYS", ms(at)) == ms(ends)


def test_without_extended_hours_it_ends_with_the_trading_day() -> None:
    assert calendars.extended_day_end("24/7", ms("2024-07-05T09:00")) == ms("2024-07-06T00:00")


def test_the_trading_day_turns_at_the_close_for_the_hours_after_it_too() -> None:
    assert calendars.trading_day("XNYS", ms("2024-07-05T12:00")).day == 5
    assert calendars.trading_day("XNYS", ms("2024-07-05T20:00")).day == 8


@pytest.mark.django_db
def test_bars_before_and_after_the_session_are_marked(folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 26, start=DAY, **STOCK)

    marked = [(bar.start_ms - to_ms(DAY)) // HOUR_MS for bar in selectors.bars_of(feed.dataset) if bar.is_extended]

    # The session begins inside the bar of 13:00; before 8 and after midnight nothing trades.
    assert marked == [8, 9, 10, 11, 12, 20, 21, 22, 23]


@pytest.mark.django_db
def test_bars_of_a_market_that_never_closes_are_not_marked(folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 26, start=DAY)

    assert not any(bar.is_extended for bar in selectors.bars_of(feed.dataset))


@pytest.mark.django_db
def test_where_a_bar_of_extended_hours_is_missing_the_feed_is_late_for_who_asks_for_them(
    wall: Wall, folder: Path
) -> None:
    feed = make_feed(folder, ["100"] * 36, start=DAY + timedelta(hours=19), skip=range(1, 35), speed=3600, **STOCK)
    for _ in range(3):
        services.tick_feeds()
        wall.advance(1)

    regular, extended = selectors.reading(feed), selectors.reading(feed, with_extended=True)

    assert (regular.late_ms, extended.late_ms) == (0, 1_000)


@pytest.mark.django_db
def test_where_a_bar_is_missing_the_schedule_runs_on(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 36, start=DAY + timedelta(hours=18), skip=[1], **STOCK)
    wall.advance(2)

    read = selectors.reading(feed)

    assert (read.market_at, read.scheduled_at) == (DAY + timedelta(hours=19), DAY + timedelta(hours=20))


@pytest.mark.django_db
def test_the_schedule_runs_on_while_the_feed_stands_still(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 36, start=DAY, **STOCK)
    wall.advance(1)
    services.stall_feed(feed=feed, **BY)
    wall.advance(3)

    read = selectors.reading(feed)

    assert (read.market_at, read.scheduled_at) == (DAY + timedelta(hours=1), DAY + timedelta(hours=4))


@pytest.mark.django_db
def test_a_wall_clock_that_is_set_back_does_not_turn_the_schedule_back(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 36, start=DAY, **STOCK)
    wall.advance(4)
    services.tick_feeds()
    wall.advance(-3)

    assert selectors.reading(feed).scheduled_at == DAY + timedelta(hours=4)


@pytest.mark.django_db
def test_a_feed_that_ended_long_ago_can_still_be_read(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 2, start=DAY, speed=100_000, **STOCK)
    services.tick_feeds()
    wall.advance(2)
    services.tick_feeds()
    wall.advance(timedelta(days=90).total_seconds())

    # By its schedule it would be past every date by now.
    assert selectors.reading(feed).scheduled_at == DAY + timedelta(days=7, hours=2)
