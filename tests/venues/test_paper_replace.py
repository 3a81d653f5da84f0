"""Orders changed at the venue, and all of them cancelled at once."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.venues.adapters.base import ReplaceRequest, VenueOrderState, VenueRejected
from apps.venues.paper import matching
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.markets.builders import Wall
from tests.venues.builders import check_books, list_paper, make_request, open_paper, work_in_threads

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]


def change(**overrides: Any) -> ReplaceRequest:
    """Order "one" for 2 at 90."""
    fields = {"client_order_id": "one", "symbol": "BTC-USD", "quantity": "2", "limit_price": "90"} | overrides
    for name in ("quantity", "limit_price", "stop_price"):
        if isinstance(fields.get(name), str):
            fields[name] = Decimal(fields[name])
    return ReplaceRequest(**fields)


def resting(**overrides: Any) -> PaperAdapter:
    """A venue with a limit order to buy 4 at 80."""
    venue = open_paper()
    venue.submit(make_request(**({"order_type": "LIMIT", "limit_price": "80", "quantity": "4"} | overrides)))
    return venue


@pytest.mark.django_db
def test_a_replaced_order_has_the_new_terms_and_keeps_back_their_cash(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting()

    answer = venue.replace(change())

    assert (answer.quantity, answer.limit_price, answer.state) == (2, 90, VenueOrderState.OPEN)
    assert venue.open_orders() == [answer]
    assert PaperOrder.objects.get().reserved == 180


@pytest.mark.django_db
def test_repeating_a_replace_changes_nothing_even_when_the_order_has_ended(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting()
    first = venue.replace(change(limit_price="200"))

    assert venue.replace(change(limit_price="200")) == first
    wall.advance(1)
    matching.match_due()

    assert venue.replace(change(limit_price="200")).state == VenueOrderState.FILLED


@pytest.mark.django_db
def test_a_replaced_order_trades_at_its_new_price_from_the_next_bar_on(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting()
    wall.advance(1.5)
    venue.replace(change(limit_price="200"))
    wall.advance(0.4)
    matching.match_due()
    assert not PaperTrade.objects.exists()

    wall.advance(1)
    matching.match_due()

    assert [(trade.quantity, trade.price) for trade in venue.trades_since(0, 10)] == [(2, 101)]
    check_books()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"client_order_id": "two"}, "ORDER_UNKNOWN"),
        ({"symbol": "ETH-USD"}, "ORDER_UNKNOWN"),
        ({"quantity": "0"}, "ORDER_QUANTITY_INVALID"),
        ({"quantity": Decimal("NaN")}, "ORDER_QUANTITY_INVALID"),
        ({"quantity": "0.5"}, "ORDER_QUANTITY_STEP"),
        ({"quantity": "1000"}, "BUYING_POWER_INSUFFICIENT"),
        ({"limit_price": "90.001"}, "ORDER_PRICE_STEP"),
        ({"limit_price": None}, "ORDER_PRICE_MISSING"),
        ({"stop_price": "90"}, "ORDER_PRICE_MISSING"),
    ],
)
def test_refused_terms_leave_the_old_ones(wall: Wall, folder: Path, overrides: dict[str, Any], code: str) -> None:
    list_paper(folder, CLOSES)
    venue = resting()
    before = PaperOrder.objects.values().get()

    with pytest.raises(VenueRejected) as rejection:
        venue.replace(change(**overrides))

    assert rejection.value.code == code
    assert PaperOrder.objects.values().get() == before


@pytest.mark.django_db
def test_an_order_that_has_ended_is_not_changed(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting()
    venue.cancel("one")

    with pytest.raises(VenueRejected) as rejection:
        venue.replace(change())

    assert rejection.value.code == "ORDER_NOT_OPEN"
    assert PaperOrder.objects.get().quantity == 4


@pytest.mark.django_db
def test_no_quantity_at_or_below_what_has_traded_is_taken(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.002"})
    venue = resting(limit_price="200")
    wall.advance(1)
    matching.match_due()

    with pytest.raises(VenueRejected) as rejection:
        venue.replace(change(limit_price="200"))

    assert rejection.value.code == "ORDER_QUANTITY_FILLED"
    assert venue.replace(change(quantity="3", limit_price="200")).filled_quantity == 2
    wall.advance(1)
    matching.match_due()
    assert PaperOrder.objects.get().state == VenueOrderState.FILLED
    check_books()


@pytest.mark.django_db
def test_its_own_cash_pays_for_the_change_of_an_order(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting(quantity="100")

    assert venue.replace(change(quantity="100", limit_price="99")).limit_price == 99
    assert PaperOrder.objects.get().reserved == 9_900


@pytest.mark.django_db
def test_the_stop_of_a_triggered_order_cannot_be_moved(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting(order_type="STOP_LIMIT", stop_price="100.5", limit_price="90")
    wall.advance(1)
    matching.match_due()

    with pytest.raises(VenueRejected) as rejection:
        venue.replace(change(stop_price="200"))

    assert rejection.value.code == "ORDER_TRIGGERED"
    assert venue.replace(change(stop_price="100.5", limit_price="91")).limit_price == 91


@pytest.mark.django_db
def test_only_a_smaller_quantity_keeps_the_place_in_the_queue(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, simulation={"queue_share": "0.5"})
    venue = resting(quantity="9")
    wall.advance(1)
    matching.match_due()
    joined = PaperOrder.objects.get()
    assert joined.queue_ahead

    venue.replace(change(quantity="5", limit_price="80"))
    kept = PaperOrder.objects.get()
    venue.replace(change(quantity="6", limit_price="80"))
    grown = PaperOrder.objects.get()

    assert (kept.queue_ahead, kept.eligible_from_ms) == (joined.queue_ahead, joined.eligible_from_ms)
    assert grown.queue_ahead is None
    assert grown.eligible_from_ms > joined.eligible_from_ms


@pytest.mark.django_db
def test_a_post_only_order_cannot_be_moved_across_the_market(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = resting(is_post_only=True)

    with pytest.raises(VenueRejected) as rejection:
        venue.replace(change(limit_price="100"))

    assert rejection.value.code == "POST_ONLY_WOULD_CROSS"
    assert PaperOrder.objects.get().limit_price == 80


@pytest.mark.django_db
def test_all_open_orders_of_a_symbol_or_of_the_account_are_cancelled(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    list_paper(folder, CLOSES, symbol="ETH-USD", volume="7")
    other = open_paper(name="somebody-else")
    venue = resting()
    venue.submit(make_request("two", symbol="ETH-USD"))
    other.submit(make_request("three"))

    venue.cancel_all("ETH-USD")
    assert [order.client_order_id for order in venue.open_orders()] == ["one"]
    venue.cancel_all()

    assert venue.open_orders() == []
    assert len(other.open_orders()) == 1
    assert not PaperOrder.objects.filter(state="canceled").exclude(reserved=0).exists()


def test_changes_beside_the_matcher_leave_whole_books(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, [str(100 + n % 7) for n in range(60)], speed=36_000, simulation={"participation_cap": "0.1"})
    venue = open_paper(cash="10000000")
    for number in range(10):
        venue.submit(make_request(str(number), quantity="150", order_type="LIMIT", limit_price="103"))
    wall.advance(4.9)

    def reprice() -> None:
        for number in range(10):
            for price in ("102", "104"):
                with suppress(VenueRejected):
                    venue.replace(change(client_order_id=str(number), quantity="160", limit_price=price))

    work_in_threads(reprice, lambda: matching.match_market("BTC-USD"), lambda: venue.cancel_all("BTC-USD"))

    assert not PaperOrder.objects.filter(filled_quantity__gt=160).exists()
    check_books()
