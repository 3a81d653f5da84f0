"""Takes an approved promotion live, after checking everything again."""

from apps.audit.context import acting, job
from apps.bots import services as bots
from apps.common.errors import DomainError
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.promotions import services as promotions
from apps.promotions.models import Promotion

ACTOR = job("rollouts")


def apply(promotion: Promotion) -> Deployment | None:
    """Apply an approved promotion in one transaction, or refuse it with the code of what fails.

    What was approved is what runs: consent, digest, gates and expiry are read fresh under locks, and the
    build is verified again. A re-check can only refuse. Applying twice is refused by the state.
    """
    reason = f"{promotion} was approved"
    try:
        bots.launchable(promotion.release.code_version)
        with acting(ACTOR, reason):
            row = promotions.ready_to_apply(promotion)
            deployment = deployments.start(promotion=row, actor=ACTOR, reason=reason)
            bots.set_stage(bot=row.bot, stage=row.stage, actor=ACTOR, reason=reason)
            promotions.mark_applied(promotion=row, actor=ACTOR, reason=f"runs as epoch {deployment.epoch}")
        return deployment
    except DomainError as error:
        if error.code != "PROMOTION_NOT_APPROVED":
            promotions.mark_refused(promotion=promotion, error=error, actor=ACTOR)
        return None
