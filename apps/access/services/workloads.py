"""Token exchange (RFC 8693): a workload's OIDC token for a short one of its service account."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, connection

from apps.access import rules
from apps.access.models import ExchangeRate, SpentAssertion, Token, WorkloadTrust
from apps.access.services import issuers, keysets, tokens
from apps.access.services.keysets import Unbelievable
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import addresses
from apps.common.clocks import wall_now
from apps.common.errors import TooMany

log = structlog.get_logger(__name__)
CALLER_PER_MINUTE_MAX = 60
ISSUER_PER_MINUTE_MAX = 300
FORGOTTEN_AT_ONCE_MAX = 20_000
KEPT_LONGER = timedelta(hours=2)  # a clock that is set back must not make a spent assertion good again
FAULTS = {
    "SUBJECT_TOKEN_WITHOUT_ID": "the token has no usable `jti`, so it could be exchanged twice",
    "SUBJECT_TOKEN_CLAIM": "a claim of the token is not what the trust asks for: compare both",
    "SUBJECT_TOKEN_TIMES": "`iat` and `exp` must be there, and all times are seconds since 1970",
    "SUBJECT_TOKEN_EXPIRED": "the token has expired: ask the issuer for a new one",
    "SUBJECT_TOKEN_NOT_YET_VALID": "the token is not valid yet: compare the clocks",
    "SUBJECT_TOKEN_TOO_OLD": "the token was issued more than an hour ago: ask the issuer for a new one",
}
COUNT = """
    INSERT INTO access_exchangerate AS known (key, minute, count) VALUES (%s, %s, 1)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.minute = EXCLUDED.minute THEN known.count + 1 ELSE 1 END, minute = EXCLUDED.minute
    RETURNING count
"""


def exchange(*, subject_token: str, audience: str, address: str) -> tuple[Token, str]:
    """The token and its text, which is shown now and never again, for a subject token that is believed.

    Call it outside any transaction: the issuer may be asked for its keys. `audience` may be "" (RFC 8693 leaves it
    optional), else it must be the trust's. Callers and issuers are counted before anything costs. Raises Unbelievable
    with the code of what is wrong, TooMany EXCHANGE_RATE, Unavailable ISSUER_UNREACHABLE, Forbidden ADDRESS_REFUSED.
    """
    _count(f"from {addresses.neighbourhood(address)}", CALLER_PER_MINUTE_MAX)
    header, unverified = keysets.read_unverified(subject_token)
    trust = _trust_of(unverified)
    if audience and audience != trust.audience:
        raise Unbelievable("EXCHANGE_TARGET", "the asked audience is not the trust's", error="invalid_target")
    _count(f"of {trust.issuer}", ISSUER_PER_MINUTE_MAX)
    keys = keysets.usable(trust.jwks) if trust.jwks else issuers.keys_for(trust.issuer, header.get("kid"))
    claims = keysets.read(subject_token, header, keys)
    _check(claims, trust)
    tokens.check_address(trust, address)
    return _issue(trust, claims)


def forget_spent() -> int:
    """Delete what no longer protects against anything, some at a time; how many rows."""
    now = wall_now()
    spent = SpentAssertion.objects.filter(expires_at__lt=now - KEPT_LONGER).values_list("pk", flat=True)
    counted = ExchangeRate.objects.filter(minute__lt=_minute(now)).values_list("pk", flat=True)
    gone, _ = SpentAssertion.objects.filter(pk__in=list(spent[:FORGOTTEN_AT_ONCE_MAX])).delete()
    uncounted, _ = ExchangeRate.objects.filter(pk__in=list(counted[:FORGOTTEN_AT_ONCE_MAX])).delete()
    return gone + uncounted


def _trust_of(claims: dict[str, Any]) -> WorkloadTrust:
    """The trust that the claims name. They are not verified yet, so that the refusal does not say which one is off."""
    named = {"issuer": claims.get("iss"), "audience": rules.audience_of(claims), "subject": claims.get("sub")}
    if all(isinstance(value, str) for value in named.values()):
        rows = WorkloadTrust.objects.select_related("user", "scope")
        found = rows.filter(revoked_at=None, user__is_active=True, **named).first()
        if found is not None:
            return found
    raise Unbelievable("TRUST_UNKNOWN", "no trust has exactly the issuer, audience and subject of the token")


def _check(claims: dict[str, Any], trust: WorkloadTrust) -> None:
    workload = rules.Workload(trust.issuer, trust.audience, trust.subject, trust.claims)
    fault = rules.assertion_fault(claims, workload, wall_now().timestamp())
    if fault is not None:
        raise Unbelievable(fault, FAULTS[fault])


def _issue(trust: WorkloadTrust, claims: dict[str, Any]) -> tuple[Token, str]:
    """Spend the assertion and make the token, both or neither; of two callers with one assertion the second waits."""
    reason = f"OIDC token of {trust.subject} exchanged"
    try:
        with acting(trust.user, reason):
            SpentAssertion.objects.create(
                issuer=trust.issuer,
                jti_digest=hashlib.sha256(claims["jti"].encode()).hexdigest(),
                expires_at=datetime.fromtimestamp(rules.assertion_ends_s(claims), UTC),
            )
            WorkloadTrust.objects.filter(pk=trust.pk).update(last_used_at=wall_now())
            token, text = tokens.make_exchanged(trust)
            audit.record("token.exchanged", token, after={"trust": str(trust.pk), "user": str(trust.user_id)})
    except IntegrityError as error:
        raise Unbelievable("SUBJECT_TOKEN_REPLAYED", "this token was exchanged before: each counts once") from error
    log.info("exchange.made", trust=str(trust.pk), service=str(trust.user_id), prefix=token.prefix)
    return token, text


def _count(key: str, most: int) -> None:
    """Count a call in the current minute. Raises TooMany EXCHANGE_RATE."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [key, _minute(wall_now())])
        (count,) = cursor.fetchone()
    if count > most:
        raise TooMany("EXCHANGE_RATE", f"more than {most} exchanges in a minute: try again in the next one")


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
