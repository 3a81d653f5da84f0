"""From a due order to the venue and back: permit, call, outcome; no answer is UNKNOWN (design §6)."""

from datetime import timedelta
from decimal import Decimal

import structlog
from django.conf import settings

from apps.audit.context import acting, job
from apps.common import claims, locks
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.execution.services import books, ledger
from apps.execution.states import AT_VENUE, TERMINAL, OrderState, Purpose
from apps.risk import rules
from apps.risk import selectors as risk
from apps.risk.states import TradingState
from apps.venues import services as venues
from apps.venues.adapters.base import NoAnswer, SubmitRequest, VenueRejected

log = structlog.get_logger(__name__)
ACTOR = job("orders")
LOOK_AGAIN_S = 1.0
# How long an exit may wait for the venue to confirm the position before it is given up.
CONFIRM_WITHIN = timedelta(seconds=10)
# An opening order that waited longer than this for a worker was decided on a market that has moved on.
OPENING_AGE_MAX = timedelta(seconds=15)


def send(order: Order) -> None:
    """Do the next thing that a claimed order needs: send it, look it up, or cancel it."""
    claimed, order = order, Order.objects.select_related(*ledger.RELATED).get(pk=order.pk)
    # The lease is the one that we were given, not whoever's it may be by now.
    order.lease_owner, order.attempts = claimed.lease_owner, claimed.attempts
    if order.state == OrderState.INITIALIZED:
        _submit(order)
    elif order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
        _resolve(order)
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
    permitted = _permit(order, held)
    if permitted is None:
        return
    if permitted.send_before is None or wall_now() >= permitted.send_before:
        _close(order, OrderState.NOT_SENT, ["PERMIT_LATE"], "the permit was too old to call the venue")
        return
    try:
        answer = venues.adapter_for(permitted.account).submit(request_of(permitted))
    except VenueRejected as error:
        _close(order, OrderState.REJECTED, [error.code], error.message)
    except NoAnswer as error:
        _unknown(order, error.message)
    else:
        books.absorb(order, answer, reason="the venue answered")


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
    )


def _permit(order: Order, held: Decimal | None) -> Order | None:
    """Commit SUBMITTING with `send_before`, or end the order; None when it must not be sent.

    `held` is what the venue says it holds, for an exit: compared here, where one exit comes after the other.
    The shared locks are taken first and the holds read in a later statement: one statement would read
    a state from before the lock was granted.
    """
    with acting(ACTOR, "send permit"):
        locks.shared(ledger.scope_ids(order))
        state, _ = risk.trading_state(ledger.scope_ids(order))
        # Locked like a pause or a redeploy locks it: whichever comes second sees the other.
        deployment = Deployment.objects.select_for_update(no_key=True).get(pk=order.deployment_id)
        row = ledger.locked(order)
        if row.state != OrderState.INITIALIZED or not claims.is_ours(order, row):
            return None
        refusal = _refusal(row, deployment, state) or _crosses_zero(row, held)
        if refusal:
            ledger.advance(row, OrderState.DENIED, reason=refusal, codes=[refusal])
            return None
        until = wall_now() + timedelta(milliseconds=settings.SEND_PERMIT_MS)
        ledger.advance(row, OrderState.SUBMITTING, send_before=until)
    return row


def _refusal(row: Order, deployment: Deployment, state: TradingState) -> str:
    if not rules.passes_holds(row.purpose, row.by_person, state):
        return f"HOLD_{state.name}"
    if row.by_person:
        return ""
    if row.purpose == Purpose.OPENING and wall_now() - row.created_at > OPENING_AGE_MAX:
        return "ORDER_STALE"
    if deployment.epoch != row.epoch or deployment.desired != "running":
        return "EPOCH_FENCED"
    return "" if deployment.release.build_id == row.build_id else "BUILD_MISMATCH"


def _crosses_zero(row: Order, held: Decimal | None) -> str:
    if held is None:
        return ""
    buys, sells = ledger.working_exits(row.account, row.instrument, AT_VENUE, besides=row)
    return "" if row.quantity <= rules.closable(row.side, held, buys, sells) else "EXIT_EXCEEDS_POSITION"


def _confirmed(order: Order) -> Decimal | None:
    """What the venue's own record says that we hold of the exit's instrument; None when it did not say.

    No answer is not "flat": the exit waits a little for one, then is not sent.
    """
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
    return next((p.quantity for p in positions if p.symbol == order.instrument.symbol), Decimal(0))


def _resolve(order: Order) -> None:
    """Ask the venue for exactly this order; only its answer ends the doubt."""
    if order.state == OrderState.SUBMITTING:
        _unknown(order, "the worker that sent it did not come back")
    try:
        found = venues.adapter_for(order.account).order_by_client_id(order.client_order_id.hex)
    except (NoAnswer, VenueRejected) as error:
        log.warning("lookup.unanswered", order=str(order.pk), code=error.code)
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
        return
    if found is not None:
        books.absorb(order, found, reason="found at the venue by its client order id")
    elif _could_still_arrive(order):
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
    else:
        _close(order, OrderState.NOT_SENT, ["VENUE_KNOWS_NOTHING"], "the venue does not know the order")


def _could_still_arrive(order: Order) -> bool:
    if order.send_before is None:
        return False
    return wall_now() < order.send_before + timedelta(seconds=2 * settings.VENUE_TIMEOUT_S)


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
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
    except VenueRejected as error:
        log.warning("cancel.rejected", order=str(order.pk), code=error.code)
        _resolve_cancel(order)
    else:
        books.absorb(order, answer, reason="cancel answered")


def _resolve_cancel(order: Order) -> None:
    try:
        found = venues.adapter_for(order.account).order_by_client_id(order.client_order_id.hex)
    except (NoAnswer, VenueRejected):
        found = None
    if found is None:
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
    else:
        books.absorb(order, found, reason="cancel refused; looked up")
