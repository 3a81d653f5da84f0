"""Takes an approved promotion live, after checking everything again."""

from apps.audit.context import acting, job
from apps.bots import services as bots
from apps.common.errors import DomainError
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.releases import services as releases
from apps.releases.models import Gate
from apps.rollouts import windows

ACTOR = job("rollouts")
NO_DATA = (
    "PAPER_WINDOW_EMPTY: this code with these parameters has not traded on paper in the window: "
    "let it trade there, then ask again"
)


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


def report_paper_window(gate: Gate) -> Gate:
    """Say what the release did on paper; the gate's definition judges it, and no data is an error."""
    found = windows.figures(gate)
    error = "" if found else NO_DATA
    return releases.report_gate(gate=gate, actor=ACTOR, reason="paper window measured", figures=found, error=error)
