"""Comparing two books: pure, by key, in one pass over each side."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from quarterdeck.decimals import EXACT

from apps.common.decimals import text_of

ZERO = Decimal(0)
# Our order states in the venue's words. States that are absent have no meaning there yet.
AT_VENUE = {
    "ACCEPTED": "open",
    "PARTIALLY_FILLED": "open",
    "PENDING_REPLACE": "open",
    "PENDING_CANCEL": "open",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}
# Nobody knows yet whether the venue has these; the order gateway asks it about each.
IN_FLIGHT = frozenset({"SUBMITTING", "UNKNOWN"})
# A venue need not remember what it rejected.
MAY_BE_FORGOTTEN = frozenset({"REJECTED"})


class Kind(StrEnum):
    """What disagrees; the values of states.BreakKind."""

    MISSING_FILL_HERE = "missing_fill_here"
    MISSING_FILL_THERE = "missing_fill_there"
    FILL_DIFFERS = "fill_differs"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_MISSING = "order_missing"
    ORDER_DIFFERS = "order_differs"
    POSITION = "position"
    CASH = "cash"
    OVERFILL = "overfill"
    LATE_FILL = "late_fill"
    BUST = "bust"
    UNKNOWN_TRADE = "unknown_trade"


CRITICAL = frozenset(
    {
        Kind.MISSING_FILL_HERE,
        Kind.MISSING_FILL_THERE,
        Kind.UNKNOWN_ORDER,
        Kind.POSITION,
        Kind.OVERFILL,
        Kind.UNKNOWN_TRADE,
    }
)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order: our state on our side, the venue's on theirs; `was_acknowledged` when the venue named it."""

    state: str
    filled: Decimal
    was_acknowledged: bool = True

    def as_json(self) -> dict[str, Any]:
        """State and filled quantity."""
        return {"state": self.state, "filled_quantity": text_of(self.filled)}


@dataclass(frozen=True, slots=True)
class FillLine:
    """One execution."""

    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal

    def as_json(self) -> dict[str, Any]:
        """All of it, decimals as strings."""
        return {
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": self.side,
            "quantity": text_of(self.quantity),
            "price": text_of(self.price),
            "fee": text_of(self.fee),
        }


@dataclass(frozen=True, slots=True)
class Books:
    """One side: orders by client order id, fills by trade id, quantities by symbol, cash by currency."""

    orders: Mapping[str, OrderLine]
    fills: Mapping[str, FillLine]
    positions: Mapping[str, Decimal]
    cash: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement; `mark` is what stays the same of it while both sides go on trading."""

    kind: Kind
    key: str
    ours: dict[str, Any] | None
    theirs: dict[str, Any] | None
    mark: tuple[str, ...] = ()

    @property
    def is_critical(self) -> bool:
        """Whether somebody must look now."""
        return self.kind in CRITICAL


def compare(ours: Books, theirs: Books) -> list[Difference]:
    """Every disagreement between our record of an account and the venue's."""
    return [
        *_fills(ours.fills, theirs.fills),
        *_orders(ours.orders, theirs.orders),
        *_amounts(Kind.POSITION, "quantity", ours.positions, theirs.positions),
        *_amounts(Kind.CASH, "amount", ours.cash, theirs.cash),
    ]


def confirm(first: Iterable[Difference], second: Iterable[Difference]) -> list[Difference]:
    """The differences of the second snapshot that were there in the first: the rest was in flight."""
    seen = {(found.kind, found.key, found.mark) for found in first}
    return [found for found in second if (found.kind, found.key, found.mark) in seen]


def _fills(ours: Mapping[str, FillLine], theirs: Mapping[str, FillLine]) -> Iterator[Difference]:
    for key, line in theirs.items():
        mine = ours.get(key)
        if mine is None:
            yield Difference(Kind.MISSING_FILL_HERE, key, None, line.as_json())
        elif mine != line:
            yield Difference(Kind.FILL_DIFFERS, key, mine.as_json(), line.as_json())
    for key in ours.keys() - theirs.keys():
        yield Difference(Kind.MISSING_FILL_THERE, key, ours[key].as_json(), None)


def _orders(ours: Mapping[str, OrderLine], theirs: Mapping[str, OrderLine]) -> Iterator[Difference]:
    for key, line in theirs.items():
        mine = ours.get(key)
        if mine is None:
            yield Difference(Kind.UNKNOWN_ORDER, key, None, line.as_json())
        elif mine.state not in IN_FLIGHT and (AT_VENUE.get(mine.state), mine.filled) != (
            line.state,
            line.filled,
        ):
            mark = (mine.state, text_of(mine.filled), line.state, text_of(line.filled))
            yield Difference(Kind.ORDER_DIFFERS, key, mine.as_json(), line.as_json(), mark)
    for key in ours.keys() - theirs.keys():
        if _must_be_known(ours[key]):
            yield Difference(Kind.ORDER_MISSING, key, ours[key].as_json(), None)


def _must_be_known(line: OrderLine) -> bool:
    """Whether the venue must know an order of ours: one cancelled before it was sent it never saw."""
    if line.state not in AT_VENUE or line.state in MAY_BE_FORGOTTEN:
        return False
    return line.state != "CANCELED" or line.was_acknowledged


def _amounts(kind: Kind, name: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterator[Difference]:
    for key in sorted(ours.keys() | theirs.keys()):
        mine, their = ours.get(key, ZERO), theirs.get(key, ZERO)
        if mine != their:
            off_by = text_of(EXACT.subtract(their, mine))
            yield Difference(kind, key, {name: text_of(mine)}, {name: text_of(their)}, (off_by,))
