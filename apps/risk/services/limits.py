"""Limits: lowering is immediate, anything that allows more needs a second person."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog

from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.audit import services as audit
from apps.audit.context import acting, actor_text, job
from apps.common import locks, nudges
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Forbidden, Invalid, Refused
from apps.risk.models import Limit, LimitRaise
from apps.risk.states import LimitKind

log = structlog.get_logger(__name__)
RAISE_OPEN_H = 24


def set_limit(*, scope: Scope, kind: str, value: Decimal, actor: User | str, reason: str) -> Limit:
    """Lower a limit at once. Raises Refused LIMIT_RAISE_NEEDS_SECOND_PERSON, Invalid LIMIT_*.

    Below what a raise reverts to, the raise is over; above that its end stays, and so does who raised it.
    """
    _check(kind, value)
    with acting(actor, reason):
        limit = Limit.objects.select_for_update().filter(scope=scope, kind=kind).first()
        if limit is None or value > in_force(limit):
            raise Refused(
                "LIMIT_RAISE_NEEDS_SECOND_PERSON",
                "a first or a higher value allows more: ask for a raise, and another person decides",
            )
        _void_raises(scope, kind, actor, reason)
        before, limit.value, limit.set_by = in_force(limit), value, actor_text(actor)
        if limit.reverts_to is not None and (limit.reverts_to >= value or has_reverted(limit)):
            limit.expires_at = limit.reverts_to = None
        if limit.expires_at is None:
            limit.raised_by = None
        limit.save(update_fields=["value", "set_by", "expires_at", "reverts_to", "raised_by"])
        audit.record(
            "limit.lowered",
            limit,
            scope_id=scope.pk,
            before={"value": text_of(before)},
            after={"value": text_of(value)},
        )
        nudges.hint("limits")
        nudges.wake("execution.contain_breaches")
    return limit


def _void_raises(scope: Scope, kind: str, actor: User | str, reason: str) -> None:
    """Whoever lowers a limit means it: no raise that was asked for before may undo that later."""
    waiting = LimitRaise.objects.filter(scope=scope, kind=kind, applied_at__isnull=True)
    for asked in waiting.filter(consent__state__in=("open", "granted")).select_related("consent"):
        if asked.consent is not None:
            access.void_consent(consent=asked.consent, actor=actor, reason=f"the limit was lowered: {reason}")


def in_force(limit: Limit) -> Decimal:
    """The value that counts now: a raise that has expired has reverted, whatever sweeps run."""
    return limit.reverts_to if has_reverted(limit) and limit.reverts_to is not None else limit.value


def has_reverted(limit: Limit) -> bool:
    """Whether the time of a raise is over."""
    return limit.expires_at is not None and limit.expires_at <= wall_now()


def request_raise(
    *,
    scope: Scope,
    kind: str,
    value: Decimal,
    actor: User,
    reason: str,
    effective_from: datetime | None = None,
    expires_at: datetime | None = None,
) -> LimitRaise:
    """Ask for a first or a higher value; a second risk owner decides.

    It takes effect when granted, not before `effective_from`, and reverts by itself at `expires_at`. Raises
    Forbidden PERSON_NEEDED, Invalid LIMIT_KIND_UNKNOWN, LIMIT_NEGATIVE, LIMIT_EXPIRY_PAST.
    """
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person asks for a higher limit")
    _check(kind, value)
    starts_at = max(wall_now(), effective_from or wall_now())
    if expires_at is not None and expires_at <= starts_at:
        raise Invalid("LIMIT_EXPIRY_PAST", "a raise must end after it starts, in the future")
    with acting(actor, reason):
        asked = LimitRaise.objects.create(
            scope=scope, kind=kind, value=value, effective_from=effective_from, expires_at=expires_at
        )
        asked.consent = access.open_consent(
            act="limit.raise",
            target=asked,
            scope=scope,
            digest=raise_digest(asked),
            slots=[Permission.VOTE_RISK.value],
            excluded=[actor],
            expires_at=starts_at + timedelta(hours=RAISE_OPEN_H),
            actor=actor,
            reason=reason,
        )
        asked.save(update_fields=["consent"])
        nudges.hint("limits")
    return asked


def vote_raise(*, limit_raise: LimitRaise, actor: User, approve: bool, reason: str, digest: str) -> LimitRaise:
    """Vote on a raise; when granted it takes effect in the same transaction."""
    with acting(actor, reason):
        row = locks.row(LimitRaise.objects.select_related("consent"), limit_raise.pk)
        if row.consent is None:
            raise Refused("CONSENT_NOT_OPEN", "this raise was never put to a vote")
        consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if consent.state == "granted" and _is_time(row):
            _apply(row, actor)
        nudges.hint("limits")
    return row


def raise_digest(asked: LimitRaise) -> str:
    """What the voters consent to: scope, kind, value, and from when until when."""
    return digest(
        {
            "scope": str(asked.scope_id),
            "kind": asked.kind,
            "value": text_of(asked.value),
            "from": _written(asked.effective_from),
            "until": _written(asked.expires_at),
        }
    )


def settle_limits() -> int:
    """Apply granted raises whose time has come and write down what has reverted; how many.

    Only raising waits for this: a raise that is over does not count any more, whether this ran or not.
    """
    granted = LimitRaise.objects.filter(applied_at__isnull=True, consent__state="granted")
    waiting = list(granted.filter(effective_from__lte=wall_now()).values_list("pk", flat=True))
    reverted = list(Limit.objects.filter(expires_at__lte=wall_now()).values_list("pk", flat=True))
    return sum(_start(pk) for pk in waiting) + sum(_revert(pk) for pk in reverted)


def _start(pk: UUID) -> int:
    try:
        with acting(job("limits"), "its time has come"):
            row = locks.row(LimitRaise.objects.select_related("consent"), pk)
            if row.applied_at is not None or row.consent is None or _is_over(row):
                return 0
            access.use_consent(consent=row.consent, digest=raise_digest(row))
            _apply(row, job("limits"))
    except Refused as error:  # a voter lost the role, say: it stays as it is, and stops no other
        log.warning("limit.raise_not_applied", limit_raise=str(pk), code=error.code)
        return 0
    return 1


def _is_time(row: LimitRaise) -> bool:
    return row.effective_from is None or row.effective_from <= wall_now()


def _is_over(row: LimitRaise) -> bool:
    return row.expires_at is not None and row.expires_at <= wall_now()


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _revert(pk: UUID) -> int:
    with acting(job("limits"), "the raise is over"):
        limit = Limit.objects.select_for_update().get(pk=pk)
        if not has_reverted(limit) or limit.reverts_to is None:
            return 0
        before, limit.value = limit.value, limit.reverts_to
        limit.expires_at = limit.reverts_to = limit.raised_by = None
        limit.save(update_fields=["value", "expires_at", "reverts_to", "raised_by"])
        audit.record(
            "limit.reverted",
            limit,
            scope_id=limit.scope_id,
            before={"value": text_of(before)},
            after={"value": text_of(limit.value)},
        )
        nudges.hint("limits")
        nudges.wake("execution.contain_breaches")
    return 1


def _apply(row: LimitRaise, actor: User | str) -> None:
    """Put a granted raise in force; one that ends keeps what it reverts to, never more than that."""
    limit, made = Limit.objects.select_for_update().get_or_create(
        scope_id=row.scope_id, kind=row.kind, defaults={"value": Decimal(0), "set_by": actor_text(actor)}
    )
    before = None if made else {"value": text_of(in_force(limit))}
    ground = limit.value if limit.reverts_to is None else limit.reverts_to
    limit.value, limit.set_by, limit.expires_at = row.value, actor_text(actor), row.expires_at
    limit.reverts_to = None if row.expires_at is None else min(ground, row.value)
    limit.raised_by = row
    limit.save(update_fields=["value", "set_by", "expires_at", "reverts_to", "raised_by"])
    row.applied_at = wall_now()
    row.save(update_fields=["applied_at"])
    audit.record("limit.raised", limit, scope_id=row.scope_id, before=before, after={"value": text_of(row.value)})


def _check(kind: str, value: Decimal) -> None:
    if kind not in LimitKind.values:
        raise Invalid("LIMIT_KIND_UNKNOWN", f"there is no limit named {kind}")
    if not value.is_finite() or value < 0:
        raise Invalid("LIMIT_NEGATIVE", "a limit is zero or more")
