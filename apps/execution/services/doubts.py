"""Orders that only a person can find out about: when they go before people, and what ends the question.

Until the venue or people say what became of it, such an order counts at its worst case: nothing is freed here.
"""

from collections.abc import Container
from datetime import datetime

from apps.access import services as access
from apps.access.models import Consent
from apps.access.states import ConsentState
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.common.clocks import wall_now
from apps.execution.models import Order, OrderEvent, OrderSettlement
from apps.execution.services import ledger
from apps.execution.states import RESTING, OrderState
from apps.venues.adapters.base import VenueOrderState
from apps.venues.models import Account

ACTOR = job("sync")
NO_LOOKUP = "the venue has no lookup: ask its desk what became of the order"
UNLISTED = "the venue does not list the order as open any more and has no lookup: ask its desk what became of it"
CANCEL_REFUSED = "the venue goes on refusing to cancel the order: ask its desk what became of it"
LISTED = "the venue lists it as open"
HELD = (*RESTING, OrderState.PENDING_CANCEL)
# The code of an order that has ended because people said so, not the venue.
SETTLED = "SETTLED_BY_PERSON"
SAID = "venue_says"
NOT_KNOWN_THERE = "it knows no such order"


def ask_person(row: Order, *, reason: str, actor: str) -> None:
    """Put a locked order before people, once, with an alert that stands until it is settled."""
    if row.needs_person:
        return
    row.needs_person = True
    Order.objects.filter(pk=row.pk).update(needs_person=True)
    ledger.append(row, reason=reason, detail={"needs_person": True})
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="ORDER_NEEDS_PERSON",
        title=f"{row.bot}: {reason}",
        scope=row.bot.scope,
        target=row,
        detail={"client_order_id": row.client_order_id.hex, "account": row.account.name},
        dedup_key=_key(row),
        actor=actor,
        reason=reason,
    )


def _key(row: Order) -> str:
    return f"order-needs-person:{row.pk}"


def end(row: Order, *, reason: str) -> None:
    """Nobody needs to ask about a locked order any more, if anybody did; what waits for a vote about it falls."""
    if not row.needs_person:
        return
    row.needs_person = False
    Order.objects.filter(pk=row.pk).update(needs_person=False)
    alerts.clear(dedup_key=_key(row), actor=ACTOR, reason=reason)
    _void(row, reason)


def _void(row: Order, reason: str) -> None:
    """What people said in this doubt is no answer to a later one."""
    said = OrderSettlement.objects.filter(order=row, applied_at__isnull=True, consent__state=ConsentState.OPEN)
    waiting = Consent.objects.filter(pk__in=list(said.values_list("consent", flat=True)), state=ConsentState.OPEN)
    for consent in waiting.select_for_update().order_by("pk"):
        access.void_consent(consent=consent, actor=ACTOR, reason=reason)


def note_answer(row: Order, said: str) -> None:
    """Keep what the venue says of exactly this order, which is locked, when it says another thing than before."""
    if said and said != _last_said(row):
        ledger.append(row, detail={SAID: said})


def says_open(order: Order) -> bool:
    """Whether the venue, asked about an order whose cancel it refuses, last said that it is open."""
    return order.state == OrderState.PENDING_CANCEL and _last_said(order) == VenueOrderState.OPEN


def _last_said(order: Order) -> str:
    told = OrderEvent.objects.filter(order=order, detail__has_key=SAID).order_by("-sequence").first()
    return "" if told is None else str(told.detail[SAID])


def compare(account: Account, still_open: Container[str], *, asked_at: datetime) -> None:
    """Put before people what works by our books and is missing from two lists of open orders in a row.

    For venues without lookup. `still_open` is what the venue answered to the question of `asked_at`. One list may
    be older than the order; the second was asked for after the first was found wanting.
    """
    for order in Order.objects.filter(account=account, state__in=HELD):
        if order.client_order_id.hex in still_open:
            if order.unlisted_at is not None or (order.needs_person and order.state in RESTING):
                _listed(ledger.known(order))
        elif not order.needs_person:
            _unlisted(ledger.known(order), asked_at)


def _listed(order: Order) -> None:
    """It works there. That answers no question why it cannot be cancelled."""
    with acting(ACTOR, LISTED):
        row = ledger.locked(order)
        Order.objects.filter(pk=row.pk).update(unlisted_at=None)
        if row.state in RESTING:
            end(row, reason=LISTED)


def _unlisted(order: Order, asked_at: datetime) -> None:
    with acting(ACTOR, UNLISTED):
        row = ledger.locked(order)
        if row.state not in HELD:
            return
        if row.unlisted_at is not None and row.unlisted_at < asked_at:
            ask_person(row, reason=UNLISTED, actor=ACTOR)
        else:
            Order.objects.filter(pk=row.pk).update(unlisted_at=wall_now())
