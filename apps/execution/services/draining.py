"""Draining a hold: cancel the orders that it chose until none of them is left at the venue.

The venue's own cancel-all is never used: between looking and calling, an exit of a person or a protective
order may arrive on the account, and it would be taken away with the rest.
"""

import threading
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import QuerySet

from apps.audit.context import job
from apps.common import claims
from apps.common.clocks import wall_now
from apps.common.errors import DomainError
from apps.execution.models import Order
from apps.execution.selectors import chosen_orders
from apps.execution.services import orders, submission
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import DrainState, HoldState

log = structlog.get_logger(__name__)
AGAIN_S = 0.5
LEASE_S = 15.0
# A cancel that waits longer for its next try, since the venue refused it or is silent, is sent at once by a new drain.
SOON_S = 1.0
# In this process: at most so many calls at once, few of them to one venue, so that a hung one keeps no other waiting.
CALLS_AT_ONCE = 8
CALLS_PER_VENUE = 3
TURN_S = 3.0
PAUSE_S = 0.1
FAILURES_MAX = 60
NAMES = ("account", "instrument")
LISTED = ("client_order_id", "venue_order_id", "side", "purpose", "state", "account__name", "instrument__symbol")


def drain_hold(hold: Hold) -> int:
    """One pass over a claimed hold: ask for the cancel of every order it chose; how many are still working.

    What the venue has not confirmed settings.DRAIN_LIST_AFTER_S after the latch is listed on the hold. When
    nothing is left the hold is marked drained.
    """
    left = list(chosen_orders(hold))
    for order in left:
        if not _is_asked(order, hold):
            _cancel(order, hold)
    _report(hold)
    return len(left)


def _report(hold: Hold) -> None:
    left = chosen_orders(hold)
    if not left.exists():
        risk.mark_drained(hold=hold)
        return
    since = hold.latched_at or hold.created_at
    if wall_now() - since >= timedelta(seconds=settings.DRAIN_LIST_AFTER_S):
        risk.note_left(hold=hold, left=[listed(order) for order in left.select_related(*NAMES).only(*LISTED)])
    claims.settle(hold, due_in_s=AGAIN_S)


def listed(order: Order) -> dict[str, str]:
    """What somebody needs to find the order at the venue by hand."""
    return {
        "order": str(order.pk),
        "client_order_id": order.client_order_id.hex,
        "venue_order_id": order.venue_order_id,
        "account": order.account.name,
        "symbol": order.instrument.symbol,
        "side": order.side,
        "purpose": order.purpose,
        "state": order.state,
    }


def _is_asked(order: Order, hold: Hold) -> bool:
    """Whether the order's cancel was asked for and is tried soon, or as soon as this drain could have it tried."""
    soon = wall_now() + timedelta(seconds=SOON_S)
    waits = order.state == OrderState.PENDING_CANCEL and order.due_at is not None and order.due_at > soon
    return order.cancel_requested and (not waits or orders.has_asked(order, hold))


def _cancel(order: Order, hold: Hold) -> None:
    """One order that cannot be cancelled now is tried again; it never keeps the others open."""
    try:
        orders.cancel(order=order, actor=job("drain"), reason=f"hold on {hold.scope}: {hold.reason}", hold=hold)
    except (DomainError, DatabaseError) as error:
        log.exception("drain.failed", order=str(order.pk), error=type(error).__name__)


def start(hold_id: UUID) -> threading.Thread:
    """Drain the hold in a thread of this process, with connections of its own; returns at once.

    Workers that live do the same work beside it: every hold and order is claimed before it is touched.
    """
    thread = threading.Thread(target=_in_background, args=(hold_id,), name=f"drain-{hold_id}", daemon=True)
    thread.start()
    return thread


def _in_background(hold_id: UUID) -> None:
    try:
        # Beside the drain, not before it: Redis may take its time to be unreachable.
        threading.Thread(target=_announce, name=f"announce-{hold_id}", daemon=True).start()
        drain_here(hold_id)
    except Exception as error:  # the sweep of a worker goes on where this thread ends
        log.exception("drain.ended", hold=str(hold_id), error=type(error).__name__)
    finally:
        connections.close_all()


def _announce() -> None:
    try:
        risk.announce_hold()
    finally:
        connections.close_all()


def drain_here(hold_id: UUID, *, seconds_max: float | None = None) -> Hold | None:
    """Drain the hold in this process until it is drained, released, or `seconds_max` have passed; the hold then.

    Needs PostgreSQL and the venues alone: the cancels that workers would send are sent from here, each order
    under its own claim. None when there is no such hold.
    """
    ends = None if seconds_max is None else time.monotonic() + seconds_max
    failures, busy = 0, defaultdict[UUID, list[Future[None]]](list)
    with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="drain") as pool:
        while failures < FAILURES_MAX:
            try:
                hold = Hold.objects.select_related("scope").filter(pk=hold_id).first()
                if hold is None or not is_open(hold) or (ends is not None and time.monotonic() >= ends):
                    return hold
                hand_out(chosen_orders(hold), pool, busy, hold=hold)
                _look(hold)
                failures = 0
            except DatabaseError as error:
                failures += 1
                log.warning("drain.retries", hold=str(hold_id), error=type(error).__name__)
                connections.close_all()
            time.sleep(PAUSE_S * (1 + failures))
    return None


def is_open(hold: Hold) -> bool:
    """Whether the hold stands and is not drained yet."""
    return hold.state == HoldState.ACTIVE and hold.drain_state == DrainState.PENDING


def _look(hold: Hold) -> None:
    """Say how far the drain is, unless a worker is just doing so."""
    waiting = Hold.objects.filter(pk=hold.pk, drain_state=DrainState.PENDING)
    for claimed in claims.claim(waiting, lease_s=LEASE_S):
        _report(claimed)


def hand_out(
    found: QuerySet[Order], pool: ThreadPoolExecutor, busy: dict[UUID, list[Future[None]]], *, hold: Hold | None = None
) -> None:
    """Give every venue's orders to a few threads of its own, as those of the last turn are through.

    Their cancels are sent; with `hold` those that were not asked for yet are asked for first. Only their ids are
    read here: this is called again and again while the threads work.
    """
    by_venue = defaultdict[UUID, list[UUID]](list)
    for order_id, venue_id in found.values_list("pk", "account__venue_id"):
        by_venue[venue_id].append(order_id)
    for venue_id, there in by_venue.items():
        busy[venue_id] = [turn for turn in busy[venue_id] if not turn.done()]
        if not busy[venue_id]:
            parts = [there[number::CALLS_PER_VENUE] for number in range(CALLS_PER_VENUE)]
            busy[venue_id] = [pool.submit(_work, part, hold) for part in parts if part]


def _work(order_ids: list[UUID], hold: Hold | None) -> None:
    """A turn: cancel these orders one after the other; what does not fit comes in the next turn."""
    ends = time.monotonic() + TURN_S
    try:
        found = Order.objects.select_related("bot__scope", "instrument").in_bulk(order_ids)
        for order in (found[pk] for pk in order_ids):
            if hold is not None and not _is_asked(order, hold):
                _cancel(order, hold)
            _send(order)
            if time.monotonic() >= ends:
                return
    finally:
        connections.close_all()


def _send(order: Order) -> None:
    """Do what an order worker would: cancel it at the venue or look it up; never submit."""
    due = Order.objects.filter(pk=order.pk, cancel_requested=True).exclude(state=OrderState.INITIALIZED)
    submission.send_here(due, lease_s=settings.VENUE_TIMEOUT_S * 2 + TURN_S)
