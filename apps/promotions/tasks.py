"""Promotions worker: settles what waits for gates, ends what is late."""

from celery import shared_task

from apps.access import services as access
from apps.common import claims
from apps.promotions import services
from apps.promotions.models import Promotion
from apps.promotions.states import PromotionState


@shared_task(name="promotions.settle_due")
def settle_due() -> None:
    """Look at every promotion that waits for its gates, once."""
    waiting = Promotion.objects.filter(state=PromotionState.GATING)
    for promotion in claims.claim(waiting, lease_s=30, limit=100):
        services.settle(promotion)
        claims.settle(promotion, due_in_s=1)


@shared_task(name="promotions.expire_due")
def expire_due() -> None:
    """End promotions and consents whose time is over."""
    services.expire_due()
    access.expire_consents()
