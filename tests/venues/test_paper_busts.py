"""Trades that the venue undoes."""

from pathlib import Path

import pytest
from pytest_django import Settings

from apps.common.errors import NotFound, Refused
from apps.venues.adapters.base import TradeKind, VenueOrderState
from apps.venues.paper import drills, matching
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperPosition, PaperTrade
from apps.venues.paper.services import inject_fault
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, check_books, list_paper, make_request, open_paper

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]
COSTS: dict[str, object] = {"taker_fee_bps": "10"}


@pytest.fixture
def venue(wall: Wall, folder: Path, db: None) -> PaperAdapter:
    """A venue where 2 were bought at 100 and 1 at 101, with fees."""
    list_paper(folder, CLOSES, simulation=COSTS)
    opened = open_paper()
    for number, quantity in enumerate("21"):
        opened.submit(make_request(f"buy-{number}", quantity=quantity))
        wall.advance(1)
        matching.match_due()
    return opened


def test_a_bust_is_reported_as_one_with_the_next_sequence(venue: PaperAdapter) -> None:
    first, second = venue.trades_since(0, 10)

    drills.inject_bust(account_name=ACCOUNT)

    [bust] = venue.trades_since(second.sequence, 10)
    assert (bust.kind, bust.refers_to, bust.sequence) == (TradeKind.BUST, second.trade_id, second.sequence + 1)
    assert (bust.side, bust.quantity, bust.price, bust.fee) == (second.side, second.quantity, second.price, second.fee)
    assert [trade.kind for trade in (first, second)] == [TradeKind.TRADE] * 2


def test_position_and_cash_are_as_if_the_trade_had_not_been(venue: PaperAdapter) -> None:
    last = venue.trades_since(0, 10)[-1]

    drills.inject_bust(account_name=ACCOUNT)

    [held] = venue.positions()
    assert (held.quantity, held.average_price) == (2, 100)
    assert venue.balances()[0].amount == 10_000 - 200 - PaperTrade.objects.get(sequence=1).fee
    order = venue.order_by_client_id(last.client_order_id)
    assert order is not None
    assert (order.state, order.filled_quantity, order.average_price) == (VenueOrderState.CANCELED, 0, None)
    check_books()


def test_a_named_trade_is_undone_and_only_once(venue: PaperAdapter) -> None:
    first = venue.trades_since(0, 10)[0]

    drills.inject_bust(account_name=ACCOUNT, trade_id=first.trade_id)
    with pytest.raises(NotFound) as refusal:
        drills.inject_bust(account_name=ACCOUNT, trade_id=first.trade_id)

    assert refusal.value.code == "TRADE_UNKNOWN"
    assert venue.positions()[0].average_price == 101
    assert len(venue.trades_since(0, 10)) == 3
    check_books()


def test_what_is_left_of_the_order_is_cancelled(wall: Wall, folder: Path, db: None) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.002"})
    venue = open_paper()
    venue.submit(make_request(quantity="8"))
    wall.advance(2)
    matching.match_due()

    drills.inject_bust(account_name=ACCOUNT)
    wall.advance(1)
    matching.match_due()

    order = venue.order_by_client_id("one")
    assert order is not None
    assert (order.state, order.reject_code, order.filled_quantity) == (VenueOrderState.CANCELED, "TRADE_BUSTED", 2)
    check_books()


def test_a_short_that_is_undone_goes_flat(wall: Wall, folder: Path, db: None) -> None:
    list_paper(folder, CLOSES, simulation={"allow_short": True})
    venue = open_paper()
    venue.submit(make_request(side="SELL", quantity="3"))
    wall.advance(1)
    matching.match_due()
    assert venue.positions()[0].quantity == -3

    drills.inject_bust(account_name=ACCOUNT)

    assert venue.positions() == []
    assert PaperPosition.objects.get().average_price == 0
    check_books()


def test_a_bust_on_command_comes_with_the_next_question_for_trades(venue: PaperAdapter) -> None:
    inject_fault(kind="bust", count=3)
    venue.positions()

    kinds = [[trade.kind.value for trade in venue.trades_since(0, 10)] for _ in range(3)]

    assert kinds == [["trade", "trade", "bust"], *[["trade", "trade", "bust", "bust"]] * 2]
    assert venue.positions() == []
    check_books()


def test_where_demos_are_not_allowed_nothing_is_undone(venue: PaperAdapter, settings: Settings) -> None:
    settings.DEMO_ALLOWED = False

    with pytest.raises(Refused) as refusal:
        drills.inject_bust(account_name=ACCOUNT)

    assert refusal.value.code == "DEMO_ONLY"
    assert PaperTrade.objects.count() == 2
