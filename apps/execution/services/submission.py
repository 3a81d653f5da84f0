"""From a due order to the venue and back: permit, call, outcome; no answer is UNKNOWN (design §6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db.models import QuerySet

from apps.audit.context import acting, job
from apps.common import claims
from apps.common.clocks import wall_now
from apps.execution.models import Order, OrderEvent
from apps.execution.services import books, doubts, ledger, permits, replacing
from apps.execution.states import AT_VENUE, TERMINAL, OrderState, Purpose
from apps.risk import rules
from apps.venues import selectors as venue_state
from apps.venues import services as venues
from apps.venues.adapters.base import (
    NoAnswer,
    SubmitRequest,
    VenueBusy,
    VenueDown,
    VenueOrder,
    VenueOrderState,
    VenueRejected,
)

log = structlog.get_logger(__name__)
ACTOR = job("orders")
LOOK_AGAIN_S = 1.0
LOOK_AGAIN_S_MAX = 30.0
# So many refused cancels of one order, then people are asked about it as well.
CANCEL_TRIES = 4
# An order that is sent by whoever asked: looked up, cancelled, looked up.
STEPS_HERE = 3
# How long an exit may wait for the venue to confirm the position before it is given up.
CONFIRM_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Held:
    """What the venue says that an account holds of an instrument, and when it was asked."""

    quantity: Decimal
    asked_at: datetime


def send(order: Order) -> None:
    """Do the next thing that a claimed order needs: send it, look it up, change its terms or cancel it.

    When the account's calls are used up nothing is sent and the order is due again as soon as there is room.
    """
    claimed, order = order, ledger.known(Order.objects.get(pk=order.pk))
    # The lease is the one that we were given, not whoever's it may be by now.
    order.lease_owner, order.attempts = claimed.lease_owner, claimed.attempts
    try:
        _work(order)
    except VenueBusy as error:
        claims.settle(order, due_in_s=error.retry_in_s)
    finally:
        venues.flush_messages()


def send_here(due: QuerySet[Order], *, lease_s: float) -> None:
    """Send what is due of these orders from this process, whoever it is; what fails is left to the workers.

    Each order goes out under its own claim, so a worker that was faster keeps it. One in doubt is looked up first and
    is then due for its cancel.
    """
    try:
        for _ in range(STEPS_HERE):
            claimed = claims.claim(due, lease_s=lease_s)
            if not claimed:
                return
            for order in claimed:
                send(order)
    except Exception as error:  # its lease runs out and a worker tries again
        log.exception("order.not_sent_here", error=type(error).__name__)


def _work(order: Order) -> None:
    if order.state == OrderState.INITIALIZED:
        _submit(order)
    elif order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
        _resolve(order)
    elif order.state == OrderState.PENDING_REPLACE:
        replacing.replace(order)
    elif order.state == OrderState.PENDING_CANCEL:
        _cancel(order)
    else:
        books.rest(order)


def _submit(order: Order) -> None:
    held = None
    if order.purpose == Purpose.EXIT:
        held = _confirmed(order)
        if held is None:
            return
    if not _has_call(order):
        return
    permitted = _permit(order, held)
    if permitted is None:
        return
    if permits.is_late(permitted):
        _close(order, OrderState.NOT_SENT, ["PERMIT_LATE"], "the permit was too old to call the venue")
        return
    try:
        answer = venues.adapter_for(permitted.account).submit(request_of(permitted))
    except VenueRejected as error:
        state = OrderState.NOT_SENT if error.code == "PERMIT_LATE" else OrderState.REJECTED
        _close(order, state, [error.code], error.message)
    except VenueBusy as error:
        _close(order, OrderState.NOT_SENT, [error.code], error.message)
    except NoAnswer as error:
        _unknown(order, error.message)
    else:
        books.absorb(order, answer, reason="the venue answered")


def _has_call(order: Order) -> bool:
    """Hold a call of the account's budget before SUBMITTING commits; False when the order was given up instead.

    Raises VenueBusy: the order waits as it is. What opens is not kept for a venue that does not answer.
    """
    is_opening = order.purpose == Purpose.OPENING
    try:
        venues.reserve_call(order.account, urgent=not is_opening)
    except VenueDown as error:
        _give_up(order, error.code, error.message)
        return False
    except VenueBusy as error:
        if is_opening and wall_now() - order.created_at > permits.OPENING_AGE_MAX:
            _give_up(order, "ORDER_STALE", error.message)
            return False
        raise
    return True


def request_of(order: Order) -> SubmitRequest:
    """The order in the venue's terms."""
    return SubmitRequest(
        client_order_id=order.client_order_id.hex,
        symbol=order.instrument.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        is_reduce_only=order.is_reduce_only,
        is_post_only=order.is_post_only,
        is_extended_hours=order.is_extended_hours,
        send_before=order.send_before,
    )


def _permit(order: Order, held: Held | None) -> Order | None:
    """Commit SUBMITTING with `send_before`, or end the order; None when it must not be sent.

    `held` is what the venue says it holds, for an exit: compared here, where one exit comes after the other.
    """
    with acting(ACTOR, "send permit"):
        row, deployment, state = permits.look(order)
        if row.state != OrderState.INITIALIZED or not claims.is_ours(order, row):
            return None
        refusal = permits.refusal(row, deployment, state, decided_at=row.created_at) or _crosses_zero(row, held)
        if refusal:
            ledger.advance(row, OrderState.DENIED, reason=refusal, codes=[refusal])
            return None
        ledger.advance(row, OrderState.SUBMITTING, send_before=permits.until())
    return row


def _crosses_zero(row: Order, held: Held | None) -> str:
    """Sized by the venue's word less every exit that works, and less what was booked since it was asked.

    A fill that we booked meanwhile may or may not be in what the venue said: it counts as if it were not.
    """
    if held is None:
        return ""
    buys, sells = ledger.working_exits(row.account, row.instrument, AT_VENUE, besides=row)
    since = ledger.filled_since(row.account, row.instrument, row.side, held.asked_at)
    closable = rules.closable(row.side, held.quantity, buys + since, sells + since)
    return "" if row.quantity <= closable else "EXIT_EXCEEDS_POSITION"


def _confirmed(order: Order) -> Held | None:
    """What the venue's own record says that we hold of the exit's instrument; None when it did not say.

    No answer is not "flat": the exit waits a little for one, then is not sent.
    """
    asked_at = wall_now()
    try:
        positions = venues.adapter_for(order.account).positions()
    except VenueRejected as error:
        _give_up(order, error.code, error.message)
        return None
    except NoAnswer as error:
        if wall_now() - order.created_at > CONFIRM_WITHIN:
            _give_up(order, "EXIT_UNCONFIRMED", error.message)
        else:
            claims.settle(order, due_in_s=LOOK_AGAIN_S)
        return None
    quantity = next((p.quantity for p in positions if p.symbol == order.instrument.symbol), Decimal(0))
    return Held(quantity, asked_at)


def _resolve(order: Order) -> None:
    """Ask the venue for exactly this order; only its answer ends the doubt."""
    if order.state == OrderState.SUBMITTING:
        _unknown(order, "the worker that sent it did not come back")
    if not venues.capabilities_of(order.account).has_lookup:
        _ask_person(order)
        return
    try:
        found = venues.adapter_for(order.account).order_by_client_id(order.client_order_id.hex)
    except (NoAnswer, VenueRejected) as error:
        log.warning("lookup.unanswered", order=str(order.pk), code=error.code)
        claims.settle(order, due_in_s=_look_again_s(order))
        return
    if found is not None:
        books.absorb(order, found, reason="found at the venue by its client order id")
    elif permits.could_still_arrive(order):
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
    else:
        _close(order, OrderState.NOT_SENT, ["VENUE_KNOWS_NOTHING"], "the venue does not know the order")


def _look_again_s(order: Order) -> float:
    """Soon, but ever more rarely at a venue that does not answer: its orders share the workers with others."""
    if venue_state.is_up(order.account.venue):
        return LOOK_AGAIN_S
    return min(LOOK_AGAIN_S_MAX, 2.0 ** min(order.attempts, 5))


def _ask_person(order: Order) -> None:
    """Nobody but the venue's desk can say what became of it: put it before people, once."""
    with acting(ACTOR, doubts.NO_LOOKUP):
        row = ledger.locked(order)
        if row.state == OrderState.UNKNOWN:
            Order.objects.filter(pk=row.pk).update(**books.NOT_DUE)
            doubts.ask_person(row, reason=doubts.NO_LOOKUP, actor=ACTOR)


def _unknown(order: Order, reason: str) -> None:
    with acting(ACTOR, "no answer from the venue"):
        row = ledger.locked(order)
        if row.state == OrderState.SUBMITTING:
            due_at = wall_now() + timedelta(seconds=LOOK_AGAIN_S)
            ledger.advance(row, OrderState.UNKNOWN, reason=reason, due_at=due_at, lease_until=None)
            order.state = row.state


def _give_up(order: Order, code: str, reason: str) -> None:
    """End an order that was never sent, if it is still ours to send: another worker may have it in flight."""
    with acting(ACTOR, reason or code):
        row = ledger.locked(order)
        if row.state == OrderState.INITIALIZED and claims.is_ours(order, row):
            ledger.advance(row, OrderState.NOT_SENT, reason=reason, codes=[code])


def _close(order: Order, state: str, codes: list[str], reason: str) -> None:
    with acting(ACTOR, reason or state):
        row = ledger.locked(order)
        if row.state not in TERMINAL:
            ledger.advance(row, state, reason=reason, codes=codes)


def _cancel(order: Order) -> None:
    try:
        answer = venues.adapter_for(order.account).cancel(order.client_order_id.hex)
    except NoAnswer:
        claims.settle(order, due_in_s=_look_again_s(order))
    except VenueRejected as error:
        log.warning("cancel.rejected", order=str(order.pk), code=error.code)
        _resolve_cancel(order, error.code)
    else:
        books.absorb(order, answer, reason="cancel answered")


def _resolve_cancel(order: Order, code: str) -> None:
    """A refusal does not say what became of the order: only an answer about exactly this order ends it."""
    found, said = _looked_up(order)
    if found is not None:
        books.absorb(order, found, reason="cancel refused; looked up")
    if found is None or found.state == VenueOrderState.OPEN:
        _cancel_again(order, code, said)


def _looked_up(order: Order) -> tuple[VenueOrder | None, str]:
    """What the venue says of an order, and that in a word; no word when it says nothing."""
    if not venues.capabilities_of(order.account).has_lookup:
        return None, ""
    try:
        found = venues.adapter_for(order.account).order_by_client_id(order.client_order_id.hex)
    except (NoAnswer, VenueRejected):
        return None, ""
    return found, doubts.NOT_KNOWN_THERE if found is None else found.state.value


def _cancel_again(order: Order, code: str, said: str) -> None:
    """Ask again for a cancel that was refused, after 1, 2, 4, 8 and then every 16 seconds, until the order ends.

    `said` is what the venue says of the order, if it says anything: people are told, and bound to it.
    """
    with acting(ACTOR, f"the venue refused the cancel: {code}"):
        row = ledger.locked(order)
        if row.state != OrderState.PENDING_CANCEL or not claims.is_ours(order, row):
            return
        refusals = OrderEvent.objects.filter(order=row, detail__has_key="cancel_refused").count() + 1
        if refusals <= CANCEL_TRIES:
            ledger.append(row, detail={"cancel_refused": code})
        doubts.note_answer(row, said)
        if refusals >= CANCEL_TRIES:
            doubts.ask_person(row, reason=doubts.CANCEL_REFUSED, actor=ACTOR)
        claims.settle(order, due_in_s=2.0 ** (refusals - 1))
