"""Holds: placed at once by one person, released one by one; to ACTIVE only by two (design §6)."""

from collections.abc import Iterable
from datetime import timedelta
from time import perf_counter

import psycopg
from django.db import OperationalError

from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.common import locks, nudges, states
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused
from apps.risk.models import Hold
from apps.risk.states import (
    AUTOMATIC,
    DRAIN_TRANSITIONS,
    HOLD_TRANSITIONS,
    CancelChoice,
    DrainState,
    HoldLevel,
    HoldSource,
    HoldState,
    TradingState,
)

RELEASE_OPEN_H = 8


def place_hold(
    *,
    scope: Scope,
    level: str,
    actor: User | str,
    reason: str,
    cancels: str = CancelChoice.OPENING,
    source: str = HoldSource.KILL,
    is_drill: bool = False,
    is_size_unknown: bool = False,
    unless_held: bool | str = False,
    is_announced: bool = True,
) -> Hold:
    """Stop a scope. When this returns the hold is latched: no new send permit can exist below it.

    The exclusive lock waits for permits being written and keeps new ones out until the hold is
    committed. It needs PostgreSQL alone; only the nudges, which `is_announced=False` leaves to the caller's
    `announce_hold`, try Redis. Execution's `halt` places a hold and starts its drain at once.

    A person throws the switch where permissions reach. What acts by itself says so by its `source`: it takes the
    smallest scope, and only reduces unless `is_size_unknown`. With `unless_held` a hold that stands on the very scope
    and is as strict is returned instead, decided under the lock; where it names a source, only a hold of that source.

    Raises Invalid HOLD_LEVEL_UNKNOWN, CANCELS_UNKNOWN, REDUCING_CANCELS_NOTHING, HOLD_SOURCE_UNKNOWN or
    REASON_MISSING; Refused HOLD_TOO_WIDE, HOLD_TOO_STRICT.
    """
    _check_asked(level, cancels, reason)
    source = HoldSource.DRILL if is_drill else source
    _check_source(scope, level, cancels, source, is_size_unknown)
    started = perf_counter()
    drains = level == HoldLevel.HALTED
    hold = Hold(
        scope=scope,
        level=level,
        reason=reason,
        placed_by=actor_text(actor),
        cancels=cancels,
        source=source,
        is_drill=source == HoldSource.DRILL,
        drain_state=DrainState.PENDING if drains else DrainState.NOT_NEEDED,
        due_at=wall_now() if drains else None,
    )
    placed = _latch(hold, actor, reason, unless_held)
    if placed is not hold:
        return placed
    hold.latched_at, hold.latch_ms = wall_now(), round((perf_counter() - started) * 1000, 3)
    with acting(actor, "latched"):
        hold.save(update_fields=["latched_at", "latch_ms"])
    if is_announced:
        announce_hold()
    return hold


def _latch(hold: Hold, actor: User | str, reason: str, unless_held: bool | str) -> Hold:
    """Commit the hold under the exclusive lock.

    Where a transaction does not give the lock back in time the hold commits first, so that whoever gets a
    permit from then on reads it, and the lock is waited for afterwards: that waits the others out just as well.
    """
    try:
        with acting(actor, reason):
            locks.exclusive([hold.scope_id])
            return _insert(hold, unless_held)
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        with acting(actor, reason):
            placed = _insert(hold, unless_held)
        with acting(actor, reason):
            locks.exclusive([hold.scope_id])
        return placed


def _insert(hold: Hold, unless_held: bool | str) -> Hold:
    for other in _standing(hold, unless_held):
        if TradingState[other.level] >= TradingState[hold.level]:
            return other
    hold.epoch = Hold.objects.filter(scope=hold.scope_id).count() + 1
    hold.save(force_insert=True)
    after = {"level": hold.level, "cancels": hold.cancels, "source": hold.source}
    audit.record("hold.placed", hold, scope_id=hold.scope_id, after=after)
    return hold


def _standing(hold: Hold, unless_held: bool | str) -> Iterable[Hold]:
    """The holds that may stand in for this one, oldest first."""
    if not unless_held:
        return ()
    standing = Hold.objects.filter(scope=hold.scope_id, state=HoldState.ACTIVE).order_by("id")
    return standing if unless_held is True else standing.filter(source=unless_held)


def announce_hold() -> None:
    """Tell browsers and workers of a new hold; only nudges, and the one part of a hold that tries Redis."""
    nudges.hint("holds", "fleet")
    nudges.wake("execution.drain_holds")


def note_permits(*, hold: Hold, permits: list[dict[str, str]]) -> None:
    """Execution lists the orders whose permits were still open at the latch."""
    hold.open_permits = permits
    if permits:
        with acting(job("drain"), "permits open at the latch"):
            Hold.objects.filter(pk=hold.pk).update(open_permits=permits)


def note_left(*, hold: Hold, left: list[dict[str, str]]) -> None:
    """Execution lists the chosen orders whose end the venue has not confirmed; the drain goes on.

    The first list raises a CRITICAL alert: somebody may have to call the venue.
    """
    with acting(job("drain"), "the venue has not confirmed these"):
        row = locks.row(Hold.objects.select_related("scope"), hold.pk)
        if row.drain_state != DrainState.PENDING or row.left == left:
            return
        is_first, row.left = not row.left, left
        row.save(update_fields=["left"])
        if is_first:
            alerts.raise_alert(
                tier=Tier.CRITICAL,
                code="DRAIN_UNCONFIRMED",
                title=f"{len(left)} orders below {row.scope} are not confirmed as gone",
                scope=row.scope,
                target=row,
                detail={"orders": len(left)},
                dedup_key=_unconfirmed(row),
                actor=job("drain"),
                reason="the venue has not confirmed what the hold cancels",
            )
        nudges.hint("holds")


def mark_drained(*, hold: Hold) -> None:
    """Execution reports that the orders which the hold cancels are gone at the venue."""
    with acting(job("drain"), "no chosen order is left at the venue"):
        row = Hold.objects.select_for_update().get(pk=hold.pk)
        if row.drain_state != DrainState.PENDING:
            return
        now = wall_now()
        since = row.latched_at or row.created_at
        states.move(
            row,
            DrainState.DRAINED,
            DRAIN_TRANSITIONS,
            field="drain_state",
            drained_at=now,
            drain_ms=round((now - since).total_seconds() * 1000, 3),
            left=[],
            due_at=None,
        )
        audit.record("hold.drained", row, scope_id=row.scope_id)
        alerts.clear(dedup_key=_unconfirmed(row), actor=job("drain"), reason="the venue has confirmed all of them")
        nudges.hint("holds")


def end_drill_hold(*, hold: Hold, actor: str, reason: str) -> Hold:
    """Lift the hold of a drill, and no other (Refused HOLD_NOT_A_DRILL); lifting it twice changes nothing."""
    with acting(actor, reason):
        locks.exclusive([hold.scope_id])
        row = locks.row(Hold.objects.select_related("scope"), hold.pk)
        if not row.is_drill:
            raise Refused("HOLD_NOT_A_DRILL", "only a hold that a drill placed is lifted without a vote")
        if row.state == HoldState.ACTIVE:
            states.move(row, HoldState.RELEASED, HOLD_TRANSITIONS, released_at=wall_now(), due_at=None)
            audit.record("hold.drill_ended", row, scope_id=row.scope_id)
            nudges.hint("holds", "fleet")
    return row


def request_release(*, hold: Hold, to_level: str | None = None, actor: User, reason: str) -> Hold:
    """Loosen a hold: HALTED to REDUCING at once by one person; to ACTIVE opens a vote of two.

    The requester counts as the first person. Raises Refused HOLD_NOT_ACTIVE, RELEASE_ASKED or
    HOLD_LEVEL_NOT_LOOSER; Invalid REASON_MISSING.
    """
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person loosens a hold")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why it is safe to release")
    with acting(actor, reason):
        row = locks.row(Hold.objects.select_related("scope", "consent"), hold.pk)
        if row.state != HoldState.ACTIVE:
            raise Refused("HOLD_NOT_ACTIVE", "this hold was released")
        if to_level is not None:
            return _loosen(row, to_level)
        if row.consent is not None and row.consent.state == "open" and row.consent.expires_at > wall_now():
            raise Refused("RELEASE_ASKED", "the release was asked for; a second person decides")
        _ask(row, actor, reason)
        nudges.hint("holds")
    return row


def vote_release(*, hold: Hold, actor: User, approve: bool, reason: str, digest: str) -> Hold:
    """The second person's vote; when granted the hold is lifted in the same transaction."""
    with acting(actor, reason):
        locks.exclusive([hold.scope_id])
        row = locks.row(Hold.objects.select_related("scope", "consent"), hold.pk)
        if row.state != HoldState.ACTIVE or row.consent is None:
            raise Refused("HOLD_NOT_ACTIVE", "nobody asks for the release of this hold")
        consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if consent.state == "granted":
            states.move(row, HoldState.RELEASED, HOLD_TRANSITIONS, released_at=wall_now(), due_at=None)
            audit.record("hold.released", row, scope_id=row.scope_id)
        nudges.hint("holds", "fleet")
    return row


def release_digest(hold: Hold) -> str:
    """What the voters consent to: this hold of this scope in this epoch, lifted."""
    return digest({"hold": str(hold.pk), "scope": str(hold.scope_id), "epoch": hold.epoch, "level": hold.level})


def _check_asked(level: str, cancels: str, reason: str) -> None:
    if level not in HoldLevel.values:
        raise Invalid("HOLD_LEVEL_UNKNOWN", "a hold is REDUCING or HALTED")
    if cancels not in CancelChoice.values:
        raise Invalid("CANCELS_UNKNOWN", "a halt cancels `opening` orders or `all`")
    if level == HoldLevel.REDUCING and cancels != CancelChoice.OPENING:
        raise Invalid("REDUCING_CANCELS_NOTHING", "only a halt cancels orders")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why; whoever releases the hold will read it")


def _check_source(scope: Scope, level: str, cancels: str, source: str, is_size_unknown: bool) -> None:
    """Let what acts by itself take no more than design §6 gives it; people, and drills that they ask for, may."""
    if source not in HoldSource.values:
        raise Invalid("HOLD_SOURCE_UNKNOWN", f"a hold's source is one of {', '.join(HoldSource.values)}")
    kinds = AUTOMATIC.get(HoldSource(source))
    if kinds is None:
        return
    if scope.kind not in kinds:
        raise Refused("HOLD_TOO_WIDE", f"only a person stops a whole {scope.kind}", source=source, kind=scope.kind)
    if cancels != CancelChoice.OPENING or (level != HoldLevel.REDUCING and not is_size_unknown):
        raise Refused("HOLD_TOO_STRICT", "what acts by itself only reduces, and keeps what guards", source=source)


def _unconfirmed(hold: Hold) -> str:
    return f"drain-unconfirmed:{hold.pk}"


def _loosen(row: Hold, to_level: str) -> Hold:
    if to_level != HoldLevel.REDUCING or row.level != HoldLevel.HALTED:
        raise Refused("HOLD_LEVEL_NOT_LOOSER", "one person can only loosen HALTED to REDUCING")
    row.level = HoldLevel.REDUCING
    row.save(update_fields=["level"])
    audit.record("hold.loosened", row, scope_id=row.scope_id, before={"level": "HALTED"}, after={"level": to_level})
    nudges.hint("holds", "fleet")
    return row


def _ask(row: Hold, actor: User, reason: str) -> None:
    if row.consent is not None and row.consent.state == "open":
        access.void_consent(consent=row.consent, actor=actor, reason="expired; asked anew")
    row.consent = access.open_consent(
        act="hold.release",
        target=row,
        scope=row.scope,
        digest=release_digest(row),
        slots=[Permission.RELEASE_HOLD.value],
        excluded=[actor],
        expires_at=wall_now() + timedelta(hours=RELEASE_OPEN_H),
        actor=actor,
        reason=reason,
    )
    row.save(update_fields=["consent"])
