"""What every venue adapter must do, in values that no venue's library leaks into."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from apps.common.errors import Refused, Unavailable


class VenueOrderState(StrEnum):
    """Where an order stands at the venue."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """An order to send; the venue keeps at most one order per client order id and account."""

    client_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_reduce_only: bool = False
    is_post_only: bool = False
    is_extended_hours: bool = False
    send_before: datetime | None = None  # wall time of the permit; an adapter that asks first compares it last


@dataclass(frozen=True, slots=True)
class ReplaceRequest:
    """New terms for a working order: the whole quantity, filled part included, and the prices."""

    client_order_id: str
    symbol: str
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue holds it."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    state: VenueOrderState
    reject_code: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class TradeKind(StrEnum):
    """What an execution report means."""

    TRADE = "trade"
    BUST = "bust"


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """One execution; `sequence` grows along the account's trades, in the order in which they can be asked for.

    A BUST undoes the trade `refers_to`; its side, quantity and price repeat that trade's. A correction is a bust
    and a new trade. `raw` is the venue's own report as it wrote it, the account's secrets taken out; None where
    there is no more than what stands here.
    """

    trade_id: str
    sequence: int
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    market_ms: int
    kind: TradeKind = TradeKind.TRADE
    refers_to: str = ""
    raw: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A signed quantity that the account holds."""

    symbol: str
    quantity: Decimal
    average_price: Decimal


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """Cash of one currency."""

    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class VenueQuote:
    """The venue's own price of a symbol and the wall time at which it was true (epoch ms)."""

    symbol: str
    price: Decimal
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue takes; the gateway denies the rest (VENUE_CANNOT).

    `has_lookup`: orders are found by client order id, also when the answer to the submit was lost.
    `replaces_in_place`: a replace changes the order itself, so that whatever fills meanwhile counts towards its new
    quantity. False where the venue ends the order and lets a new one work in its place.
    `has_extended_hours`: a limit order for the DAY may ask to trade before and after the regular session too.
    `requests_per_minute` is the venue's documented bound on an account's calls; a fifth of it is kept for cancels.
    """

    order_types: frozenset[str]
    times_in_force: frozenset[str]
    has_reduce_only: bool
    has_post_only: bool = False
    has_replace: bool = False
    replaces_in_place: bool = False
    has_cancel_all: bool = False
    has_lookup: bool = True
    has_extended_hours: bool = False
    requests_per_minute: int = 6_000


class NoAnswer(Unavailable):
    """The venue did not answer in a way we understand: the state of what was asked is unknown."""

    def __init__(self, message: str, code: str = "VENUE_NO_ANSWER") -> None:
        super().__init__(code, message)


class VenueTimeout(NoAnswer):
    """The venue did not answer in time: the state of what was asked is unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="VENUE_TIMEOUT")


class VenueBusy(Unavailable):
    """Nothing was sent: the account's call budget is used up; `retry_in_s` seconds on there is room again."""

    def __init__(self, message: str, *, retry_in_s: float, code: str = "VENUE_BUSY") -> None:
        super().__init__(code, message)
        self.retry_in_s = retry_in_s


class VenueDown(VenueBusy):
    """Nothing was sent: the venue does not answer, and only what reduces risk is still tried."""

    def __init__(self, message: str, *, retry_in_s: float) -> None:
        super().__init__(message, retry_in_s=retry_in_s, code="VENUE_DOWN")


class VenueRejected(Refused):
    """The venue's own no; `code` is the venue's."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message or f"the venue rejected this: {code}")


class Adapter(Protocol):
    """One account at one venue. Raises NoAnswer (or VenueTimeout) and VenueRejected, nothing else.

    The guard around it may also raise VenueBusy or VenueDown: then nothing was sent.

    Lists come oldest first in the venue's order of arrival, at most `limit` at a time.
    """

    def submit(self, request: SubmitRequest) -> VenueOrder:
        """Place an order; the same client order id again answers with the first order."""

    def cancel(self, client_order_id: str) -> VenueOrder:
        """Cancel what is left of an order; one that has ended is returned as it is."""

    def replace(self, request: ReplaceRequest) -> VenueOrder:
        """Change a working order's terms; the answer carries the terms that hold from now on.

        Repeating it is harmless. Raises VenueRejected when the order keeps its old terms.
        """

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order of the account (of `symbol`); only where `has_cancel_all`."""

    def order_by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """The order; None means that the venue says it does not know it."""

    def open_orders(self) -> list[VenueOrder]:
        """All open orders of the account."""

    def orders_since(self, cursor: str, limit: int) -> list[VenueOrder]:
        """Orders that arrived after the one whose venue order id is `cursor` ("" for the first)."""

    def trades_since(self, cursor: int, limit: int) -> list[VenueTrade]:
        """Trades with a sequence above `cursor`."""

    def positions(self) -> list[VenuePosition]:
        """All positions that are not flat."""

    def balances(self) -> list[VenueBalance]:
        """Cash by currency, open orders not deducted."""

    def quote(self, symbol: str) -> VenueQuote:
        """The venue's own latest price: the reference that is not the bot's own feed."""

    def ping(self) -> None:
        """Nothing, when the venue answers."""

    def capabilities(self) -> Capabilities:
        """What the venue takes; without asking it."""
