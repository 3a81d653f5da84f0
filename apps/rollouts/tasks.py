"""Rollouts worker: applies approved promotions, pauses what a revoked key vouched for, reports gates from up here."""

from celery import shared_task

from apps.common import claims
from apps.promotions.models import Promotion
from apps.promotions.states import PromotionState
from apps.releases import services as releases
from apps.releases.models import Gate
from apps.releases.states import GateKind, Reporter
from apps.rollouts import services


@shared_task(name="rollouts.apply_due")
def apply_due() -> None:
    """Apply every approved promotion that is due, one claim each: one that breaks keeps no other waiting."""
    approved = Promotion.objects.filter(state=PromotionState.APPROVED)
    while rows := claims.claim(approved, lease_s=30):
        services.apply(rows[0])


@shared_task(name="rollouts.watch_trust")
def watch_trust() -> None:
    """Pause the deployments of builds that are not trusted any more."""
    services.watch_trust()


@shared_task(name="rollouts.report_due_gates")
def report_due_gates() -> None:
    """Report every paper window that a release is asked for."""
    asked = Gate.objects.filter(kind=GateKind.PAPER_WINDOW, definition__reporter=Reporter.FLOOR)
    parts = ("definition", "release__bot")
    while rows := claims.claim(asked, lease_s=30):
        gate = Gate.objects.select_related(*parts).get(pk=rows[0].pk)
        if gate.attempts > releases.ATTEMPTS_MAX:
            releases.give_up(gate)
        else:
            services.report_paper_window(gate)
