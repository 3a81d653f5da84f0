"""Sessions of bots that run elsewhere, and the dead-man's policy for those that fall silent (design §6).

A silent bot's openings are held and cancelled and people are paged; its protective orders and exits stay, and nothing
is flattened. When many sessions of several desks expire at once it is our fault, not theirs: then people are paged and
nothing else is done. A bot whose deployment was paused or went on to another epoch is refused, not silent.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Exists, F, OuterRef, QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.bots import services as bots
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
from apps.risk.states import HoldLevel, HoldSource, HoldState

log = structlog.get_logger(__name__)
ACTOR = job("dead-man")
HEARTBEAT_S_MAX = 300
# So many at once, and at least half of all: the fault is on our side of the line.
MANY, MANY_SHARE = 3, 0.5
# Heartbeats are not in step: who fell silent so shortly before counts as silent at the same time.
AT_ONCE = timedelta(seconds=30)
# Only who was heard for longer than this tells of us by its silence: sessions that are opened to be lost tell nothing.
LIVED = timedelta(seconds=30)
CLOCK_SKEW = timedelta(seconds=5)
LEASE_S = 15.0


def open_session(*, deployment: Deployment, build_id: str, heartbeat_s: int, actor: User, reason: str) -> BotSession:
    """Lease a session to a bot that runs elsewhere; one at a time, for the build that was approved.

    A session that the same bot left open is closed by the new one. Raises Refused DEPLOYMENT_NOT_ATTACHED,
    DEPLOYMENT_NOT_RUNNING, BUILD_MISMATCH, OWNER_LEFT; Invalid HEARTBEAT_OUT_OF_RANGE.
    """
    if not 1 <= heartbeat_s <= HEARTBEAT_S_MAX:
        raise Invalid("HEARTBEAT_OUT_OF_RANGE", f"a heartbeat comes every 1 to {HEARTBEAT_S_MAX} seconds")
    if not orders.is_attached(deployment):
        raise Refused("DEPLOYMENT_NOT_ATTACHED", "this bot runs here: only one that runs elsewhere has sessions")
    with acting(actor, reason):
        row = Deployment.objects.select_for_update(of=("self",), no_key=True).get(pk=deployment.pk)
        if row.desired != Desired.RUNNING:
            raise Refused("DEPLOYMENT_NOT_RUNNING", f"{row} is {row.desired}: resume it first")
        if not BotSession.objects.filter(deployment=row, epoch=row.epoch).exists():
            # One that comes back goes on: its exits need a session. Whoever attaches anew starts something.
            bots.require_owners(row.bot)
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
        if _is_fenced(row):
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

    Each is claimed first, so that two workers hold and cancel once; one that fails stops no other. A session that its
    deployment has left behind was refused its heartbeats: it is closed, and nothing is held and nobody paged for it.
    """
    _bring_back()
    due = BotSession.objects.filter(state=SessionState.OPEN, due_at__lte=wall_now()).order_by("due_at")
    late = list(due.select_related("deployment__bot__strategy__bucket"))
    ours = _desks_of_our_fault(late)
    return sum(_expire_one(session, is_ours=_desk(session) in ours) for session in late)


def _is_fenced(session: BotSession) -> bool:
    """Whether the deployment has moved on, so that this session's heartbeats are refused."""
    deployment = session.deployment
    return session.epoch != deployment.epoch or deployment.desired != Desired.RUNNING


def _desk(session: BotSession) -> UUID:
    return session.deployment.bot.strategy.bucket.desk_id


def _desks_of_our_fault(late: list[BotSession]) -> set[UUID]:
    """The desks whose late bots are silent through our fault."""
    if not late:
        return set()
    now = wall_now()
    # An end that is still ahead was written before the clock was set back.
    lost = BotSession.objects.filter(state=SessionState.EXPIRED, ended_at__range=(now - AT_ONCE, now + CLOCK_SKEW))
    alive = BotSession.objects.filter(
        ~_lost_before(),
        state=SessionState.OPEN,
        epoch=F("deployment__epoch"),
        deployment__desired=Desired.RUNNING,
    )
    silent = _witnesses(lost) | _witnesses(alive.filter(due_at__lte=now))
    known = silent | _witnesses(alive)
    return {desk for desk in {_desk(session) for session in late} if is_our_fault(desk, silent, known)}


def _lost_before() -> Exists:
    """Of an open session: it was held so long ago that it is not silent at once with others; a cancel is left."""
    held = Hold.objects.filter(
        scope=OuterRef("deployment__bot__scope"),
        source=HoldSource.DEAD_MAN,
        created_at__gte=OuterRef("due_at"),
        created_at__lt=wall_now() - AT_ONCE,
    )
    return Exists(held)


def _witnesses(sessions: QuerySet[BotSession]) -> dict[UUID, UUID]:
    """Desk by deployment, of those of `sessions` that were heard for long enough to tell anything."""
    lived = sessions.filter(heartbeat_at__gt=F("created_at") + LIVED)
    return dict(lived.values_list("deployment_id", "deployment__bot__strategy__bucket__desk_id"))


def is_our_fault(desk: UUID, silent: Mapping[UUID, UUID], known: Mapping[UUID, UUID]) -> bool:
    """Whether so many bots are silent at once that one of `desk` is silent through our fault. Pure.

    `silent` and `known` map deployments to their desks. The silent ones are of more than one desk, where more than one
    has bots elsewhere; and they are many without the bots of any one other desk too: what another desk loses, or lets
    go, never decides alone that this desk's bots are not held.
    """
    if len(set(silent.values())) < min(2, len(set(known.values()))):
        return False
    others = set(known.values()) - {desk}
    return _are_many(silent, known) and all(_are_many(_besides(silent, one), _besides(known, one)) for one in others)


def _are_many(silent: Mapping[UUID, UUID], known: Mapping[UUID, UUID]) -> bool:
    return len(silent) >= MANY and len(silent) >= MANY_SHARE * len(known)


def _besides(deployments: Mapping[UUID, UUID], desk: UUID) -> dict[UUID, UUID]:
    return {deployment: other for deployment, other in deployments.items() if other != desk}


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
            return _judge(claimed, is_ours=is_ours)
        except Exception as error:  # its lease runs out and it is tried again
            log.exception("session.not_expired", session=str(claimed.pk), error=type(error).__name__)
    return 0


def _judge(session: BotSession, *, is_ours: bool) -> int:
    """Close or expire a late session; whether the policy applied to it.

    A bot that was held before its deployment moved on is not left behind: what is left to cancel is cancelled still.
    """
    if _is_fenced(session) and not _is_taken_up(session):
        _close_fenced(session)
        return 0
    _expire(session, is_ours=is_ours)
    return 1


def _close_fenced(session: BotSession) -> None:
    deployment = session.deployment
    moved = "went on to another epoch" if deployment.desired == Desired.RUNNING else f"is {deployment.desired}"
    with acting(ACTOR, f"the deployment {moved}: its bot was refused, not silent"):
        row = BotSession.objects.select_for_update().get(pk=session.pk)
        if row.state == SessionState.OPEN:
            _end(row, SessionState.CLOSED, f"the deployment {moved}: nothing was held")


def _expire(session: BotSession, *, is_ours: bool) -> None:
    """Hold the silent bot's openings, cancel them, then say that its session is over: a kill in between repeats it.

    Once it is held the policy goes on to its end, whoever else is silent by then.
    """
    left, is_ours = 0, is_ours and not _is_held(session)
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


def _own_holds(session: BotSession) -> QuerySet[Hold]:
    return Hold.objects.filter(scope=session.deployment.bot.scope_id, source=HoldSource.DEAD_MAN)


def _is_taken_up(session: BotSession) -> bool:
    """Whether the dead-man has placed a hold since this session's heartbeat is late, though it be released again."""
    since = session.due_at or session.heartbeat_at
    return _own_holds(session).filter(created_at__range=(since, wall_now() + CLOCK_SKEW)).exists()


def _is_held(session: BotSession) -> bool:
    return _own_holds(session).filter(state=HoldState.ACTIVE).exists() or _is_taken_up(session)


def _hold_openings(session: BotSession) -> None:
    """Place the dead-man's own hold, whatever else holds the bot; none while one of his stands, and one for a loss.

    Another hold may be released while the bot is silent still, and may not bring it back. A second of his own would
    hold nothing more, and take two more people to release.
    """
    if not _is_held(session):
        risk.place_hold(
            scope=session.deployment.bot.scope,
            level=HoldLevel.REDUCING,
            source=HoldSource.DEAD_MAN,
            actor=ACTOR,
            reason=f"no heartbeat for {session.heartbeat_s} s: openings are held and cancelled, protective orders stay",
            unless_held=HoldSource.DEAD_MAN,
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
    """Page for this bot under a key of its own; when many are lost, tell the firm once as well."""
    deployment = row.deployment
    detail = {"outcome": outcome, "heartbeat_at": row.heartbeat_at.isoformat()}
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code="BOT_SILENT",
        title=f"{deployment.bot} fell silent",
        scope=deployment.bot.scope,
        target=row,
        detail=detail,
        dedup_key=f"bot-silent:{deployment.pk}",
        actor=ACTOR,
        reason=outcome,
    )
    if is_ours:
        alerts.raise_alert(
            tier=Tier.CRITICAL,
            code="SESSIONS_LOST",
            title="Many bots that run elsewhere fell silent at once",
            scope=access.firm().scope,
            detail={"outcome": outcome},
            dedup_key="sessions-lost",
            actor=ACTOR,
            reason=outcome,
        )


def _end(row: BotSession, state: str, outcome: str) -> None:
    ended: dict[str, Any] = {"due_at": None, "lease_owner": "", "lease_until": None}
    states.move(row, state, SESSION_TRANSITIONS, ended_at=wall_now(), outcome=outcome, **ended)
    audit.record(f"session.{state}", row, scope_id=row.deployment.bot.scope_id, after={"outcome": outcome})
    nudges.hint("fleet", f"bot:{row.deployment.bot_id}")
