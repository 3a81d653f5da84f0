"""Reading both books of an account as values that can be compared."""

import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db.models import Sum
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.execution.models import Fill, Order, Position
from apps.reconciliation.rules import Books, FillLine, OrderLine
from apps.runtime.simulator import cash_delta
from apps.venues.adapters.base import Adapter, NoAnswer, TradeKind, VenueBusy, VenueDown, VenueOrder, VenueTrade
from apps.venues.models import Account

PAGE = 1000
ZERO = Decimal(0)
OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}
WAIT_S_MAX = 20.0
Answer = TypeVar("Answer")


def ours(account: Account) -> Books:
    """Our record: orders and fills as booked, positions over all bots, cash from the opening balance on."""
    fills, cash = _our_fills(account)
    return Books(orders=_our_orders(account), fills=fills, positions=_our_positions(account), cash=cash)


def _our_orders(account: Account) -> dict[str, OrderLine]:
    rows = Order.objects.filter(account=account).values_list(
        "client_order_id", "state", "filled_quantity", "venue_order_id"
    )
    return {
        client_order_id.hex: OrderLine(state, filled, venue_order_id != "")
        for client_order_id, state, filled, venue_order_id in rows.iterator(chunk_size=PAGE)
    }


def _our_fills(account: Account) -> tuple[dict[str, FillLine], dict[str, Decimal]]:
    """The fills by trade id, and the cash that follows from them."""
    lines: dict[str, FillLine] = {}
    cash: defaultdict[str, Decimal] = defaultdict(Decimal, {account.currency: account.opening_cash})
    rows = Fill.objects.filter(account=account).select_related("instrument", "order")
    for fill in rows.iterator(chunk_size=PAGE):
        client_order_id, instrument = fill.order.client_order_id.hex, fill.instrument
        lines[fill.trade_id] = FillLine(
            client_order_id, instrument.symbol, fill.side, fill.quantity, fill.price, fill.fee
        )
        delta = cash_delta(Side(fill.side), fill.quantity, fill.price, ZERO, instrument.multiplier)
        cash[instrument.quote_currency] = EXACT.add(cash[instrument.quote_currency], delta)
        cash[fill.fee_currency] = EXACT.subtract(cash[fill.fee_currency], fill.fee)
    return lines, dict(cash)


def _our_positions(account: Account) -> dict[str, Decimal]:
    sums = Position.objects.filter(account=account).values_list("instrument__symbol").annotate(Sum("quantity"))
    return dict(sums)


def theirs(adapter: Adapter) -> Books:
    """The venue's record, read page by page. Raises NoAnswer or VenueRejected; half a book is none."""
    return Books(
        orders={
            order.client_order_id: OrderLine(order.state.value, order.filled_quantity) for order in _orders(adapter)
        },
        fills={trade.trade_id: _fill(trade) for trade in _trades(adapter)},
        positions={held.symbol: held.quantity for held in patiently(adapter.positions)},
        cash={balance.currency: balance.amount for balance in patiently(adapter.balances)},
    )


def patiently(ask: Callable[[], Answer]) -> Answer:
    """What `ask` answers, waiting for room in the account's call budget: half a book read again is none.

    Raises VenueDown at once, VenueBusy when there is no room within WAIT_S_MAX.
    """
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        try:
            return ask()
        except VenueBusy as busy:
            if isinstance(busy, VenueDown) or time.monotonic() + busy.retry_in_s > deadline:
                raise
            time.sleep(busy.retry_in_s)


def _orders(adapter: Adapter) -> list[VenueOrder]:
    found: list[VenueOrder] = []
    while True:
        cursor = found[-1].venue_order_id if found else ""
        page = patiently(partial(adapter.orders_since, cursor, PAGE))
        found.extend(page)
        if len(page) < PAGE:
            return found
        if page[-1].venue_order_id == cursor:
            raise NoAnswer("the venue answers with the same orders again and again")


def _trades(adapter: Adapter) -> list[VenueTrade]:
    found: list[VenueTrade] = []
    while True:
        cursor = found[-1].sequence if found else 0
        page = patiently(partial(adapter.trades_since, cursor, PAGE))
        found.extend(page)
        if len(page) < PAGE:
            return found
        if page[-1].sequence <= cursor:
            raise NoAnswer("the venue answers with the same trades again and again")


def _fill(trade: VenueTrade) -> FillLine:
    """As our record keeps it: a bust is the opposite of the trade that it undoes, its fee given back."""
    is_bust = trade.kind == TradeKind.BUST
    side, fee = (OPPOSITE[trade.side], -trade.fee) if is_bust else (trade.side, trade.fee)
    return FillLine(trade.client_order_id, trade.symbol, side, trade.quantity, trade.price, fee)
