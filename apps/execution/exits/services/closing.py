"""End of day: bots whose approved bundle says flat are taken out before their session closes or their venue goes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.services import legs, plans
from apps.execution.exits.states import PlanSource, PlanState
from apps.execution.models import Order
from apps.execution.states import WORKING
from apps.markets import selectors as markets
from apps.markets.models import MaintenanceWindow

log = structlog.get_logger(__name__)
MINUTES_BEFORE = 15
GIVEN_UP = (PlanState.STOPPED, PlanState.BLOCKED)


@dataclass(frozen=True, slots=True)
class Deadline:
    """What bots have to be flat by: a close (market time), or announced maintenance (wall time of its start)."""

    at: datetime
    is_maintenance: bool


def flatten_before_close() -> int:
    """Start an exit plan for every bot that must be flat by a close or by maintenance that is near; how many.

    What a person has stopped, or what was blocked, is not started again for the same close or window.
    """
    due: dict[tuple[UUID, Deadline], list[Deployment]] = defaultdict(list)
    windows = list(markets.standing_maintenance(wall_now()))
    # A paused one too: what it holds does not wait for the bot to come back.
    bound = Deployment.objects.exclude(desired=Desired.STOPPED).filter(
        release__config_bundle__content__end_of_day__policy="flat"
    )
    for deployment in bound.select_related(*legs.RELATED).order_by("account_id", "instrument_id"):
        deadline = _deadline(deployment, windows)
        if deadline is not None and not _is_flat(deployment):
            due[deployment.bot.scope_id, deadline].append(deployment)
    return sum(_start(found, deadline) for (_, deadline), found in due.items())


def _deadline(deployment: Deployment, windows: Iterable[MaintenanceWindow]) -> Deadline | None:
    closes_at = close_due(deployment)
    if closes_at is not None:
        return Deadline(closes_at, is_maintenance=False)
    starts_at = maintenance_due(deployment, windows)
    return None if starts_at is None else Deadline(starts_at, is_maintenance=True)


def close_due(deployment: Deployment) -> datetime | None:
    """The market time of the close that is near enough to get out for, or None.

    Market time moves from bar to bar: when the next bar would end past the moment, the moment is now.
    """
    market_at = markets.market_now(deployment.feed)
    session = markets.session(deployment.instrument, market_at)
    if not session.is_open or session.closes_at is None:
        return None
    bar = timedelta(milliseconds=deployment.feed.dataset.interval_ms)
    return session.closes_at if market_at + bar > session.closes_at - _before(deployment) else None


def maintenance_due(deployment: Deployment, windows: Iterable[MaintenanceWindow]) -> datetime | None:
    """The wall time at which announced maintenance starts that is near enough to get out for, or None.

    The bundle's minutes are wall time here, whatever the speed of the feed: getting out takes wall time.
    """
    now, venue_id = wall_now(), deployment.account.venue.scope_id
    for window in windows:
        is_ours = window.scope_id == venue_id and window.instrument_id in (None, deployment.instrument_id)
        if is_ours and now < window.starts_at <= now + _before(deployment):
            is_open = markets.is_open(deployment.instrument, markets.market_now(deployment.feed))
            return window.starts_at if is_open else None
    return None


def _before(deployment: Deployment) -> timedelta:
    policy = deployment.release.config_bundle.content["end_of_day"]
    return timedelta(minutes=policy.get("minutes_before_close", MINUTES_BEFORE))


def _is_flat(deployment: Deployment) -> bool:
    """By our own record; a plan asks the venue."""
    key = {"account": deployment.account_id, "instrument": deployment.instrument_id}
    is_working = Order.objects.filter(**key, state__in=WORKING).exists()
    held = deployment.bot.positions.filter(**key).exclude(quantity=0)
    return not is_working and not held.exists()


def _start(found: list[Deployment], deadline: Deadline) -> bool:
    scope = found[0].bot.scope
    if _was_given_up(found[0], deadline):
        return False
    closes_at, what = deadline.at, "the close"
    if deadline.is_maintenance:
        closes_at, what = markets.market_time_at(found[0].feed, deadline.at), "the maintenance"
    reason = f"the bundle says flat at {what} of {deadline.at:%Y-%m-%d %H:%M} UTC"
    try:
        plans.start_end_of_day(scope=scope, deployments=found, closes_at=closes_at, reason=reason)
    except Refused as error:  # a plan is at work on it already
        log.info("end_of_day.not_started", scope=str(scope.pk), code=error.code)
        return False
    return True


def _was_given_up(deployment: Deployment, deadline: Deadline) -> bool:
    ended = ExitPlan.objects.filter(scope=deployment.bot.scope, state__in=GIVEN_UP)
    if deadline.is_maintenance:  # its market time follows from the feed's pace, so it names no window
        since = deadline.at - _before(deployment)
        return ended.filter(source=PlanSource.END_OF_DAY, created_at__gte=since).exists()
    return ended.filter(closes_at=deadline.at).exists()
