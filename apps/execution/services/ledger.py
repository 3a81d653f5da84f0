"""The order's ledger: locking in the house's one order, moving the state, appending the event."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.audit.context import current
from apps.common import nudges, states
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.execution.models import Order, OrderEvent
from apps.execution.states import ORDER_TRANSITIONS, TERMINAL, Purpose
from apps.markets.models import Instrument
from apps.risk import services as risk
from apps.venues.models import Account

RELATED = (
    "bot__scope",
    "account__scope",
    "account__venue__scope",
    "instrument__scope",
    "deployment__release",
)


def locked(order: Order) -> Order:
    """The order, locked after its exposure row: advisory locks, exposure, order, position, in that order."""
    risk.lock_exposure(scope=order.bot.scope, instrument=order.instrument)
    return Order.objects.select_for_update(of=("self",)).select_related(*RELATED).get(pk=order.pk)


def advance(
    order: Order, state: str, *, reason: str = "", detail: dict[str, Any] | None = None, **changes: Any
) -> None:
    """Move a locked order and append the event; a terminal state gives its reservation back.

    `keep_reserved` (units, default 0) stays reserved for fills that the venue has but we have not booked.
    """
    keep = changes.pop("keep_reserved", Decimal(0))
    if state in TERMINAL and order.reserved_quantity > keep:
        risk.unreserve(
            scope=order.bot.scope,
            instrument=order.instrument,
            side=order.side,
            quantity=order.reserved_quantity - keep,
        )
        changes["reserved_quantity"] = keep
    if state in TERMINAL:
        changes |= {"due_at": None, "lease_until": None, "lease_owner": ""}
    states.move(order, state, ORDER_TRANSITIONS, **changes)
    append(order, reason=reason, detail=detail)


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


def scope_ids(traded: "Order | Deployment") -> list[UUID]:
    """Every scope whose holds and limits concern an order: the bot's and the account's lineages, venue, instrument."""
    return [
        *{
            *traded.bot.scope.lineage,
            *traded.account.scope.lineage,
            traded.account.venue.scope_id,
            traded.instrument.scope_id,
        }
    ]


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
