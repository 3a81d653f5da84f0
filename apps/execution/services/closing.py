"""A person's way out: reduce or close a bot's position, sized by what the venue confirms; cancel an order.

Both go out from the process that the person asked, so they work while no worker does.
"""

import threading
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.access.models import User
from apps.common.errors import Forbidden, Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.execution.services import ledger, orders, submission
from apps.execution.states import AT_VENUE, OrderType, Purpose, Side
from apps.risk import rules
from apps.venues import services as venues

# Half of the threads of a web process.
SENDING_MAX = 4
_sending = threading.BoundedSemaphore(SENDING_MAX)


def close_position(
    *,
    deployment: Deployment,
    actor: User,
    reason: str,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    client_order_id: UUID | None = None,
) -> Order:
    """Sell (or buy back) a bot's position, all of it or `quantity` units; passes every hold.

    The size comes from the venue's own record, less exits that are working; it never crosses zero. With a
    limit price it goes out even when the feed is stale. Raises venues' NoAnswer when the venue does not
    say what it holds, Refused POSITION_FLAT, EXITS_WORKING or EXIT_EXCEEDS_POSITION, Invalid REASON_MISSING.
    """
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person takes a position out of a bot's hands")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; the audit keeps it")
    deployment = orders.loaded(deployment.pk)
    # Exits first, then the position: one that fills in between counts twice rather than not at all.
    buys, sells = ledger.working_exits(deployment.account, deployment.instrument, AT_VENUE)
    held = _held(deployment)
    side = Side.SELL if held > 0 else Side.BUY
    available = rules.closable(side, held, buys, sells)
    if available == 0 and held != 0:
        raise Refused("EXITS_WORKING", "exits are working for all of it: cancel those first", held=str(held))
    if available == 0:
        raise Refused("POSITION_FLAT", "the venue holds nothing that is not already being closed")
    if quantity is not None and quantity > available:
        raise Refused("EXIT_EXCEEDS_POSITION", f"only {available} can be closed", available=str(available))
    ticket = orders.Ticket(
        deployment=deployment,
        instrument=deployment.instrument,
        side=side,
        quantity=available if quantity is None else quantity,
        order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
        limit_price=limit_price,
        purpose=Purpose.EXIT,
        by_person=True,
        client_order_id=client_order_id,
        confirmed=(held, buys, sells),
    )
    order = orders.place(ticket=ticket, actor=actor, reason=reason)
    _send_soon(order)
    return ledger.known(Order.objects.get(pk=order.pk))


def cancel_by_hand(*, order: Order, actor: User, reason: str) -> Order:
    """`orders.cancel`, sent from here when a person asks; a machine's cancel waits for a worker."""
    row = orders.cancel(order=order, actor=actor, reason=reason)
    if not actor.is_service:
        _send_soon(row)
    return row


def _send_soon(order: Order) -> None:
    """After the commit; no transaction may be open while a venue is asked."""
    transaction.on_commit(lambda: _send(order), robust=True)


def _send(order: Order) -> None:
    """From here, unless as many threads as may already wait for venues: the kill switch needs the others."""
    if not _sending.acquire(blocking=False):
        return
    try:
        submission.send_here(Order.objects.filter(pk=order.pk), lease_s=settings.VENUE_TIMEOUT_S * 4)
    finally:
        _sending.release()


def _held(deployment: Deployment) -> Decimal:
    symbol = deployment.instrument.symbol
    positions = venues.adapter_for(deployment.account).positions()
    return next((held.quantity for held in positions if held.symbol == symbol), Decimal(0))
