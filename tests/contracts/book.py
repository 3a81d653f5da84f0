"""The books of a stand-in venue: what truly happened there, whatever its answers said."""

from dataclasses import dataclass, field
from decimal import Decimal

ENDED = ("filled", "canceled", "rejected")
START_MS = 1_772_442_000_000


@dataclass
class BookOrder:
    """An order at the venue; names are the venue's own."""

    number: int
    client_id: str
    symbol: str
    side: str
    kind: str
    tif: str
    quantity: Decimal
    limit: Decimal | None
    stop: Decimal | None
    placed_ms: int
    is_post_only: bool = False
    is_extended: bool = False
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    state: str = "open"
    replaces: int | None = None
    replaced_by: int | None = None

    @property
    def average(self) -> Decimal:
        """The average price of its fills; 0 without any."""
        return self.cost / self.filled if self.filled else Decimal(0)


@dataclass
class BookTrade:
    """An execution."""

    number: int
    order: BookOrder
    quantity: Decimal
    price: Decimal
    ms: int


@dataclass
class Book:
    """One account, with a clock that only moves when something happens."""

    cash: Decimal = Decimal(1_000_000)
    base: str = "BTC"
    price: Decimal = Decimal("100.5")
    now_ms: int = START_MS
    held: Decimal = Decimal(0)
    orders: list[BookOrder] = field(default_factory=list)
    trades: list[BookTrade] = field(default_factory=list)

    def place(self, **fields: object) -> BookOrder:
        """Take an order."""
        self.now_ms += 1000
        order = BookOrder(number=len(self.orders) + 1, placed_ms=self.now_ms, **fields)  # type: ignore[arg-type]
        self.orders.append(order)
        return order

    def find(self, client_id: str) -> BookOrder | None:
        """The latest order with this client order id."""
        return next((order for order in reversed(self.orders) if order.client_id == client_id), None)

    def numbered(self, number: int) -> BookOrder | None:
        """The order with this number."""
        return self.orders[number - 1] if 1 <= number <= len(self.orders) else None

    def cancel(self, order: BookOrder) -> bool:
        """Cancel what is left; False when the order has ended."""
        if order.state != "open":
            return False
        order.state = "canceled"
        return True

    def fill(self, order: BookOrder, quantity: Decimal, price: Decimal, *, advance_ms: int = 2000) -> BookTrade:
        """Execute, even what was cancelled before; 0 milliseconds put it into the moment of the one before."""
        self.now_ms += advance_ms
        order.filled += quantity
        order.cost += quantity * price
        if order.filled >= order.quantity:
            order.state = "filled"
        sign = 1 if order.side == "BUY" else -1
        self.held += sign * quantity
        self.cash -= sign * quantity * price
        trade = BookTrade(len(self.trades) + 1, order, quantity, price, self.now_ms)
        self.trades.append(trade)
        return trade
