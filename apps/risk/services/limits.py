"""Limits: lowering is immediate, anything that allows more needs a second person."""

from datetime import timedelta
from decimal import Decimal

from apps.access import services as access
from apps.access.models import Scope, User
from apps.access.states import Permission
from apps.audit import services as audit
from apps.audit.context import acting, actor_text
from apps.common import nudges
from apps.common.canonical import digest
from apps.common.clocks import wall_now
from apps.common.decimals import text_of
from apps.common.errors import Forbidden, Invalid, Refused
from apps.risk.models import Limit, LimitRaise
from apps.risk.states import LimitKind

RAISE_OPEN_H = 24


def set_limit(*, scope: Scope, kind: str, value: Decimal, actor: User | str, reason: str) -> Limit:
    """Lower a limit at once. Raises Refused LIMIT_RAISE_NEEDS_SECOND_PERSON, Invalid LIMIT_*."""
    _check(kind, value)
    with acting(actor, reason):
        limit = Limit.objects.select_for_update().filter(scope=scope, kind=kind).first()
        if limit is None or value > limit.value:
            raise Refused(
                "LIMIT_RAISE_NEEDS_SECOND_PERSON",
                "a first or a higher value allows more: ask for a raise, and another person decides",
            )
        before, limit.value, limit.set_by = limit.value, value, actor_text(actor)
        limit.save(update_fields=["value", "set_by"])
        audit.record(
            "limit.lowered",
            limit,
            scope_id=scope.pk,
            before={"value": text_of(before)},
            after={"value": text_of(value)},
        )
        nudges.hint("limits")
    return limit


def request_raise(*, scope: Scope, kind: str, value: Decimal, actor: User, reason: str) -> LimitRaise:
    """Ask for a first or a higher value; a second risk owner decides. Raises Invalid LIMIT_*."""
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person asks for a higher limit")
    _check(kind, value)
    with acting(actor, reason):
        asked = LimitRaise.objects.create(scope=scope, kind=kind, value=value)
        asked.consent = access.open_consent(
            act="limit.raise",
            target=asked,
            scope=scope,
            digest=raise_digest(asked),
            slots=[Permission.VOTE_RISK.value],
            excluded=[actor],
            expires_at=wall_now() + timedelta(hours=RAISE_OPEN_H),
            actor=actor,
            reason=reason,
        )
        asked.save(update_fields=["consent"])
        nudges.hint("limits")
    return asked


def vote_raise(*, limit_raise: LimitRaise, actor: User, approve: bool, reason: str, digest: str) -> LimitRaise:
    """Vote on a raise; when granted it takes effect in the same transaction."""
    with acting(actor, reason):
        row = LimitRaise.objects.select_for_update(of=("self",)).select_related("consent").get(pk=limit_raise.pk)
        if row.consent is None:
            raise Refused("CONSENT_NOT_OPEN", "this raise was never put to a vote")
        consent = access.vote(consent=row.consent, actor=actor, approve=approve, reason=reason, digest=digest)
        if consent.state == "granted":
            _apply(row, actor)
        nudges.hint("limits")
    return row


def raise_digest(asked: LimitRaise) -> str:
    """What the voters consent to: scope, kind and value."""
    return digest({"scope": str(asked.scope_id), "kind": asked.kind, "value": text_of(asked.value)})


def _apply(row: LimitRaise, actor: User) -> None:
    limit, made = Limit.objects.select_for_update().get_or_create(
        scope_id=row.scope_id, kind=row.kind, defaults={"value": row.value, "set_by": actor_text(actor)}
    )
    before = None if made else {"value": text_of(limit.value)}
    if not made:
        limit.value, limit.set_by = row.value, actor_text(actor)
        limit.save(update_fields=["value", "set_by"])
    row.applied_at = wall_now()
    row.save(update_fields=["applied_at"])
    audit.record("limit.raised", limit, scope_id=row.scope_id, before=before, after={"value": text_of(row.value)})


def _check(kind: str, value: Decimal) -> None:
    if kind not in LimitKind.values:
        raise Invalid("LIMIT_KIND_UNKNOWN", f"there is no limit named {kind}")
    if not value.is_finite() or value < 0:
        raise Invalid("LIMIT_NEGATIVE", "a limit is zero or more")
