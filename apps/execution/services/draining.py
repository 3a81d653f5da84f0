"""Draining a hold: cancel the opening orders below its scope until none is left at the venue."""

import structlog
from django.db import DatabaseError
from django.db.models import Q

from apps.access.models import Scope
from apps.audit.context import job
from apps.common import claims
from apps.common.errors import DomainError
from apps.execution.models import Order
from apps.execution.services import orders
from apps.execution.states import WORKING, Purpose
from apps.risk import services as risk
from apps.risk.models import Hold

log = structlog.get_logger(__name__)


def drain_hold(hold: Hold) -> int:
    """Ask for the cancel of every opening order below the hold; how many are still working.

    Protective orders and exits stay. When nothing is left the hold is marked drained.
    """
    left = list(opening_orders_below(hold.scope))
    for order in left:
        if not order.cancel_requested:
            _cancel(order, hold)
    if left:
        claims.settle(hold, due_in_s=0.5)
    else:
        risk.mark_drained(hold=hold)
    return len(left)


def _cancel(order: Order, hold: Hold) -> None:
    """One order that cannot be cancelled now is tried again; it never keeps the others open."""
    try:
        orders.cancel(order=order, actor=job("drain"), reason=f"hold on {hold.scope}: {hold.reason}")
    except (DomainError, DatabaseError) as error:
        log.exception("drain.failed", order=str(order.pk), error=type(error).__name__)


def below(scope: Scope) -> Q:
    """Orders that a hold on `scope` concerns: by bot, account, venue or instrument."""
    return (
        Q(bot__scope__path__startswith=scope.path)
        | Q(account__scope__path__startswith=scope.path)
        | Q(account__venue__scope=scope)
        | Q(instrument__scope=scope)
    )


def opening_orders_below(scope: Scope) -> "list[Order]":
    """Working orders that open risk below `scope`."""
    return list(Order.objects.filter(below(scope), purpose=Purpose.OPENING, state__in=WORKING))
