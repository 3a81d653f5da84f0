"""An order as somebody wants it."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from apps.deployments.models import Deployment
from apps.execution.models import BotSession, Cycle
from apps.execution.states import Remainder
from apps.markets.models import Instrument

# What makes an order the order that it is: a client order id names one of them for good.
TERMS = (
    "side",
    "quantity",
    "order_type",
    "limit_price",
    "stop_price",
    "time_in_force",
    "purpose",
    "is_post_only",
    "is_extended_hours",
    "remainder",
    "parent_id",
    "parent_quantity",
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as somebody wants it; exact decimals in the instrument's units.

    `decided_ms` is the market time of the decision (None: now). `confirmed` is the position that
    the venue has just stated with the exits that work there (buys, sells); a person's exit is sized by it instead
    of by our own book, and a resting protective order, which can only reduce, does not stand in its way.
    `parent_id` makes it a slice of a larger order of the caller's: all slices together stay within
    `parent_quantity`. `by_signal` says that an activated source of signals asks, which needs no session;
    `by_plan` that it is a slice of an exit plan.
    """

    deployment: Deployment
    instrument: Instrument
    side: str
    quantity: Decimal
    order_type: str
    purpose: str
    time_in_force: str = "GTC"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_reduce_only: bool = False
    is_post_only: bool = False
    is_extended_hours: bool = False
    remainder: str = Remainder.WORK
    parent_id: uuid.UUID | None = None
    parent_quantity: Decimal | None = None
    client_order_id: uuid.UUID | None = None
    session: BotSession | None = None
    cycle: Cycle | None = None
    intent_sequence: int | None = None
    decided_ms: int | None = None
    by_person: bool = False
    by_signal: bool = False
    by_plan: bool = False
    confirmed: tuple[Decimal, Decimal, Decimal] | None = None
