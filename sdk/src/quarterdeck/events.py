"""What a bot receives and what it emits: plain immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quarterdeck.decimals import ONE


class Side(StrEnum):
    """The direction of an order or a fill."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """How an order finds its price."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Purpose(StrEnum):
    """Why an order exists: it opens, protects or exits a position."""

    OPENING = "OPENING"
    PROTECTIVE = "PROTECTIVE"
    EXIT = "EXIT"


class OrderStatus(StrEnum):
    """How an order ended other than by filling: DENIED is ours, REJECTED is the venue's."""

    DENIED = "DENIED"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What can be traded and on which grid of prices (tick) and quantities (lot)."""

    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_min: Decimal
    multiplier: Decimal = ONE
    currency: str = "USD"


class Bar(NamedTuple):
    """Prices of one interval; it exists from end_ms (UTC epoch milliseconds) on.

    is_extended: it lies before or after the regular session, so only orders that ask for extended hours trade on it.
    """

    instrument: str
    start_ms: int
    end_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    is_extended: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that traded; intent_seq is None for an order the bot did not send."""

    intent_seq: int | None
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_ms: int


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """An order of the bot ended without (further) fills, and why."""

    intent_seq: int
    status: OrderStatus
    code: str
    message: str
    market_ms: int


Event = Bar | Fill | OrderUpdate


@dataclass(frozen=True, slots=True)
class Intent:
    """An order the bot wants; seq counts from 1 over the bot's whole life, checkpoints included."""

    seq: int
    instrument: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    purpose: Purpose
    reduce_only: bool
    on_bar_end_ms: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    post_only: bool = False
    extended_hours: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """A named value the strategy saw at a market time, whether or not an order follows."""

    name: str
    value: Decimal
    market_ms: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The model's input values at a market time, kept to explain the decision."""

    values: Mapping[str, str]
    market_ms: int
