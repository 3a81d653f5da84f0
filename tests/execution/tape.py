"""A venue whose trades a test writes by hand, listed in whatever order and number of times it likes."""

from decimal import Decimal
from typing import Any

import pytest

from apps.common.clocks import to_ms
from apps.execution.models import Order
from apps.venues.adapters.base import TradeKind, VenueTrade
from apps.venues.paper.adapter import PaperAdapter
from tests.execution.builders import Floor


class Tape:
    """What the venue lists as trades; `late` names those that it does not list yet."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.trades: list[VenueTrade] = []
        self.late: set[str] = set()

    def add(self, order: Order | None, quantity: str = "1", price: str = "100", **overrides: Any) -> VenueTrade:
        """One more trade of the order; None: of an order that nobody knows."""
        number = len(self.trades) + 1
        fields: dict[str, Any] = {
            "trade_id": f"t-{number}",
            "sequence": number,
            "client_order_id": "stranger" if order is None else order.client_order_id.hex,
            "venue_order_id": "v-1",
            "symbol": "BTC-USD",
            "side": "BUY" if order is None else order.side,
            "quantity": Decimal(quantity),
            "price": Decimal(price),
            "fee": Decimal(0),
            "fee_currency": "USD",
            "market_ms": to_ms(self.floor.wall.now),
        }
        self.trades.append(VenueTrade(**(fields | overrides)))
        return self.trades[-1]

    def bust(self, trade: VenueTrade) -> VenueTrade:
        """The venue takes a trade back."""
        order = Order.objects.get(client_order_id=trade.client_order_id)
        price = str(trade.price)
        return self.add(order, str(trade.quantity), price, kind=TradeKind.BUST, refers_to=trade.trade_id)

    def listed(self, cursor: int, limit: int) -> list[VenueTrade]:
        """As the adapter answers."""
        found = [trade for trade in self.trades if trade.sequence > cursor and trade.trade_id not in self.late]
        return found[:limit]


def play(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """Let the venue list this tape from now on."""
    tape = Tape(floor)
    monkeypatch.setattr(PaperAdapter, "trades_since", tape.listed)
    return tape
