"""The order's ledger: locking in the house's one order, moving the state, appending the event."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from apps.audit.context import current
from apps.common import nudges, states
from apps.common.errors import Refused
from apps.deployments import selectors as deployments
from apps.deployments.models import Deployment
from apps.execution.models import Fill, Order, OrderEvent, Position
from apps.execution.states import ORDER_TRANSITIONS, TERMINAL, Purpose
from apps.markets.models import Instrument
from apps.risk import services as risk
from apps.venues.models import Account

TRADED = ("bot__scope", "account__scope", "account__venue__scope", "instrument__scope")


def locked(order: Order) -> Order:
    """The order, locked after its exposure row: advisory locks, exposure, order, position, in that order."""
    risk.lock_exposure(scope=order.bot.scope, instrument=order.instrument)
    return known(Order.objects.select_for_update().get(pk=order.pk))


def known(order: Order) -> Order:
    """The order with what it refers to as that stands now; deployment, bot and account are shared: never write them."""
    found = deployments.traded(order.deployment_id)
    if found is not None:
        order.deployment, order.bot, order.account = found, found.bot, found.account
        if order.instrument_id == found.instrument_id:  # one that the bot may not trade was denied under its own
            order.instrument = found.instrument
    return order


def advance(
    order: Order, state: str, *, reason: str = "", detail: dict[str, Any] | None = None, **changes: Any
) -> None:
    """Move a locked order and append the event; a terminal state gives its reservation back.

    `keep_reserved` (units, default 0) stays reserved for fills that the venue has but we have not booked.
    """
    keep, was_open = changes.pop("keep_reserved", Decimal(0)), order.state not in TERMINAL
    opened = (state not in TERMINAL) - was_open
    if state in TERMINAL:
        changes |= {"due_at": None, "lease_until": None, "lease_owner": ""}
    states.move(order, state, ORDER_TRANSITIONS, **changes)
    append(order, reason=reason, detail=detail)
    reserved = min(order.reserved_quantity, keep) if state in TERMINAL else order.reserved_quantity
    set_reserved(order, reserved, open_orders=opened)


def count_in(order: Order) -> dict[UUID, risk.Sums]:
    """Count a working order that was just stored with its reservation; the books of its scopes come last."""
    scope, reserved = order.bot.scope, order.reserved_quantity
    risk.unreserve(scope=scope, instrument=order.instrument, side=order.side, quantity=-reserved)
    amount = risk.worth(reserved, order.unit_base)
    return _move_working(order, amount, open_orders=1)


def set_reserved(
    order: Order, quantity: Decimal, *, unit_base: Decimal | None = None, open_orders: int = 0
) -> dict[UUID, risk.Sums]:
    """Let a locked order reserve `quantity` units from now on, on its bot's exposure and on every scope's book.

    `unit_base` prices all of them anew; `open_orders` is +1 or -1 when the order starts or stops working. The
    books come last, since other bots share them.
    """
    unit = order.unit_base if unit_base is None else unit_base
    change = quantity - order.reserved_quantity
    amount = risk.worth(quantity, unit) - risk.worth(order.reserved_quantity, order.unit_base)
    if change:
        risk.unreserve(scope=order.bot.scope, instrument=order.instrument, side=order.side, quantity=-change)
    if change or unit != order.unit_base:
        order.reserved_quantity, order.unit_base = quantity, unit
        Order.objects.filter(pk=order.pk).update(reserved_quantity=quantity, unit_base=unit)
    return _move_working(order, amount, open_orders=open_orders)


def _move_working(order: Order, amount: Decimal, *, open_orders: int) -> dict[UUID, risk.Sums]:
    scopes, mode = scope_ids(order), order.account.mode
    return risk.move_working(scopes, mode=mode, side=order.side, amount=amount, open_orders=open_orders)


def append(order: Order, *, reason: str = "", detail: dict[str, Any] | None = None, is_first: bool = False) -> None:
    """Append an event with the order's present state by the current actor; `is_first` spares the count."""
    who = current()
    if who is None:
        raise Refused("AUDIT_WITHOUT_ACTOR", "an order changed outside an acting() block")
    OrderEvent.objects.create(
        order=order,
        sequence=1 if is_first else OrderEvent.objects.filter(order=order).count() + 1,
        state=order.state,
        actor=who.actor,
        reason=reason or who.reason,
        detail=detail or {},
    )
    nudges.hint(f"bot:{order.bot_id}")


def scope_ids(traded: "Order | Deployment | Position") -> list[UUID]:
    """Every scope whose holds and limits concern an order: the bot's and the account's lineages, venue, instrument."""
    return [
        *{
            *traded.bot.scope.lineage,
            *traded.account.scope.lineage,
            traded.account.venue.scope_id,
            traded.instrument.scope_id,
        }
    ]


def filled_since(account: Account, instrument: Instrument, side: str, moment: datetime) -> Decimal:
    """Units on `side` that were booked on an account after a wall time."""
    booked = Fill.objects.filter(account=account, instrument=instrument, side=side, created_at__gt=moment)
    return booked.aggregate(total=Sum("quantity"))["total"] or Decimal(0)


def working_exits(
    account: Account, instrument: Instrument, states_: Iterable[str], *, besides: Order | None = None
) -> tuple[Decimal, Decimal]:
    """Units (buys, sells) of exits that may still fill, UNKNOWN at its worst case."""
    rows = Order.objects.filter(account=account, instrument=instrument, purpose=Purpose.EXIT, state__in=states_)
    totals = {"BUY": Decimal(0), "SELL": Decimal(0)}
    for pk, side, quantity, filled in rows.values_list("pk", "side", "quantity", "filled_quantity"):
        if besides is None or pk != besides.pk:
            totals[side] += quantity - filled
    return totals["BUY"], totals["SELL"]
