"""Sessions of bots that run elsewhere, and the dead-man's policy for those that fall silent (design §6).

A silent bot's openings are held and cancelled and people are paged; its protective orders and exits stay, and nothing
is flattened. When many sessions expire at once it is our fault, not theirs: then people are paged and nothing else is
done.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import Q

from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.common import claims, locks, nudges, states
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Invalid, Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.deployments.states import Desired, Observed
from apps.execution.models import BotSession, Order
from apps.execution.services import orders
from apps.execution.states import SESSION_TRANSITIONS, WORKING, Purpose, SessionState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import HoldLevel, HoldSource

log = structlog.get_logger(__name__)
ACTOR = job("dead-man")
HEARTBEAT_S_MAX = 300
# So many at once, and at least half of all: the fault is on our side of the line.
MANY, MANY_SHARE = 3, 0.5
# Heartbeats are not in step: who fell silent so shortly before counts as silent at the same time.
AT_ONCE = timedelta(seconds=30)
CLOCK_SKEW = timedelta(seconds=5)
LEASE_S = 15.0


def open_session(*, deployment: Deployment, build_id: str, heartbeat_s: int, actor: User, reason: str) -> BotSession:
    """Lease a session to a bot that runs elsewhere; one at a time, for the build that was approved.

    A session that the same bot left open is closed by the new one. Raises Refused DEPLOYMENT_NOT_ATTACHED,
    DEPLOYMENT_NOT_RUNNING, BUILD_MISMATCH; Invalid HEARTBEAT_OUT_OF_RANGE.
    """
    if not 1 <= heartbeat_s <= HEARTBEAT_S_MAX:
        raise Invalid("HEARTBEAT_OUT_OF_RANGE", f"a heartbeat comes every 1 to {HEARTBEAT_S_MAX} seconds")
    if not orders.is_attached(deployment):
        raise Refused("DEPLOYMENT_NOT_ATTACHED", "this bot runs here: only one that runs elsewhere has sessions")
    with acting(actor, reason):
        row = Deployment.objects.select_for_update(of=("self",), no_key=True).get(pk=deployment.pk)
        if row.desired != Desired.RUNNING:
            raise Refused("DEPLOYMENT_NOT_RUNNING", f"{row} is {row.desired}: resume it first")
        if row.release.build_id != build_id:
            raise Refused("BUILD_MISMATCH", "this is not the build that was approved", build_id=row.release.build_id)
        for known in BotSession.objects.select_for_update().filter(deployment=row, state=SessionState.OPEN):
            _end(known, SessionState.CLOSED, "the bot opened another session")
        now = wall_now()
        session = BotSession.objects.create(
            deployment=row,
            epoch=row.epoch,
            build_id=build_id,
            opened_by=actor,
            heartbeat_s=heartbeat_s,
            heartbeat_at=now,
            due_at=now + timedelta(seconds=heartbeat_s),
        )
        audit.record("session.opened", session, scope_id=row.bot.scope_id, after={"epoch": row.epoch})
        deployments.observe(deployment=row, observed=Observed.RUNNING, actor=actor, reason="the bot opened a session")
        nudges.hint("fleet", f"bot:{row.bot_id}")
    return session


def beat(*, session: BotSession, actor: User) -> BotSession:
    """The bot lives: prolong its lease. Raises Refused SESSION_OVER, EPOCH_FENCED."""
    with acting(actor, "heartbeat"):
        row = locks.row(BotSession.objects.select_related("deployment"), session.pk)
        if row.state != SessionState.OPEN:
            raise Refused("SESSION_OVER", f"this session is {row.state}: open a new one", outcome=row.outcome)
        if row.epoch != row.deployment.epoch or row.deployment.desired != Desired.RUNNING:
            raise Refused("EPOCH_FENCED", "the deployment has moved on: open a new session with its present build")
        row.heartbeat_at = wall_now()
        row.due_at = row.heartbeat_at + timedelta(seconds=row.heartbeat_s)
        row.save(update_fields=["heartbeat_at", "due_at"])
    return row


def close_session(*, session: BotSession, actor: User, reason: str) -> BotSession:
    """The bot signs off in good order: nothing is held and nothing is cancelled. Raises Refused SESSION_OVER."""
    with acting(actor, reason):
        row = BotSession.objects.select_for_update(of=("self",)).get(pk=session.pk)
        if row.state != SessionState.OPEN:
            raise Refused("SESSION_OVER", f"this session is {row.state}")
        _end(row, SessionState.CLOSED, f"closed by {actor_text(actor)}")
    return row


def expire_sessions() -> int:
    """Apply the dead-man's policy to every session whose heartbeat is late; to how many.

    Each is claimed first, so that two workers hold and cancel once; one that fails stops no other.
    """
    _bring_back()
    late = list(BotSession.objects.filter(state=SessionState.OPEN, due_at__lte=wall_now()).order_by("due_at"))
    is_ours = _are_many(late)
    return sum(_expire_one(session, is_ours=is_ours) for session in late)


def _are_many(late: list[BotSession]) -> bool:
    """Whether so many bots are silent at once that the fault must be ours."""
    lost = Q(state=SessionState.EXPIRED, ended_at__gte=wall_now() - AT_ONCE)
    silent = {session.deployment_id for session in late}
    silent |= set(BotSession.objects.filter(lost).values_list("deployment_id", flat=True))
    known = BotSession.objects.filter(lost | Q(state=SessionState.OPEN)).values_list("deployment_id", flat=True)
    return len(silent) >= MANY and len(silent) >= MANY_SHARE * len(set(known))


def _bring_back() -> None:
    """A heartbeat from the future came before the wall clock was set back: the bot has one more to be heard by."""
    now = wall_now()
    for session in BotSession.objects.filter(state=SessionState.OPEN, heartbeat_at__gt=now + CLOCK_SKEW):
        with acting(ACTOR, "the wall clock was set back"):
            row = BotSession.objects.select_for_update().get(pk=session.pk)
            if row.state == SessionState.OPEN and row.heartbeat_at > now + CLOCK_SKEW:
                row.heartbeat_at, row.due_at = now, now + timedelta(seconds=row.heartbeat_s)
                row.save(update_fields=["heartbeat_at", "due_at"])


def _expire_one(session: BotSession, *, is_ours: bool) -> int:
    for claimed in claims.claim(BotSession.objects.filter(pk=session.pk, state=SessionState.OPEN), lease_s=LEASE_S):
        try:
            _expire(claimed, is_ours=is_ours)
        except Exception as error:  # its lease runs out and it is tried again
            log.exception("session.not_expired", session=str(claimed.pk), error=type(error).__name__)
            return 0
        return 1
    return 0


def _expire(session: BotSession, *, is_ours: bool) -> None:
    """Hold the silent bot's openings, cancel them, then say that its session is over: a kill in between repeats it."""
    left = 0
    if is_ours:
        outcome = "many bots fell silent at once: nothing was held"
    else:
        _hold_openings(session)
        left = _cancel_openings(session)
        outcome = f"openings are held; {left} could not be cancelled yet" if left else "openings are held and cancelled"
    with acting(ACTOR, outcome):
        row = BotSession.objects.select_for_update().get(pk=session.pk)
        if row.state == SessionState.OPEN and not left:
            _end(row, SessionState.EXPIRED, outcome)
        _page(row, outcome, is_ours=is_ours)


def _hold_openings(session: BotSession) -> None:
    """Place the dead-man's own hold, once for a lost session, whatever else holds the bot.

    The other hold may be released while the bot is silent still, and may not bring it back.
    """
    scope, since = session.deployment.bot.scope, session.due_at or session.heartbeat_at
    if not Hold.objects.filter(scope=scope, source=HoldSource.DEAD_MAN, created_at__gte=since).exists():
        risk.place_hold(
            scope=scope,
            level=HoldLevel.REDUCING,
            source=HoldSource.DEAD_MAN,
            actor=ACTOR,
            reason=f"no heartbeat for {session.heartbeat_s} s: openings are held and cancelled, protective orders stay",
        )


def _cancel_openings(session: BotSession) -> int:
    """Cancel what the bot itself has working to open more; how many could not be asked for.

    Under the hold no new one can follow. What guards or closes a position stays, and so does what a person placed.
    """
    own = Order.objects.filter(bot=session.deployment.bot_id, by_person=False, cancel_requested=False)
    left = 0
    for order in own.filter(purpose=Purpose.OPENING, state__in=WORKING).order_by("id"):
        try:
            orders.cancel(order=order, actor=ACTOR, reason="the bot fell silent: nothing opens unattended")
        except (DomainError, DatabaseError) as error:
            log.exception("session.not_cancelled", order=str(order.pk), error=type(error).__name__)
            left += 1
    return left


def _page(row: BotSession, outcome: str, *, is_ours: bool) -> None:
    deployment = row.deployment
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="SESSIONS_LOST" if is_ours else "BOT_SILENT",
        title="Many bots that run elsewhere fell silent at once" if is_ours else f"{deployment.bot} fell silent",
        scope=deployment.bot.scope,
        target=row,
        detail={"outcome": outcome, "heartbeat_at": row.heartbeat_at.isoformat()},
        dedup_key="sessions-lost" if is_ours else f"bot-silent:{deployment.pk}",
        actor=ACTOR,
        reason=outcome,
    )


def _end(row: BotSession, state: str, outcome: str) -> None:
    ended: dict[str, Any] = {"due_at": None, "lease_owner": "", "lease_until": None}
    states.move(row, state, SESSION_TRANSITIONS, ended_at=wall_now(), outcome=outcome, **ended)
    audit.record(f"session.{state}", row, scope_id=row.deployment.bot.scope_id, after={"outcome": outcome})
    nudges.hint("fleet", f"bot:{row.deployment.bot_id}")
