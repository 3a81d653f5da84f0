"""New terms for an order that works at the venue: permit, call, and whatever terms the venue then states."""

from dataclasses import replace as changed
from datetime import datetime

import structlog

from apps.audit.context import acting, job
from apps.common import claims
from apps.common.clocks import wall_now
from apps.execution import terms
from apps.execution.models import Order, OrderEvent
from apps.execution.services import books, ledger, permits
from apps.execution.states import OrderState, Purpose
from apps.venues import services as venues
from apps.venues.adapters.base import NoAnswer, ReplaceRequest, VenueBusy, VenueOrder, VenueOrderState, VenueRejected

log = structlog.get_logger(__name__)
ACTOR = job("orders")
LOOK_AGAIN_S = 1.0
PERMIT = {"permit": "replace"}


def replace(order: Order) -> None:
    """Do the next thing for an order in PENDING_REPLACE: ask the venue once, and afterwards only look.

    What is not sent goes back to its old terms with what was reserved for the new ones freed; less of an order
    (permits.surely_less) is sent through holds and pauses, however long it has waited. Raises VenueBusy: nothing was
    sent, and it is tried again.
    """
    asked_at, was_permitted = _asked(order)
    if was_permitted:
        _look(order)
        return
    is_old = order.purpose == Purpose.OPENING and wall_now() - asked_at > permits.OPENING_AGE_MAX
    if not is_old or permits.surely_less(order, terms.asked(order)):
        venues.reserve_call(order.account, urgent=order.purpose == Purpose.EXIT)
    permitted = _permit(order, asked_at)
    if permitted is None:
        return
    if permits.is_late(permitted):
        _keep_old(order, "PERMIT_LATE")
        return
    _call(permitted)


def _call(permitted: Order) -> None:
    request = request_of(permitted)
    try:
        answer = venues.adapter_for(permitted.account).replace(request)
    except VenueBusy as error:
        _keep_old(permitted, error.code)
    except NoAnswer as error:
        log.warning("replace.unanswered", order=str(permitted.pk), code=error.code)
        claims.settle(permitted, due_in_s=LOOK_AGAIN_S)
    except VenueRejected as error:
        log.warning("replace.rejected", order=str(permitted.pk), code=error.code)
        _look(permitted, is_settled=True, reason=f"new terms refused: {error.code}")
    else:
        books.absorb(permitted, _stated(answer, request), reason="the venue took new terms", are_terms_final=True)


def request_of(order: Order) -> ReplaceRequest:
    """The terms that were asked for, in the venue's terms."""
    return ReplaceRequest(
        client_order_id=order.client_order_id.hex,
        symbol=order.instrument.symbol,
        quantity=order.replace_quantity or order.quantity,
        limit_price=order.replace_limit_price,
        stop_price=order.replace_stop_price,
    )


def _stated(answer: VenueOrder, request: ReplaceRequest) -> VenueOrder:
    """The answer to a change that was taken; prices that it leaves out are the ones that were asked for."""
    return changed(
        answer,
        limit_price=request.limit_price if answer.limit_price is None else answer.limit_price,
        stop_price=request.stop_price if answer.stop_price is None else answer.stop_price,
    )


def _asked(order: Order) -> tuple[datetime, bool]:
    """When the new terms were asked for, and whether a permit to send them was given since."""
    asked_at, was_permitted = order.created_at, False
    for event in OrderEvent.objects.filter(order=order).order_by("-sequence")[:100]:
        if event.state != OrderState.PENDING_REPLACE:
            break
        asked_at = event.created_at
        was_permitted = was_permitted or event.detail.get("permit") == PERMIT["permit"]
    return asked_at, was_permitted


def _permit(order: Order, asked_at: datetime) -> Order | None:
    """Commit `send_before` for the new terms, or take them back; None when they must not be sent."""
    with acting(ACTOR, "send permit for new terms"):
        row, deployment, state = permits.look(order)
        if row.state != OrderState.PENDING_REPLACE or not claims.is_ours(order, row):
            return None
        refusal = permits.refusal(row, deployment, state, decided_at=asked_at)
        if refusal:
            _restore(row, refusal)
            return None
        row.send_before = permits.until()
        row.save(update_fields=["send_before"])
        ledger.append(row, detail=PERMIT)
    return row


def _keep_old(order: Order, code: str) -> None:
    """The new terms were not sent and will not be."""
    with acting(ACTOR, f"new terms not sent: {code}"):
        row = ledger.locked(order)
        if row.state == OrderState.PENDING_REPLACE:
            _restore(row, code)


def _restore(row: Order, code: str) -> None:
    books.take_terms(row, row.quantity, None, None, reason=f"the old terms stay: {code}")
    books.keep_working(row)


def _look(order: Order, *, is_settled: bool = False, reason: str = "looked up after new terms were sent") -> None:
    """Ask the venue which terms hold; only what it says ends the doubt.

    `is_settled` says that the change is not on its way any more. Until then the old terms prove nothing.
    """
    try:
        found = venues.adapter_for(order.account).order_by_client_id(order.client_order_id.hex)
    except (NoAnswer, VenueRejected) as error:
        log.warning("lookup.unanswered", order=str(order.pk), code=error.code)
        found = None
    if found is None:
        claims.settle(order, due_in_s=LOOK_AGAIN_S)
    elif is_settled or _has_new_terms(order, found) or not permits.could_still_arrive(order):
        books.absorb(order, found, reason=reason, are_terms_final=True)
    else:
        claims.settle(order, due_in_s=LOOK_AGAIN_S)


def _has_new_terms(order: Order, found: VenueOrder) -> bool:
    """Whether the venue states what was asked for, or the order has ended there."""
    asked = request_of(order)
    prices = (found.limit_price in (None, asked.limit_price), found.stop_price in (None, asked.stop_price))
    is_changed = found.quantity == asked.quantity and all(prices)
    stated = (found.limit_price, found.stop_price) != (None, None) or asked.quantity != order.quantity
    return found.state != VenueOrderState.OPEN or (is_changed and stated)
