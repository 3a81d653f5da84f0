"""Passive breaches: which lines of scopes are traded on, for risk to compare with their limits."""

from apps.deployments.models import Deployment
from apps.execution.services import ledger, valuing
from apps.risk import services as risk


def contain_breaches() -> int:
    """Compare what is held with the limits in force; how many are exceeded. As `risk.services.contain_breaches`."""
    return risk.contain_breaches([_line(deployment) for deployment in valuing.in_use()])


def _line(deployment: Deployment) -> risk.Line:
    return risk.Line(
        bot_scope_id=deployment.bot.scope_id,
        instrument_scope_id=deployment.instrument.scope_id,
        mode=deployment.account.mode,
        scope_ids=frozenset(ledger.scope_ids(deployment)),
        bundle=deployment.limits,
    )
