"""Sessions of bots that run elsewhere, and the dead-man's policy for those that fall silent (design §6).

A silent bot's openings are held and people are paged; its protective orders stay, and nothing is flattened. When
many sessions expire at once it is our fault, not theirs: then people are paged and nothing else is done.
"""

from datetime import timedelta

import structlog

from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.common import locks, nudges, states
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.deployments.states import Desired, Observed
from apps.execution.models import BotSession
from apps.execution.services.orders import is_attached
from apps.execution.states import SESSION_TRANSITIONS, SessionState
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.states import HoldLevel, TradingState

log = structlog.get_logger(__name__)
ACTOR = job("dead-man")
HEARTBEAT_S_MAX = 300
# So many at once, and at least half of all: the fault is on our side of the line.
MANY, MANY_SHARE = 3, 0.5
CLOCK_SKEW = timedelta(seconds=5)


def open_session(*, deployment: Deployment, build_id: str, heartbeat_s: int, actor: User, reason: str) -> BotSession:
    """Lease a session to a bot that runs elsewhere; one at a time, for the build that was approved.

    A session that the same bot left open is closed by the new one. Raises Refused DEPLOYMENT_NOT_ATTACHED,
    DEPLOYMENT_NOT_RUNNING, BUILD_MISMATCH; Invalid HEARTBEAT_OUT_OF_RANGE.
    """
    if not 1 <= heartbeat_s <= HEARTBEAT_S_MAX:
        raise Invalid("HEARTBEAT_OUT_OF_RANGE", f"a heartbeat comes every 1 to {HEARTBEAT_S_MAX} seconds")
    if not is_attached(deployment):
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
    """Apply the dead-man's policy to every session whose heartbeat is late; how many."""
    _bring_back()
    late = list(BotSession.objects.filter(state=SessionState.OPEN, due_at__lte=wall_now()).order_by("due_at"))
    everybody = BotSession.objects.filter(state=SessionState.OPEN).count()
    is_ours = len(late) >= MANY and len(late) >= MANY_SHARE * everybody
    return sum(_expire(session, is_ours=is_ours) for session in late)


def _bring_back() -> None:
    """A heartbeat from the future came before the wall clock was set back: the bot has one more to be heard by."""
    now = wall_now()
    for session in BotSession.objects.filter(state=SessionState.OPEN, heartbeat_at__gt=now + CLOCK_SKEW):
        with acting(ACTOR, "the wall clock was set back"):
            row = BotSession.objects.select_for_update().get(pk=session.pk)
            if row.state == SessionState.OPEN and row.heartbeat_at > now + CLOCK_SKEW:
                row.heartbeat_at, row.due_at = now, now + timedelta(seconds=row.heartbeat_s)
                row.save(update_fields=["heartbeat_at", "due_at"])


def _expire(session: BotSession, *, is_ours: bool) -> int:
    """Hold the silent bot's openings first, then say that its session is over: a kill in between repeats it."""
    session.refresh_from_db()
    if session.state != SessionState.OPEN or session.due_at is None or session.due_at > wall_now():
        return 0
    deployment = session.deployment
    scope = deployment.bot.scope
    if is_ours:
        outcome = "many bots fell silent at once: nothing was held"
    elif risk_state.trading_state(scope.lineage)[0] >= TradingState.REDUCING:
        outcome = "the bot was held already"
    else:
        risk.place_hold(
            scope=scope,
            level=HoldLevel.REDUCING,
            actor=ACTOR,
            reason=f"no heartbeat for {session.heartbeat_s} s: openings are held, protective orders stay",
        )
        outcome = "openings are held"
    with acting(ACTOR, outcome):
        row = BotSession.objects.select_for_update().get(pk=session.pk)
        if row.state == SessionState.OPEN:
            _end(row, SessionState.EXPIRED, outcome)
        alerts.raise_alert(
            tier=Tier.CRITICAL,
            code="SESSIONS_LOST" if is_ours else "BOT_SILENT",
            title="Many bots that run elsewhere fell silent at once" if is_ours else f"{deployment.bot} fell silent",
            scope=scope,
            target=row,
            detail={"outcome": outcome, "heartbeat_at": row.heartbeat_at.isoformat()},
            dedup_key="sessions-lost" if is_ours else f"bot-silent:{deployment.pk}",
            actor=ACTOR,
            reason=outcome,
        )
    return 1


def _end(row: BotSession, state: str, outcome: str) -> None:
    states.move(row, state, SESSION_TRANSITIONS, ended_at=wall_now(), outcome=outcome, due_at=None)
    audit.record(f"session.{state}", row, scope_id=row.deployment.bot.scope_id, after={"outcome": outcome})
    nudges.hint("fleet", f"bot:{row.deployment.bot_id}")
