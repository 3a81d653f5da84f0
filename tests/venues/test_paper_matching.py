"""Matching at the paper venue: whole books after every bar, whoever matches and whenever it is killed."""

import threading
from decimal import Decimal
from pathlib import Path

import pytest

from apps.markets import series
from apps.markets.services import tick_feeds
from apps.venues.adapters.base import VenueOrderState, VenueTrade
from apps.venues.paper import matching
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperOrder, PaperTrade
from tests.markets.builders import Wall
from tests.venues.builders import ACCOUNT, check_books, list_paper, make_request, open_paper, work_in_threads

CLOSES = [str(100 + n % 7) for n in range(60)]


def state_of(order_id: str) -> tuple[str, Decimal]:
    order = PaperOrder.objects.get(client_order_id=order_id)
    return order.state, order.filled_quantity


@pytest.mark.django_db
def test_the_participation_cap_fills_over_several_bars(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.1"}, volume="40")
    venue = open_paper()
    venue.submit(make_request(quantity="10"))

    filled = []
    for _ in range(3):
        wall.advance(1)
        matching.match_due()
        filled.append(state_of("one"))

    assert filled == [("open", 4), ("open", 8), ("filled", 10)]
    assert venue.order_by_client_id("one").average_price == (4 * 100 + 4 * 101 + 2 * 102) / Decimal(10)
    assert PaperOrder.objects.get().reserved == 0
    check_books()


@pytest.mark.django_db
def test_a_limit_order_rests_until_its_price_comes(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100", "104", "106", "103", "99", "98"])
    venue = open_paper()
    wall.advance(1)
    venue.submit(make_request(order_type="LIMIT", limit_price="102"))

    wall.advance(2)
    matching.match_due()
    assert state_of("one") == ("open", 0)
    wall.advance(1)
    matching.match_due()

    assert state_of("one") == ("filled", 1)
    assert venue.trades_since(0, 10)[0].price == 102


@pytest.mark.django_db
def test_a_day_order_expires_at_midnight_of_market_time(wall: Wall, folder: Path) -> None:
    list_paper(folder, ["100"] * 40)
    venue = open_paper()
    venue.submit(make_request(order_type="LIMIT", limit_price="50", time_in_force="DAY"))

    for _ in range(2):
        wall.advance(4.9)
        matching.match_due()
    assert state_of("one")[0] == VenueOrderState.OPEN

    for _ in range(5):
        tick_feeds()
        wall.advance(4.9)
    matching.match_due()
    assert state_of("one")[0] == VenueOrderState.EXPIRED
    assert venue.open_orders() == []


@pytest.mark.django_db
def test_an_immediate_order_ends_with_its_first_bar(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.1"}, volume="40")
    venue = open_paper()
    venue.submit(make_request("ioc", quantity="6", time_in_force="IOC"))
    venue.submit(make_request("fok", quantity="6", time_in_force="FOK"))
    wall.advance(1)
    matching.match_due()

    assert state_of("ioc") == ("canceled", 4)
    assert state_of("fok") == ("canceled", 0)
    check_books()


@pytest.mark.django_db
def test_late_matching_gives_the_same_trades_as_prompt_matching(wall: Wall, folder: Path) -> None:
    costs: dict[str, object] = {"participation_cap": "0.1", "slippage_bps": "5", "taker_fee_bps": "10"}
    for symbol, volume in (("AAA-USD", "40"), ("BBB-USD", "40.0")):
        list_paper(folder, CLOSES, symbol=symbol, simulation=costs, volume=volume)
        open_paper(name=symbol).submit(make_request(symbol=symbol, quantity="10"))

    for _ in range(3):
        wall.advance(1)
        matching.match_market("AAA-USD")
    matching.match_market("BBB-USD")
    trades = PaperTrade.objects.order_by("sequence")
    prompt, late = (
        list(trades.filter(symbol=symbol).values_list("quantity", "price", "fee", "market_ms"))
        for symbol in ("AAA-USD", "BBB-USD")
    )

    assert len(prompt) == 3
    assert prompt == late


@pytest.mark.django_db
def test_a_kill_inside_a_bar_leaves_the_books_as_before_it(
    wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.1"}, volume="40")
    venue = open_paper()
    venue.submit(make_request(quantity="10"))
    wall.advance(1)
    matching.match_due()
    before = (venue.balances(), venue.positions(), venue.trades_since(0, 10), venue.open_orders())

    wall.advance(2)
    for step in ("_update", "wake"):
        with monkeypatch.context() as patch:
            patch.setattr(matching, step, lambda *_: 1 / 0)
            matching.match_due()
        assert (venue.balances(), venue.positions(), venue.trades_since(0, 10), venue.open_orders()) == before
        check_books()

    matching.match_due()
    assert state_of("one") == ("filled", 10)
    check_books()


@pytest.mark.django_db
def test_one_bad_market_stops_no_other(wall: Wall, folder: Path) -> None:
    list_paper(folder, CLOSES, symbol="AAA-USD", volume="7")
    list_paper(folder, CLOSES)
    venue = open_paper()
    venue.submit(make_request())
    (folder / "AAA-USD.csv").unlink()
    series._load.cache_clear()
    wall.advance(1)
    matching.match_due()

    assert state_of("one") == ("filled", 1)


@pytest.mark.django_db
def test_bars_without_orders_are_passed_in_one_step(
    wall: Wall, folder: Path, django_assert_max_num_queries: object
) -> None:
    list_paper(folder, CLOSES)
    open_paper()
    wall.advance(5)

    with django_assert_max_num_queries(16):  # type: ignore[operator]
        assert matching.match_due() == 5


def test_two_matchers_of_one_market_trade_once(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, CLOSES, simulation={"participation_cap": "0.1"}, volume="40")
    venue = open_paper()
    venue.submit(make_request(quantity="16"))
    wall.advance(4.5)

    work_in_threads(*[matching.match_due] * 4)

    assert [trade.quantity for trade in venue.trades_since(0, 10)] == [4, 4, 4, 4]
    check_books()


def test_a_reader_with_a_cursor_misses_no_trade_of_two_matchers(wall: Wall, folder: Path, committed_db: str) -> None:
    symbols, capped = ("BTC-USD", "ETH-USD"), {"participation_cap": "0.1"}
    for symbol, volume in zip(symbols, ("40", "40.0"), strict=True):
        list_paper(folder, CLOSES, symbol=symbol, speed=36_000, simulation=dict(capped), volume=volume)
    venue = open_paper(cash="1000000")
    for symbol in symbols:
        for number in range(5):
            venue.submit(make_request(f"{symbol}-{number}", symbol=symbol, quantity="32"))
    wall.advance(4.9)
    seen: list[VenueTrade] = []
    is_done = threading.Event()

    def read() -> None:
        reader = PaperAdapter(ACCOUNT, timeout_s=5)
        while True:
            was_done = is_done.is_set()
            page = reader.trades_since(seen[-1].sequence if seen else 0, 7)
            seen.extend(page)
            if was_done and not page:
                return

    def match() -> None:
        try:
            work_in_threads(*[lambda symbol=symbol: matching.match_market(symbol) for symbol in symbols])
        finally:
            is_done.set()

    work_in_threads(read, match)

    assert len(seen) == PaperTrade.objects.count() == 2 * 5 * 8
    assert [trade.sequence for trade in seen] == list(range(1, 81))
    assert {trade.symbol for trade in seen[:50]} == set(symbols)
    check_books()


def test_a_cancel_beside_the_matcher_leaves_whole_books(wall: Wall, folder: Path, committed_db: str) -> None:
    list_paper(folder, CLOSES, speed=36_000, simulation={"participation_cap": "0.1"}, volume="40")
    venue = open_paper(cash="1000000")
    for number in range(20):
        venue.submit(make_request(str(number), quantity="8"))
    wall.advance(4.9)

    def cancel() -> None:
        for number in range(20):
            venue.cancel(str(number))

    work_in_threads(cancel, lambda: matching.match_market("BTC-USD"))

    assert venue.open_orders() == []
    check_books()
