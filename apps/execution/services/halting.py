"""Halting: the kill switch as one verb: latch, list what was permitted, start the drain."""

import structlog
from django.db import DatabaseError, transaction

from apps.access.models import Scope, User
from apps.execution.selectors import open_permits
from apps.execution.services import draining
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import CancelChoice

log = structlog.get_logger(__name__)


def halt(
    *,
    scope: Scope,
    level: str,
    actor: User | str,
    reason: str,
    cancels: str = CancelChoice.OPENING,
    is_drill: bool = False,
    is_drained_here: bool = True,
) -> Hold:
    """Place a hold and begin to drain it: what API, page, command and drills call.

    When it returns the hold is latched and the orders whose permits were open are listed; it has waited for
    PostgreSQL alone. The drain runs in a thread of this process (not with `is_drained_here=False`: the caller
    drains) and beside it in workers, where there are any. Raises what risk.services.place_hold raises.
    """
    hold = risk.place_hold(
        scope=scope,
        level=level,
        actor=actor,
        reason=reason,
        cancels=cancels,
        is_drill=is_drill,
        is_announced=False,
    )
    try:
        _list_permits(hold)
    except DatabaseError as error:  # the hold stands; what it could not list ends in its drain all the same
        log.exception("halt.permits_unlisted", hold=str(hold.pk), error=type(error).__name__)
    if is_drained_here:
        transaction.on_commit(lambda: draining.start(hold.pk))
    return hold


def _list_permits(hold: Hold) -> None:
    found = open_permits(hold).select_related("instrument", "account")
    permits = [
        draining.listed(order) | {"send_before": order.send_before.isoformat() if order.send_before else ""}
        for order in found
    ]
    risk.note_permits(hold=hold, permits=permits)
