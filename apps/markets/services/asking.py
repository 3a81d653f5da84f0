"""What takes two people: one risk owner of the firm asks for it, and another decides (ADR 0027).

What is asked for counts for nothing before the vote, and is applied in the transaction that grants it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from apps.access import selectors as firms
from apps.access import services as access
from apps.access.models import User
from apps.access.states import ConsentState, Permission
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden
from apps.common.nudges import hint
from apps.markets.models import FxRateRequest, MaintenanceRequest, MarketStateRequest, OfficialMarkRequest

OPEN_H = 24
Asked = FxRateRequest | MarketStateRequest | MaintenanceRequest | OfficialMarkRequest


def require_person(actor: User) -> None:
    """Nothing for a person, else Forbidden PERSON_NEEDED: a machine asks for nothing that takes two people."""
    if actor.is_service:
        raise Forbidden("PERSON_NEEDED", "only a person asks for what a second one decides")


def ask(asked: Asked, *, act: str, digest: str, actor: User, reason: str, until: datetime | None = None) -> None:
    """Store a new request with its consent, open for a day, and no longer than `until`."""
    ends_at = wall_now() + timedelta(hours=OPEN_H)
    asked.consent = access.open_consent(
        act=act,
        target=asked,
        scope=firms.firm().scope,
        digest=digest,
        slots=[Permission.VOTE_RISK.value],
        excluded=[actor],
        expires_at=ends_at if until is None else min(until, ends_at),
        actor=actor,
        reason=reason,
    )
    asked.save(force_insert=True)
    hint("limits")


def count_vote(
    asked: Asked, *, actor: User, approve: bool, reason: str, digest: str, stands: Callable[[], str]
) -> bool:
    """Count a vote on a locked request; whether it is granted now, and is to be applied in this transaction.

    `stands` gives the digest of what would be agreed to now. Raises what `access.vote` raises; Refused DIGEST_CHANGED.
    """
    asked.consent = access.vote(consent=asked.consent, actor=actor, approve=approve, reason=reason, digest=digest)
    hint("limits")
    if asked.consent.state != ConsentState.GRANTED:
        return False
    access.use_consent(consent=asked.consent, digest=stands())
    return True


def void(waiting: Iterable[Asked], *, actor: User | str, reason: str) -> None:
    """End requests that something else was stated instead of: they may not undo it later."""
    for asked in waiting:
        access.void_consent(consent=asked.consent, actor=actor, reason=reason)
