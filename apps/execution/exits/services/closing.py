"""End of day: bots whose approved bundle says flat are taken out before their session closes."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.services import legs, plans
from apps.execution.exits.states import PlanState
from apps.execution.models import Order
from apps.execution.states import WORKING
from apps.markets import selectors as markets

log = structlog.get_logger(__name__)
MINUTES_BEFORE = 15
GIVEN_UP = (PlanState.STOPPED, PlanState.BLOCKED)


def flatten_before_close() -> int:
    """Start an exit plan for every bot that must be flat by a close that is near; how many.

    What a person has stopped, or what was blocked, is not started again for the same close.
    """
    due: dict[tuple[UUID, datetime], list[Deployment]] = defaultdict(list)
    # A paused one too: what it holds does not wait for the bot to come back.
    bound = Deployment.objects.exclude(desired=Desired.STOPPED).filter(
        release__config_bundle__content__end_of_day__policy="flat"
    )
    for deployment in bound.select_related(*legs.RELATED).order_by("account_id", "instrument_id"):
        closes_at = close_due(deployment)
        if closes_at is not None and not _is_flat(deployment):
            due[deployment.bot.scope_id, closes_at].append(deployment)
    return sum(_start(found, closes_at) for (_, closes_at), found in due.items())


def close_due(deployment: Deployment) -> datetime | None:
    """The market time of the close that is near enough to get out for, or None.

    Market time moves from bar to bar: when the next bar would end past the moment, the moment is now.
    """
    policy = deployment.release.config_bundle.content["end_of_day"]
    market_at = markets.market_now(deployment.feed)
    session = markets.session(deployment.instrument, market_at)
    if not session.is_open or session.closes_at is None:
        return None
    before = timedelta(minutes=policy.get("minutes_before_close", MINUTES_BEFORE))
    bar = timedelta(milliseconds=deployment.feed.dataset.interval_ms)
    return session.closes_at if market_at + bar > session.closes_at - before else None


def _is_flat(deployment: Deployment) -> bool:
    """By our own record; a plan asks the venue."""
    key = {"account": deployment.account_id, "instrument": deployment.instrument_id}
    is_working = Order.objects.filter(**key, state__in=WORKING).exists()
    held = deployment.bot.positions.filter(**key).exclude(quantity=0)
    return not is_working and not held.exists()


def _start(found: list[Deployment], closes_at: datetime) -> bool:
    scope = found[0].bot.scope
    if ExitPlan.objects.filter(scope=scope, closes_at=closes_at, state__in=GIVEN_UP).exists():
        return False
    reason = f"the bundle says flat at the close of {closes_at:%Y-%m-%d %H:%M} UTC"
    try:
        plans.start_end_of_day(scope=scope, deployments=found, closes_at=closes_at, reason=reason)
    except Refused as error:  # a plan is at work on it already
        log.info("end_of_day.not_started", scope=str(scope.pk), code=error.code)
        return False
    return True
