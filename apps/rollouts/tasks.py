"""Rollouts worker: applies approved promotions; pauses what a revoked key vouched for."""

from celery import shared_task

from apps.common import claims
from apps.promotions.models import Promotion
from apps.promotions.states import PromotionState
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
