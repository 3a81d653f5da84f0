"""What the generated sequences ask for: orders that mostly fit, orders that mostly do not, and tight limits."""

from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from apps.common.clocks import to_ms
from tests.execution.limits_oracle import Wish
from tests.markets.builders import Wall

BOTS = ("alpha", "beta")
PRICES = ["94.5", "97", "99", "100", "101", "103", "104.99", "105", "108"]
FIRST = {"side": "BUY", "purpose": "OPENING", "order_type": "MARKET", "price": "100", "by_person": False}
TIGHT = {
    "order_quantity": ["3", "10"],
    "order_notional": ["300", "505", "1000000"],
    "position": ["4", "10"],
    "orders_per_minute": ["3", "8", "100"],
    "messages_per_second": ["2", "100"],
    "repeat_executions": ["1", "2", "100"],
    "gross_exposure": ["600", "1500", "10000000"],
    "net_exposure": ["303", "1500", "10000000"],
    "open_orders": ["2", "4", "100"],
}
OPENINGS = st.fixed_dictionaries(
    {
        "bot": st.sampled_from(BOTS),
        "side": st.sampled_from(["BUY", "BUY", "SELL"]),
        "quantity": st.sampled_from([1, 2, 3, 4, 5]),
        "purpose": st.just("OPENING"),
        "order_type": st.sampled_from(["LIMIT", "LIMIT", "MARKET", "STOP"]),
        "price": st.sampled_from(PRICES[:-2]),
        "by_person": st.just(False),
    }
)
LEAVINGS = st.fixed_dictionaries(
    {
        "bot": st.sampled_from(BOTS),
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": st.sampled_from([1, 2, 4]),
        "purpose": st.sampled_from(["EXIT", "EXIT", "PROTECTIVE"]),
        "order_type": st.sampled_from(["MARKET", "LIMIT", "STOP"]),
        "price": st.sampled_from(PRICES),
        "by_person": st.booleans(),
    }
)
WISHES = st.fixed_dictionaries(
    {
        "bot": st.sampled_from(BOTS),
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": st.sampled_from([1, 10, 11]),
        "purpose": st.sampled_from(["OPENING", "EXIT", "PROTECTIVE"]),
        "order_type": st.sampled_from(["MARKET", "LIMIT", "STOP"]),
        "price": st.sampled_from(PRICES),
        "by_person": st.booleans(),
    }
)


class Ids:
    """UUIDv7 of the injected wall clock, in the order in which they are made."""

    def __init__(self, wall: Wall) -> None:
        self.wall, self.count = wall, 0

    def __call__(self) -> UUID:
        self.count += 1
        return UUID(int=to_ms(self.wall.now) << 80 | 7 << 76 | 2 << 62 | self.count)


def wish_of(*, price: str, order_type: str, by_person: bool, purpose: str, **terms: Any) -> Wish:
    """A wish with the prices of its type; people are asked about exits only."""
    return Wish(
        **terms,
        order_type=order_type,
        purpose=purpose,
        by_person=by_person and purpose == "EXIT",
        limit_price=Fraction(price) if order_type == "LIMIT" else None,
        stop_price=Fraction(price) if order_type == "STOP" else None,
    )


def ticket_of(wish: Wish) -> dict[str, Any]:
    """The same for the gateway."""
    price = {name: getattr(wish, name) for name in ("limit_price", "stop_price")}
    return {
        "side": wish.side,
        "quantity": Decimal(wish.quantity),
        "order_type": wish.order_type,
        "purpose": wish.purpose,
        "by_person": wish.by_person,
    } | {name: None if value is None else Decimal(str(float(value))) for name, value in price.items()}
