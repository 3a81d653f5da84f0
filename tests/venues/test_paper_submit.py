"""Orders in and out of the paper venue: once per client id, checked, remembered."""

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from apps.venues.adapters.base import VenueOrderState, VenueRejected
from apps.venues.paper import matching
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.markets.builders import Wall
from tests.venues.builders import list_paper, make_request, open_paper

CLOSES = ["100", "101", "102", "103", "104", "105", "106", "107"]


@pytest.mark.django_db
def test_an_order_fills_on_the_next_bar_and_not_on_the_deciding_one(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    wall.advance(1)

    venue.submit(make_request())
    matching.match_due()
    assert venue.open_orders()[0].filled_quantity == 0

    wall.advance(1)
    matching.match_due()

    order = venue.order_by_client_id("one")
    assert order is not None
    assert (order.state, order.filled_quantity, order.average_price) == (VenueOrderState.FILLED, 1, 101)
    assert venue.balances()[0].amount == 9899
    assert [(p.symbol, p.quantity) for p in venue.positions()] == [("BTC-USD", 1)]


@pytest.mark.django_db
def test_an_order_sent_inside_a_bar_does_not_trade_on_that_bar(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    wall.advance(1.9)
    matching.match_due()
    venue.submit(make_request())
    wall.advance(0.2)
    matching.match_due()

    assert venue.trades_since(0, 10)[0].price == 101
    assert venue.trades_since(0, 10)[0].market_ms == PaperOrder.objects.get().eligible_from_ms + 3_600_000


@pytest.mark.django_db
def test_the_same_client_id_again_is_the_same_order(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()

    first = venue.submit(make_request())
    second = venue.submit(make_request())

    assert first == second
    assert PaperOrder.objects.count() == 1


def test_the_same_client_id_at_once_is_one_order(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    barrier = threading.Barrier(4)
    found: list[str] = []

    def work() -> None:
        barrier.wait()
        found.append(venue.submit(make_request()).venue_order_id)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(found)) == PaperOrder.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"symbol": "DOGE-USD"}, "SYMBOL_UNKNOWN"),
        ({"quantity": "0.5"}, "ORDER_QUANTITY_STEP"),
        ({"quantity": "100"}, "BUYING_POWER_INSUFFICIENT"),
        ({"side": "SELL"}, "POSITION_INSUFFICIENT"),
        ({"side": "SELL", "is_reduce_only": True}, "REDUCE_ONLY_NO_POSITION"),
        ({"order_type": "LIMIT"}, "ORDER_PRICE_MISSING"),
        ({"order_type": "LIMIT", "limit_price": "99.001"}, "ORDER_PRICE_STEP"),
        ({"order_type": "TRAILING"}, "ORDER_TYPE_UNKNOWN"),
        ({"side": "HOLD"}, "ORDER_TYPE_UNKNOWN"),
    ],
)
def test_a_rejected_order_is_remembered_with_its_code(
    wall: Wall, folder: Path, overrides: dict[str, Any], code: str
) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    wall.advance(1)

    for _ in range(2):
        with pytest.raises(VenueRejected) as rejection:
            venue.submit(make_request(**overrides))
        assert rejection.value.code == code

    order = venue.order_by_client_id("one")
    assert order is not None
    assert (order.state, order.reject_code) == (VenueOrderState.REJECTED, code)
    assert venue.balances()[0].amount == 10_000
    assert venue.open_orders() == []


@pytest.mark.django_db
@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "0", "-1"])
def test_a_quantity_that_is_no_quantity_is_rejected(wall: Wall, folder: Path, quantity: str) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()

    with pytest.raises(VenueRejected) as rejection:
        venue.submit(make_request(quantity=Decimal(quantity)))

    assert rejection.value.code == "ORDER_QUANTITY_INVALID"
    assert not PaperOrder.objects.exists()


@pytest.mark.django_db
def test_an_account_in_another_currency_cannot_buy(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper(currency="EUR")

    with pytest.raises(VenueRejected) as rejection:
        venue.submit(make_request())

    assert rejection.value.code == "CURRENCY_MISMATCH"


@pytest.mark.django_db
def test_an_account_that_the_venue_does_not_know_is_rejected(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    venue._name = "somebody-else"

    for call in (venue.ping, venue.positions, venue.balances, venue.open_orders):
        with pytest.raises(VenueRejected, match="no such account"):
            call()


@pytest.mark.django_db
def test_open_buys_keep_their_cash_back(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper(cash="150")
    venue.submit(make_request("one"))

    with pytest.raises(VenueRejected) as rejection:
        venue.submit(make_request("two"))
    assert rejection.value.code == "BUYING_POWER_INSUFFICIENT"

    venue.cancel("one")
    assert venue.submit(make_request("three")).state == VenueOrderState.OPEN


@pytest.mark.django_db
def test_a_cancelled_order_never_trades(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    venue.submit(make_request())

    assert venue.cancel("one").state == VenueOrderState.CANCELED
    assert venue.cancel("one").state == VenueOrderState.CANCELED
    wall.advance(3)
    matching.match_due()

    assert not PaperTrade.objects.exists()


@pytest.mark.django_db
def test_cancelling_a_filled_order_leaves_it_filled(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()
    venue.submit(make_request())
    wall.advance(1)
    matching.match_due()

    assert venue.cancel("one").state == VenueOrderState.FILLED


@pytest.mark.django_db
def test_an_unknown_order_is_unknown_and_cannot_be_cancelled(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES)
    venue = open_paper()

    assert venue.order_by_client_id("nobody's") is None
    with pytest.raises(VenueRejected) as rejection:
        venue.cancel("nobody's")
    assert rejection.value.code == "ORDER_UNKNOWN"
