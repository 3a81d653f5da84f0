"""Takes an approved promotion live, after checking everything again; stops what is not trusted any more."""

from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.bots import selectors
from apps.bots import services as bots
from apps.common.errors import DomainError, Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
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


def watch_trust() -> int:
    """Pause what runs though a key that vouches for it was revoked, and tell the desk; how many were paused.

    A pause begins a new epoch: the warm bot of the old one commits nothing and sends nothing. Resuming starts from a
    launch, which verifies again.
    """
    running = Deployment.objects.filter(desired=Desired.RUNNING).select_related("release__code_version", "bot__scope")
    revoked = list(running.filter(release__code_version__in=selectors.untrusted()))
    return sum(map(_stop_trusting, revoked))


def _stop_trusting(deployment: Deployment) -> bool:
    """Whether this pause was ours: another worker, or a person, may have been faster."""
    reason = f"a key that vouches for {deployment.release.code_version.version} is not trusted any more"
    try:
        with acting(ACTOR, reason):
            deployments.pause(deployment=deployment, actor=ACTOR, reason=reason)
            _alert(deployment, reason)
    except Refused:
        return False
    return True


def _alert(deployment: Deployment, reason: str) -> None:
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="TRUST_WITHDRAWN",
        title=f"{deployment} is paused: {reason}",
        scope=deployment.bot.scope,
        target=deployment,
        detail={"build_id": deployment.release.build_id},
        dedup_key=f"trust:{deployment.pk}:{deployment.epoch}",
        actor=ACTOR,
        reason=reason,
    )


def report_paper_window(gate: Gate) -> Gate:
    """Say what the release did on paper; the gate's definition judges it, and no data is an error."""
    found = windows.figures(gate)
    error = "" if found else NO_DATA
    return releases.report_gate(gate=gate, actor=ACTOR, reason="paper window measured", figures=found, error=error)
