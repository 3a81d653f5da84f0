"""A replayed feed: what it delivers, and that it neither runs back nor ahead."""

from datetime import timedelta
from pathlib import Path

import pytest

from apps.alerts.models import Alert
from apps.common.errors import Invalid, Refused
from apps.markets import selectors, services
from apps.markets.models import Feed
from apps.markets.states import FeedState
from tests.markets.builders import BY, HOUR_MS, MARKET_START, MARKET_START_MS, Wall, make_feed

pytestmark = pytest.mark.django_db
CLOSES = ["100", "101", "102", "103", "104", "105"]


def test_the_market_clock_is_the_end_of_the_last_complete_bar(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)

    assert selectors.market_now(feed) == MARKET_START
    assert selectors.last_bar(feed) is None
    wall.advance(2.5)
    assert selectors.market_now(feed) == MARKET_START + timedelta(hours=2)
    assert selectors.last_bar(feed).close == 101


def test_a_bar_that_is_not_complete_is_never_delivered(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES, hours_in=1)
    wall.advance(1)

    bars = selectors.bars_between(feed, MARKET_START_MS, MARKET_START_MS + 100 * HOUR_MS)

    assert [bar.close for bar in bars] == [100, 101]


def test_bars_come_after_the_first_bound_up_to_the_second(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES, hours_in=5)
    first = MARKET_START_MS + HOUR_MS

    bars = selectors.bars_between(feed, first, first + 2 * HOUR_MS)
    limited = selectors.bars_between(feed, first, first + 2 * HOUR_MS, limit=1)

    assert [bar.end_ms for bar in bars] == [first + HOUR_MS, first + 2 * HOUR_MS]
    assert [bar.end_ms for bar in limited] == [first + HOUR_MS]


def test_a_pause_of_the_platform_pauses_the_replay(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, ["100"] * 50)
    wall.advance(1)
    services.tick_feed(feed)
    wall.advance(3600)
    paused = selectors.market_now(feed)

    services.tick_feed(feed)

    assert selectors.market_now(feed) == paused == MARKET_START + timedelta(hours=6)
    wall.advance(1)
    assert selectors.market_now(feed) == paused + timedelta(hours=1)


def test_a_stalled_feed_delivers_nothing_and_grows_stale(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    wall.advance(1.5)
    services.stall_feed(feed=feed, **BY)
    before = selectors.market_now(feed)

    wall.advance(20)
    services.tick_feed(feed)

    assert selectors.market_now(feed) == before
    assert selectors.freshness_ms(feed) == 20_000
    assert Feed.objects.get().state == FeedState.STALLED


def test_a_resumed_feed_goes_on_where_it_stopped(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    wall.advance(1)
    services.stall_feed(feed=feed, **BY)
    wall.advance(20)

    services.resume_feed(feed=feed, **BY)

    assert selectors.market_now(feed) == MARKET_START + timedelta(hours=1)
    assert selectors.freshness_ms(feed) == 0
    wall.advance(1)
    assert selectors.market_now(feed) == MARKET_START + timedelta(hours=2)


def test_a_running_feed_cannot_be_resumed(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    wall.advance(2)

    with pytest.raises(Refused, match="cannot become running"):
        services.resume_feed(feed=feed, **BY)

    wall.advance(1)
    assert selectors.market_now(feed) == MARKET_START + timedelta(hours=3)


def test_the_replay_ends_with_its_data_and_says_so_once(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    wall.advance(5)
    services.tick_feeds()
    wall.advance(1)

    assert services.tick_feeds() == 1
    assert services.tick_feeds() == 0

    assert Feed.objects.get().state == FeedState.ENDED
    assert Alert.objects.get().code == "FEED_ENDED"
    assert selectors.next_bar_due(feed) is None
    wall.advance(9)
    assert selectors.freshness_ms(feed) == 9_000


def test_a_gap_in_the_data_counts_as_staleness_until_the_next_bar(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES, hours_in=1, skip={2, 3})
    wall.advance(2.5)

    assert selectors.freshness_ms(feed) == 500
    wall.advance(1.25)
    assert selectors.freshness_ms(feed) == 1_750
    wall.advance(0.25)
    assert selectors.freshness_ms(feed) == 0


def test_the_next_bar_is_due_at_its_end_by_the_speed(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    wall.advance(1.25)

    assert selectors.next_bar_due(feed) == wall.now + timedelta(seconds=0.75)


def test_a_changed_file_is_refused(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES, symbol="ALT-USD")
    path = folder / "ALT-USD.csv"
    path.write_text(path.read_text().replace("105", "106"))

    with pytest.raises(Refused) as refusal:
        selectors.last_bar(feed)

    assert refusal.value.code == "DATASET_CHANGED"


@pytest.mark.parametrize("speed", [0, -1, 100_001])
def test_a_speed_out_of_bounds_is_refused(wall: Wall, folder: Path, speed: int) -> None:
    with pytest.raises(Invalid) as refusal:
        make_feed(folder, CLOSES, speed=speed)

    assert refusal.value.code == "FEED_SPEED"
    assert not Feed.objects.exists()


def test_every_change_of_a_feed_is_in_its_history(wall: Wall, folder: Path) -> None:
    feed = make_feed(folder, CLOSES)
    services.stall_feed(feed=feed, actor="job:tests", reason="drill")

    newest = Feed.history.filter(id=feed.pk).latest("history_date")

    assert (newest.state, newest.history_user_id, newest.history_change_reason) == (
        "stalled",
        "job:tests",
        "drill",
    )
