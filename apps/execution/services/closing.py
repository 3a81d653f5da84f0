"""A person's way out: reduce or close a bot's position, sized by what the venue confirms; cancel one order or many.

All go out from the process that the person asked, so they work while no worker does.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connections, transaction

from apps.access.models import Scope, User
from apps.common.errors import Forbidden, Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.execution.services import draining, ledger, orders, submission
from apps.execution.states import AT_VENUE, WORKING, OrderType, Purpose, Side, TimeInForce
from apps.risk import rules
from apps.venues import services as venues

log = structlog.get_logger(__name__)
# So long this process stays with the cancels of many; then they are the workers' alone.
SEND_FOR_S = 60.0
# Each of them needs connections: PostgreSQL has others to serve.
SWEEPS_AT_ONCE = 2
_sweeping = threading.BoundedSemaphore(SWEEPS_AT_ONCE)
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
    extended_hours: bool = False,
    client_order_id: UUID | None = None,
) -> Order:
    """Sell (or buy back) a bot's position, all of it or `quantity` units; passes every hold.

    The size comes from the venue's own record, less exits that are working; it never crosses zero. With a
    limit price it goes out even when the feed is stale; `extended_hours` lets it, for the rest of the day, trade before
    and after the session too, where it needs one. Raises venues' NoAnswer when the venue does not
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
        time_in_force=TimeInForce.DAY if extended_hours else TimeInForce.GTC,
        is_extended_hours=extended_hours,
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


def cancel_all_by_hand(*, scope: Scope, purposes: list[str], actor: User, reason: str) -> orders.Swept:
    """`orders.cancel_all`, sent from here when a person asks: in threads, so that the answer waits for no venue.

    A machine's cancels wait for a worker.
    """
    swept = orders.cancel_all(scope=scope, purposes=purposes, actor=actor, reason=reason)
    if swept.asked and not actor.is_service:
        transaction.on_commit(partial(_start, [order.pk for order in swept.asked]), robust=True)
    return swept


def _start(order_ids: Sequence[UUID]) -> None:
    thread = threading.Thread(target=_in_background, args=(order_ids,), name=f"cancel-{order_ids[0]}", daemon=True)
    thread.start()


def _in_background(order_ids: Sequence[UUID]) -> None:
    try:
        with _sweeping:
            send_cancels(order_ids)
    except Exception as error:  # the sweep of a worker goes on where this thread ends
        log.exception("cancels.ended", orders=len(order_ids), error=type(error).__name__)
    finally:
        connections.close_all()


def send_cancels(order_ids: Sequence[UUID], *, seconds_max: float = SEND_FOR_S) -> None:
    """Send the cancels of these orders from this process until none of them works any more or the seconds are over.

    Each goes out under its own claim, as by a worker. A venue that hangs, or has no calls left, is asked again and
    keeps no other waiting; what is left stays due. Needs PostgreSQL and the venues alone.
    """
    ends, busy = time.monotonic() + seconds_max, defaultdict[UUID, list[Future[None]]](list)
    working = Order.objects.filter(pk__in=order_ids, state__in=WORKING).order_by("id")
    with ThreadPoolExecutor(draining.CALLS_AT_ONCE, thread_name_prefix="cancel") as pool:
        while working.exists() and time.monotonic() < ends:
            draining.hand_out(working.all(), pool, busy)
            time.sleep(draining.PAUSE_S)


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
