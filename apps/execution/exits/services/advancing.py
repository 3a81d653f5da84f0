"""Every due plan by a step: what a worker's sweep does, and what one process does that has no workers beside it."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q

from apps.common import claims
from apps.execution import services as execution
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services import legs as positions
from apps.execution.exits.services.looks import slice_id
from apps.execution.exits.services.steps import LEASE_S, advance
from apps.execution.exits.states import ACTIVE_LEGS, ACTIVE_PLANS
from apps.execution.models import Order
from apps.execution.states import WORKING, OrderState
from apps.markets import services as markets

log = structlog.get_logger(__name__)
PLANS_MAX = 50
RETRY_S = 5.0


def advance_due() -> None:
    """Take every due plan one step further; one at a time, so that no lease waits.

    Bounded: a plan whose venue is slow may be due again at once.
    """
    for _ in range(PLANS_MAX):
        rows = claims.claim(ExitPlan.objects.filter(state__in=ACTIVE_PLANS), lease_s=LEASE_S)
        if not rows:
            return
        plan = ExitPlan.objects.select_related("scope", "requested_by").get(pk=rows[0].pk)
        # The lease is the one that we were given, not whoever's it may be by now.
        plan.lease_owner, plan.attempts = rows[0].lease_owner, rows[0].attempts
        try:
            advance(plan)
        except Exception as error:  # one bad plan stops no other
            log.exception("exits.step_failed", plan=str(plan.pk), error=type(error).__name__)
            claims.settle(plan, due_in_s=RETRY_S)


def advance_here() -> list[ExitPlan]:
    """One pass over all active plans from this process; those plans afterwards, oldest first.

    Needs PostgreSQL and the venues alone: the feeds of the positions tick, the venues are asked for prices, due plans
    take a step, their slices and cancels are sent, and what became of them is booked. Workers that live do the same
    work beside it, since everything is claimed first. No order is submitted but the slices of plans.
    """
    plan_ids = list(ExitPlan.objects.filter(state__in=ACTIVE_PLANS).values_list("pk", flat=True))
    _hear(_open_legs(plan_ids))
    advance_due()
    legs = _open_legs(plan_ids)
    for leg in legs:
        _send(leg)
    execution.sync_due_accounts({leg.account_id for leg in legs})
    return list(ExitPlan.objects.filter(pk__in=plan_ids).select_related("scope").order_by("id"))


def _open_legs(plan_ids: Iterable[UUID]) -> list[ExitLeg]:
    related = [f"deployment__{name}" for name in positions.RELATED]
    legs = ExitLeg.objects.filter(plan__in=plan_ids, state__in=ACTIVE_LEGS).select_related(*related)
    return list(legs.order_by("id"))


def _hear(legs: Iterable[ExitLeg]) -> None:
    """Market time goes on, and prices are fresh; a feed that cannot tick stops no plan that does without it."""
    deployments = [leg.deployment for leg in legs]
    for feed in {row.feed_id: row.feed for row in deployments}.values():
        try:
            markets.tick_feed(feed)
        except Exception as error:
            log.exception("exits.feed_not_ticked", feed=feed.name, error=type(error).__name__)
    execution.refresh_references(deployments)


def _send(leg: ExitLeg) -> None:
    """What an order worker would do for the position: submit the leg's slices, cancel and look up what is there."""
    slices = [slice_id(leg.pk, number) for number in range(1, leg.slices + 1)]
    there = Order.objects.filter(account=leg.account_id, instrument=leg.instrument_id, state__in=WORKING)
    due = there.filter(Q(client_order_id__in=slices) | ~Q(state=OrderState.INITIALIZED))
    for pk in list(due.order_by("id").values_list("pk", flat=True)):
        execution.send_here(Order.objects.filter(pk=pk), lease_s=settings.VENUE_TIMEOUT_S * 4)
