"""The contract of every adapter: trades without loss or doubles, orders in their order, positions, cash and prices."""

from decimal import Decimal

import pytest

from apps.venues import messages
from apps.venues.adapters.base import Adapter, VenueOrderState, VenueTrade
from tests.contracts.alpaca_server import AlpacaServer
from tests.contracts.binance_server import BinanceServer
from tests.contracts.kraken_server import KrakenServer
from tests.contracts.rigs import SYMBOL, Rig, WireRig, make_order


def _all_trades(adapter: Adapter, limit: int) -> list[VenueTrade]:
    """What somebody reads who asks again from where the last page ended."""
    found: list[VenueTrade] = []
    while page := adapter.trades_since(found[-1].sequence if found else 0, limit):
        assert len(page) <= limit
        found.extend(page)
    return found


def _placed(rig: Rig) -> str:
    order = make_order()
    rig.adapter.submit(order)
    return order.client_order_id


def test_trades_come_in_pages_without_loss_or_doubles(rig: Rig) -> None:
    ids = [_placed(rig), _placed(rig)]
    for client_order_id in ids:
        for _ in range(3):
            rig.fill(client_order_id)

    read = {limit: _all_trades(rig.adapter, limit) for limit in (1, 2, 500)}

    assert read[1] == read[2] == read[500]
    trades = read[500]
    assert len({trade.trade_id for trade in trades}) == len(trades) == 6
    assert [trade.sequence for trade in trades] == sorted({trade.sequence for trade in trades})
    assert {trade.client_order_id for trade in trades} == set(ids)
    assert {(trade.symbol, trade.side, trade.quantity, trade.price) for trade in trades} == {(SYMBOL, "BUY", 1, 100)}


def test_a_trade_is_of_the_order_that_the_venue_names(rig: Rig) -> None:
    client_order_id = _placed(rig)
    rig.fill(client_order_id)

    (trade,) = rig.adapter.trades_since(0, 10)

    order = rig.adapter.order_by_client_id(client_order_id)
    assert order is not None
    assert trade.venue_order_id == order.venue_order_id
    assert rig.adapter.trades_since(trade.sequence, 10) == []


def test_a_trade_carries_the_venues_own_report(wire: WireRig) -> None:
    wire.fill(_placed(wire))

    (trade,) = wire.adapter.trades_since(0, 10)

    written = [str(value) for value in trade.raw.values()]
    assert trade.venue_order_id.rsplit(":")[-1] in written
    assert messages.shown(trade.raw) == trade.raw


def test_a_fill_after_a_cancel_is_told(rig: Rig) -> None:
    client_order_id = _placed(rig)

    rig.cancel_then_fill(client_order_id)

    trades = rig.adapter.trades_since(0, 10)
    assert {trade.client_order_id for trade in trades} == {client_order_id}
    order = rig.adapter.order_by_client_id(client_order_id)
    assert order is not None
    assert order.filled_quantity == sum(trade.quantity for trade in trades) > 0
    assert order.state != VenueOrderState.OPEN


def test_orders_come_in_pages_oldest_first(rig: Rig) -> None:
    ids = [_placed(rig) for _ in range(5)]
    rig.adapter.cancel(ids[1])
    found: list[str] = []
    cursor = ""

    while page := rig.adapter.orders_since(cursor, 2):
        assert len(page) <= 2
        found.extend(order.client_order_id for order in page)
        cursor = page[-1].venue_order_id

    assert found == ids
    later = _placed(rig)
    assert [order.client_order_id for order in rig.adapter.orders_since(cursor, 2)] == [later]


def test_positions_and_cash_follow_the_trades(rig: Rig) -> None:
    (before,) = [cash for cash in rig.adapter.balances() if cash.currency == rig.cash_currency]
    assert rig.adapter.positions() == []
    client_order_id = _placed(rig)
    for _ in range(2):
        rig.fill(client_order_id)

    (position,) = rig.adapter.positions()
    (after,) = [cash for cash in rig.adapter.balances() if cash.currency == rig.cash_currency]
    assert (position.symbol, position.quantity) == (SYMBOL, 2)
    assert before.amount - after.amount == 200


def test_the_quote_is_the_venues_own_price_with_its_time(rig: Rig) -> None:
    quote = rig.adapter.quote(SYMBOL)

    assert quote.symbol == SYMBOL
    assert quote.price in (Decimal("100.5"), Decimal(100))
    assert 1_700_000_000_000 < quote.wall_ms < 2_000_000_000_000


def test_a_venue_that_is_there_answers_a_ping(rig: Rig) -> None:
    rig.adapter.ping()


def test_trades_of_one_millisecond_are_neither_lost_nor_doubled(wire: WireRig) -> None:
    """The second one appears after the first could have been read, and under a smaller id."""
    client_order_id = _placed(wire)
    order = wire.server.book.find(client_order_id)
    assert order is not None
    wire.server.book.fill(order, Decimal(1), Decimal(100))
    before = wire.adapter.trades_since(0, 10)
    wire.server.book.fill(order, Decimal("0.5"), Decimal(100), advance_ms=0)
    wire.server.book.now_ms += 2000

    trades = before + _all_trades(wire.adapter, 1)

    assert [trade.quantity for trade in sorted(trades, key=lambda trade: trade.quantity)] == [Decimal("0.5"), 1]
    assert len({trade.sequence for trade in trades}) == 2


def test_a_trade_keeps_its_sequence_however_it_is_read(wire: WireRig) -> None:
    client_order_id = _placed(wire)
    order = wire.server.book.find(client_order_id)
    assert order is not None
    for _ in range(3):
        wire.server.book.fill(order, Decimal("0.1"), Decimal(100), advance_ms=0)
    wire.server.book.now_ms += 2000
    first = wire.adapter.trades_since(0, 10)

    again = wire.impatient().trades_since(first[0].sequence, 10)

    assert again == first[1:]


def test_more_trades_and_orders_than_a_page_of_the_venue_holds_are_all_read(
    wire: WireRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for server, name in (
        (AlpacaServer, "page_size_max"),
        (BinanceServer, "page_size_max"),
        (KrakenServer, "page_size"),
    ):
        monkeypatch.setattr(server, name, 4)
    monkeypatch.setattr("apps.venues.alpaca.adapter.TRADES_PER_CALL", 4)
    monkeypatch.setattr("apps.venues.alpaca.adapter.ORDERS_PER_CALL", 4)
    monkeypatch.setattr("apps.venues.ccxt.dialects.Binance.page", 4)
    monkeypatch.setattr("apps.venues.ccxt.dialects.Kraken.page", 4)
    ids = [_placed(wire) for _ in range(9)]
    for client_order_id in ids:
        wire.fill(client_order_id)
    wire.adapter.cancel_all()

    trades = _all_trades(wire.adapter, 3)

    assert [trade.client_order_id for trade in trades] == ids
    assert [order.client_order_id for order in wire.adapter.orders_since("", 100)] == ids
