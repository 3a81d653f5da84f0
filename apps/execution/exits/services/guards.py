"""Taking away what guarded a position that is flat: left alone, it would open one."""

from collections.abc import Sequence

from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import nudges
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution.exits.rules import WorkingOrder
from apps.execution.exits.services.looks import Look
from apps.execution.models import Order
from apps.execution.services import ledger
from apps.execution.states import RESTING, WORKING, OrderState, Purpose

ACTOR = job("exit-plan")


def sweep(deployment: Deployment, guards: Sequence[WorkingOrder], look: Look) -> None:
    """Cancel the protective orders of a position that the venue has just called flat, a hold or not.

    Nothing happens when anything else came up for the position since the look: it may be flat no more.
    """
    if look.held != 0:
        return
    wanted = {guard.id for guard in guards if not guard.is_cancelling}
    for order in look.orders:
        if order.pk in wanted:
            _take_away(deployment, order, look)


def _take_away(deployment: Deployment, order: Order, look: Look) -> None:
    with acting(ACTOR, "the position that it guarded is flat"):
        row = ledger.locked(order)
        if row.purpose != Purpose.PROTECTIVE or row.state not in WORKING or _is_traded_again(deployment, look):
            return
        if row.state in RESTING:
            ledger.advance(row, OrderState.PENDING_CANCEL, cancel_requested=True, due_at=wall_now())
        elif row.state == OrderState.INITIALIZED:
            ledger.advance(row, OrderState.CANCELED, cancel_requested=True)
        else:
            Order.objects.filter(pk=row.pk).update(cancel_requested=True)
        audit.record("order.cancel_asked", row, scope_id=row.bot.scope_id)
        nudges.wake("execution.send_due_orders")


def _is_traded_again(deployment: Deployment, look: Look) -> bool:
    """Whether another order works now or was made since the look; asked under the exposure's lock."""
    rows = Order.objects.filter(account=deployment.account_id, instrument=deployment.instrument_id)
    others = rows.exclude(pk__in=[order.pk for order in look.orders])
    working = rows.filter(state__in=WORKING).exclude(purpose=Purpose.PROTECTIVE)
    return working.exists() or others.filter(created_at__gte=look.looked_at).exists()
