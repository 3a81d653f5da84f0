"""What the paper venue takes and says of itself: prices, capabilities, post-only, sessions and trading days."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from apps.common.clocks import to_ms
from apps.markets.services import tick_feeds
from apps.venues import services
from apps.venues.adapters.base import VenueOrderState, VenueRejected
from apps.venues.paper import matching
from apps.venues.paper.adapter import CAPABILITIES, PaperAdapter, narrowed
from apps.venues.paper.models import PaperOrder
from tests.markets.builders import WALL_START, Wall
from tests.venues.builders import ACCOUNT, list_paper, make_account, make_request, make_venue, open_paper

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]
FRIDAY_EVENING = datetime(2024, 1, 5, 20, tzinfo=UTC)


@pytest.mark.django_db
def test_a_quote_is_the_last_price_and_as_old_as_the_feed_is_late(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    wall.advance(1)

    now = venue.quote("BTC-USD")
    wall.advance(60)
    stalled = venue.quote("BTC-USD")

    assert (now.symbol, now.price, now.wall_ms) == ("BTC-USD", 101, to_ms(WALL_START) + 1_000)
    # Without ticks the market clock goes on for five seconds and then stands still.
    assert (stalled.price, stalled.wall_ms) == (105, to_ms(WALL_START) + 5_000)


@pytest.mark.django_db
def test_a_symbol_without_a_market_or_a_price_has_no_quote(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, hours_in=0)
    venue = open_paper()

    for symbol, code in (("ETH-USD", "SYMBOL_UNKNOWN"), ("BTC-USD", "NO_PRICE")):
        with pytest.raises(VenueRejected) as rejection:
            venue.quote(symbol)
        assert rejection.value.code == code


@pytest.mark.django_db
def test_the_paper_venue_can_do_everything() -> None:
    can = services.adapter_for(make_account()).capabilities()

    assert can == CAPABILITIES
    assert all((can.has_post_only, can.has_replace, can.replaces_in_place, can.has_cancel_all, can.has_lookup))


def test_settings_only_ever_take_capabilities_away() -> None:
    wanted = {"order_types": ["LIMIT", "ICEBERG"], "requests_per_minute": 10**9, "has_iceberg": True}

    can = narrowed(wanted)

    assert can.order_types == {"LIMIT"}
    assert can.requests_per_minute == CAPABILITIES.requests_per_minute
    assert narrowed({"requests_per_minute": 60}).requests_per_minute == 60


@pytest.mark.django_db
def test_what_the_settings_took_away_is_refused_and_leaves_no_trace(wall: Wall, folder: Path) -> None:
    flags = ("has_reduce_only", "has_post_only", "has_replace", "replaces_in_place", "has_cancel_all", "has_lookup")
    taken = dict.fromkeys(flags, False) | {"order_types": ["LIMIT"], "times_in_force": ["GTC"]}
    make_venue(venue_settings={"capabilities": taken})
    list_paper(folder, CLOSES)
    open_paper()
    account = make_account()
    venue = PaperAdapter(ACCOUNT, 5, account.venue.settings["capabilities"])
    price = {"order_type": "LIMIT", "limit_price": "90"}

    for call in (
        lambda: venue.submit(make_request()),
        lambda: venue.submit(make_request(**price, time_in_force="IOC")),
        lambda: venue.submit(make_request(**price, is_post_only=True)),
        lambda: venue.submit(make_request(**price, is_reduce_only=True)),
        lambda: venue.cancel_all(),
        lambda: venue.order_by_client_id("one"),
        lambda: venue.replace(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(VenueRejected) as rejection:
            call()
        assert rejection.value.code == "NOT_SUPPORTED"

    assert services.adapter_for(account).capabilities() == venue.capabilities()
    assert not PaperOrder.objects.exists()
    assert venue.submit(make_request(**price)).limit_price == 90


@pytest.mark.django_db
def test_a_post_only_order_rests_or_is_rejected(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "100", "95", "95"])
    venue = open_paper()
    rests = make_request("rests", order_type="LIMIT", limit_price="96", is_post_only=True)
    takes = make_request("takes", order_type="LIMIT", limit_price="100", is_post_only=True)

    venue.submit(rests)
    with pytest.raises(VenueRejected) as rejection:
        venue.submit(takes)
    wall.advance(2)
    matching.match_due()

    assert rejection.value.code == "POST_ONLY_WOULD_CROSS"
    assert [(trade.client_order_id, trade.price) for trade in venue.trades_since(0, 10)] == [("rests", 96)]


@pytest.mark.django_db
def test_an_order_waits_its_turn_at_its_price(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "100", *["90"] * 12], simulation={"queue_share": "1"}, volume="100")
    venue = open_paper()
    venue.submit(make_request(order_type="LIMIT", limit_price="90", quantity="1"))
    wall.advance(1)
    matching.match_due()
    ahead = PaperOrder.objects.get().queue_ahead

    waited = []
    while venue.open_orders():
        waited.append(PaperOrder.objects.get().queue_ahead)
        tick_feeds()
        wall.advance(1)
        matching.match_due()

    # The first bar comes down from 100 and trades little at 90; the others trade all of their 100 there.
    assert ahead
    assert 0 < ahead - waited[1] < 1
    assert all(before - after == 100 for before, after in pairwise(waited[1:]))
    assert waited[-1] < 100
    assert venue.trades_since(0, 10)[0].price == 90


@pytest.mark.django_db
@pytest.mark.parametrize(("calendar", "hours"), [("24/7", 4), ("24/5", 2)])
def test_a_day_order_ends_with_its_trading_day(wall: Wall, folder: Path, calendar: str, hours: int) -> None:
    list_paper(folder, ["100"] * 12, start=FRIDAY_EVENING, hours_in=1, session_calendar=calendar)
    venue = open_paper()
    venue.submit(make_request(order_type="LIMIT", limit_price="50", time_in_force="DAY"))

    lived = 1
    while venue.open_orders():
        tick_feeds()
        wall.advance(1)
        matching.match_due()
        lived += 1

    ended = PaperOrder.objects.get()
    assert (lived, ended.state, ended.reject_code) == (hours, VenueOrderState.EXPIRED, "ORDER_EXPIRED")
    assert ended.reserved == 0


@pytest.mark.django_db
def test_in_a_closed_session_only_orders_that_can_wait_are_taken(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100"] * 4, start=FRIDAY_EVENING, hours_in=2, session_calendar="24/5")
    venue = open_paper()

    with pytest.raises(VenueRejected) as rejection:
        venue.submit(make_request("ioc", time_in_force="IOC"))

    assert rejection.value.code == "SESSION_CLOSED"
    assert venue.submit(make_request("gtc")).state == VenueOrderState.OPEN
