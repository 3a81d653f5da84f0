"""Consent, the one four-eyes mechanism: bound to a digest, one person one slot, with an expiry."""

from datetime import datetime

from django.db import models

from apps.access import rules, selectors
from apps.access.models import Consent, Scope, User, Vote
from apps.access.states import CONSENT_TRANSITIONS, ConsentState
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import locks, states
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused


def open_consent(
    *,
    act: str,
    target: models.Model,
    scope: Scope,
    digest: str,
    slots: list[str],
    excluded: list[User],
    expires_at: datetime,
    actor: User,
    reason: str,
) -> Consent:
    """Ask for consent to `act` on `target`; the requester and `excluded` may not vote."""
    with acting(actor, reason):
        consent = Consent.objects.create(
            act=act,
            object_kind=target._meta.label_lower,
            object_id=target.pk,
            scope=scope,
            digest=digest,
            slots=slots,
            excluded=sorted({str(actor.pk), *(str(user.pk) for user in excluded)}),
            requested_by=actor,
            reason=reason,
            expires_at=expires_at,
        )
        audit.record("consent.asked", consent, scope_id=scope.pk, after={"act": act, "digest": digest})
    return consent


def vote(*, consent: Consent, actor: User, approve: bool, reason: str, digest: str) -> Consent:
    """Cast a vote on exactly what `digest` covers; the last free slot grants, one denial ends.

    Raises Refused CONSENT_NOT_OPEN, CONSENT_EXPIRED, DIGEST_CHANGED, ALREADY_VOTED, NO_FREE_SLOT;
    Forbidden VOTE_EXCLUDED, VOTE_BY_SERVICE, PERMISSION_DENIED; Invalid REASON_MISSING.
    """
    with acting(actor, reason):
        consent = locks.row(Consent.objects.select_related("scope"), consent.pk)
        votes = list(consent.votes.select_related("voter").order_by("created_at"))
        _check_voter(consent, actor, votes, reason)
        _check_open(consent, digest)
        cast = Vote.objects.create(consent=consent, voter=actor, approve=approve, reason=reason, digest=digest)
        votes.append(cast)
        taken = rules.seat(consent.slots, selectors.abilities(consent, votes[:-1]))
        able = selectors.abilities(consent, votes)
        if not approve:
            states.move(consent, ConsentState.DENIED, CONSENT_TRANSITIONS)
        elif len(rules.seat(consent.slots, able)) == len(taken):
            raise Refused("NO_FREE_SLOT", "every slot that you may fill is taken")
        elif rules.is_granted(consent.slots, able):
            states.move(consent, ConsentState.GRANTED, CONSENT_TRANSITIONS)
        audit.record(
            f"{consent.act}.{'approved' if approve else 'denied'}",
            consent,
            scope_id=consent.scope_id,
            after={"state": consent.state, "digest": digest},
        )
    return consent


def _check_voter(consent: Consent, actor: User, votes: list[Vote], reason: str) -> None:
    if actor.is_service or not actor.is_active:
        raise Forbidden("VOTE_BY_SERVICE", "only an active person can vote")
    if str(actor.pk) in consent.excluded:
        raise Forbidden(
            "VOTE_EXCLUDED", "whoever asked for it, built it or edited it last cannot vote: ask somebody else"
        )
    if any(cast.voter_id == actor.pk for cast in votes):
        raise Refused("ALREADY_VOTED", "you have voted; one person has one vote")
    if not any(selectors.may(actor, permission, consent.scope) for permission in consent.slots):
        raise Forbidden("PERMISSION_DENIED", f"none of your roles on {consent.scope} fills a slot of this consent")
    if not reason.strip():
        raise Invalid("REASON_MISSING", "a vote needs a reason; it is kept in the audit")


def _check_open(consent: Consent, digest: str) -> None:
    if consent.state != ConsentState.OPEN:
        raise Refused("CONSENT_NOT_OPEN", f"this consent is {consent.state}", state=consent.state)
    if consent.expires_at <= wall_now():
        raise Refused("CONSENT_EXPIRED", "the time to vote is over; ask anew")
    if consent.digest != digest:
        raise Refused("DIGEST_CHANGED", "what you saw is not what is asked for now; read it again")


def withdraw_consent(*, consent: Consent, actor: User | str, reason: str) -> Consent:
    """The requester takes the request back."""
    return _end(consent, ConsentState.WITHDRAWN, actor, reason)


def void_consent(*, consent: Consent, actor: User | str, reason: str) -> Consent:
    """What the votes were bound to has changed; nothing of them counts any more."""
    return _end(consent, ConsentState.VOID, actor, reason)


def _end(consent: Consent, state: ConsentState, actor: User | str, reason: str) -> Consent:
    with acting(actor, reason):
        consent = Consent.objects.select_for_update().get(pk=consent.pk)
        states.move(consent, state, CONSENT_TRANSITIONS)
        audit.record(f"consent.{state.value}", consent, scope_id=consent.scope_id)
    return consent


def use_consent(*, consent: Consent, digest: str) -> None:
    """Check at the moment of acting that the consent stands and covers exactly `digest`.

    Raises Refused CONSENT_NOT_GRANTED, CONSENT_EXPIRED, CONSENT_VOTER_LOST or DIGEST_CHANGED. The caller
    holds a transaction: the consent stays locked until it ends.
    """
    consent = locks.row(Consent.objects.select_related("scope"), consent.pk)
    if consent.state != ConsentState.GRANTED:
        raise Refused("CONSENT_NOT_GRANTED", f"the consent is {consent.state}", state=consent.state)
    if consent.expires_at <= wall_now():
        raise Refused("CONSENT_EXPIRED", "the consent has expired; ask anew")
    if consent.digest != digest:
        raise Refused("DIGEST_CHANGED", "what was approved is not what would run now; ask anew")
    if not selectors.is_standing(consent):
        raise Refused("CONSENT_VOTER_LOST", "a voter no longer holds the role that filled a slot; ask anew")


def expire_consents() -> int:
    """End open consents whose time is over; how many."""
    actor, reason = job("expiry"), "nobody filled the slots in time"
    with acting(actor, reason):
        late = Consent.objects.filter(state=ConsentState.OPEN, expires_at__lte=wall_now())
        locked = list(late.select_for_update(skip_locked=True))
        for consent in locked:
            _end(consent, ConsentState.EXPIRED, actor, reason)
    return len(locked)
