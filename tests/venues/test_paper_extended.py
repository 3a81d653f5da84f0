"""The paper venue around the regular session: who trades there, how long, and what it takes."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.markets.services import tick_feeds
from apps.venues.adapters.base import ReplaceRequest, VenueRejected
from apps.venues.paper import late, matching
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder
from apps.venues.paper.states import Call
from tests.markets.builders import Wall
from tests.venues.builders import list_paper, make_request, open_paper

# A Friday: the session ends at 20:00 UTC, the hours after it at midnight; the next session is Monday's.
EVENING = datetime(2024, 7, 5, 18, tzinfo=UTC)
MORNING = datetime(2024, 7, 5, 8, tzinfo=UTC)
DAY = {"order_type": "LIMIT", "time_in_force": "DAY", "limit_price": "101"}
CHEAP = DAY | {"limit_price": "50"}


def open_floor(folder: Path, start: datetime) -> PaperAdapter:
    """A stock with a bar each hour, one bar after the start."""
    list_paper(folder, ["100"] * 16, start=start, session_calendar="XNYS")
    return open_paper()


def submit(venue: PaperAdapter, name: str, **terms: Any) -> None:
    venue.submit(make_request(name, **terms))


def trade(wall: Wall, hours: int) -> None:
    """Let so many bars come and be matched."""
    for _ in range(hours):
        tick_feeds()
        wall.advance(1)
        matching.match_due()


def states() -> dict[str, str]:
    """The orders by their names."""
    return dict(PaperOrder.objects.values_list("client_order_id", "state"))


@pytest.mark.django_db
def test_after_the_close_only_orders_that_ask_for_it_trade(wall: Wall, folder: Path) -> None:
    venue = open_floor(folder, EVENING)
    trade(wall, 1)
    submit(venue, "asking", **DAY, is_extended_hours=True)
    submit(venue, "other", **DAY)
    submit(venue, "market")

    trade(wall, 3)

    assert states() == {"asking": "filled", "other": "open", "market": "open"}


@pytest.mark.django_db
def test_before_the_open_an_order_waits_for_the_session(wall: Wall, folder: Path) -> None:
    venue = open_floor(folder, MORNING)
    submit(venue, "other", **DAY)
    trade(wall, 3)
    before = states()

    trade(wall, 4)

    assert (before, states()) == ({"other": "open"}, {"other": "filled"})


@pytest.mark.django_db
def test_an_order_for_the_day_lives_through_the_hours_after_the_session_if_it_asks_for_them(
    wall: Wall, folder: Path
) -> None:
    venue = open_floor(folder, EVENING)
    submit(venue, "asking", **CHEAP, is_extended_hours=True)
    submit(venue, "other", **CHEAP)

    seen = []
    for _ in range(6):
        trade(wall, 1)
        seen.append(states())

    assert [orders["other"] for orders in seen] == ["expired"] * 6
    assert [orders["asking"] for orders in seen] == ["open"] * 4 + ["expired"] * 2


@pytest.mark.django_db
def test_new_terms_keep_the_wish_and_the_end(wall: Wall, folder: Path) -> None:
    venue = open_floor(folder, EVENING)
    submit(venue, "one", **CHEAP, is_extended_hours=True)
    ends_ms = PaperOrder.objects.get().expires_ms
    trade(wall, 2)

    venue.replace(ReplaceRequest("one", "BTC-USD", Decimal(1), Decimal(DAY["limit_price"])))
    trade(wall, 2)

    assert PaperOrder.objects.get().expires_ms == ends_ms
    assert states() == {"one": "filled"}


@pytest.mark.django_db
@pytest.mark.parametrize("terms", [{"time_in_force": "DAY"}, DAY | {"time_in_force": "GTC"}])
def test_only_limit_orders_for_the_day_may_ask(wall: Wall, folder: Path, terms: dict[str, str]) -> None:
    venue = open_floor(folder, EVENING)

    with pytest.raises(VenueRejected) as rejection:
        submit(venue, "one", **terms, is_extended_hours=True)

    assert rejection.value.code == "ORDER_EXTENDED_HOURS_INVALID"
    assert states() == {"one": "rejected"}


@pytest.mark.django_db
def test_a_request_that_arrives_late_still_asks_for_them(wall: Wall, folder: Path) -> None:
    open_floor(folder, EVENING)
    request = make_request("late", **DAY, is_extended_hours=True)
    late.hold(account_name="alpha-paper", call=Call.SUBMIT, request=request, delay_ms=0)

    late.deliver_due()

    assert PaperOrder.objects.get().is_extended_hours


@pytest.mark.django_db
def test_a_venue_without_extended_hours_takes_none(wall: Wall, folder: Path) -> None:
    open_floor(folder, EVENING)
    venue = PaperAdapter("alpha-paper", 5, {"has_extended_hours": False})

    with pytest.raises(VenueRejected) as rejection:
        submit(venue, "one", **DAY, is_extended_hours=True)

    assert rejection.value.code == "NOT_SUPPORTED"
    assert states() == {}
