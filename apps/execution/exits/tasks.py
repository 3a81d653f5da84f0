"""Sweeps of exit plans."""

import structlog
from celery import shared_task

from apps.common import claims
from apps.execution.exits import services
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.states import ACTIVE_PLANS

log = structlog.get_logger(__name__)
LEASE_S = 30.0
PLANS_MAX = 50
RETRY_S = 5.0


@shared_task(name="execution.exits.advance_due")
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
            services.advance(plan)
        except Exception as error:  # one bad plan stops no other
            log.exception("exits.step_failed", plan=str(plan.pk), error=type(error).__name__)
            claims.settle(plan, due_in_s=RETRY_S)


@shared_task(name="execution.exits.flatten_before_close")
def flatten_before_close() -> None:
    """Start the exit plans of bots that must be flat by a close that is near."""
    services.flatten_before_close()
