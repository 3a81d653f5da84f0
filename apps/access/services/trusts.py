"""Trust in workloads of other issuers: registered by an administrator, revoked at once."""

from typing import Any

from django.db import IntegrityError

from apps.access.models import Scope, User, WorkloadTrust
from apps.access.services import fetching, keysets, tokens
from apps.access.states import WORKLOAD_CLAIMS
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import addresses, locks
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused

LIFE_S_MIN = 60
LIFE_S_MAX = 900
TEXT_MAX = 500


def make_trust(
    *,
    user: User,
    name: str,
    issuer: str,
    audience: str,
    subject: str,
    claims: dict[str, str],
    permissions: list[str],
    scope: Scope | None = None,
    networks: list[str] | None = None,
    life_s: int = LIFE_S_MAX,
    jwks: dict[str, Any] | None = None,
    actor: User | str,
    reason: str,
) -> WorkloadTrust:
    """A workload that may act as a service account for `life_s` seconds (60 to 900) an exchange.

    `jwks` pins the public keys where the issuer cannot be asked. Raises Refused TOKEN_FOR_PERSON, TRUST_EXISTS;
    Invalid ISSUER_ADDRESS, TRUST_TEXT, TRUST_CLAIM_UNKNOWN, TRUST_LIFE, TRUST_KEYS_INVALID, TRUST_KEYS_PRIVATE,
    TOKEN_PERMISSION_UNKNOWN, ALLOW_LIST_INVALID, ALLOW_LIST_TOO_WIDE.
    """
    tokens.check_machine(user)
    tokens.check_permissions(permissions)
    fetching.place_of(issuer)
    _check_texts(audience, subject, claims)
    if not LIFE_S_MIN <= life_s <= LIFE_S_MAX:
        raise Invalid("TRUST_LIFE", f"an exchanged token lives between {LIFE_S_MIN} and {LIFE_S_MAX} seconds")
    fields = {"issuer": issuer, "audience": audience, "subject": subject, "claims": claims}
    try:
        with acting(actor, reason):
            trust = WorkloadTrust.objects.create(
                user=user,
                name=name,
                permissions=sorted(set(permissions)),
                scope=scope,
                networks=[str(network) for network in addresses.networks(networks or [])],
                life_s=life_s,
                jwks=None if jwks is None else keysets.check_pinned(jwks),
                **fields,
            )
            audit.record("trust.made", trust, after={"user": str(user.pk), "permissions": trust.permissions, **fields})
    except IntegrityError as error:
        raise Refused("TRUST_EXISTS", "this workload is trusted already: revoke that trust first") from error
    return trust


def revoke_trust(*, trust: WorkloadTrust, actor: User | str, reason: str) -> WorkloadTrust:
    """End a trust and every token that was exchanged by it, at once; ending it twice is harmless."""
    with acting(actor, reason):
        trust = locks.row(WorkloadTrust.objects.select_related("user", "scope"), trust.pk)
        if trust.revoked_at is None:
            trust.revoked_at = wall_now()
            trust.save(update_fields=["revoked_at"])
            audit.record("trust.revoked", trust)
    return trust


def _check_texts(audience: str, subject: str, claims: dict[str, str]) -> None:
    if any(not 0 < len(text) <= TEXT_MAX for text in (audience, subject, *claims.values())):
        raise Invalid("TRUST_TEXT", f"audience, subject and claims are texts of 1 to {TEXT_MAX} characters")
    if "*" in subject:
        raise Invalid("TRUST_TEXT", "a subject is compared exactly: write it without *")
    unknown = sorted(set(claims) - set(WORKLOAD_CLAIMS))
    if unknown:
        raise Invalid("TRUST_CLAIM_UNKNOWN", f"unknown claims: {', '.join(unknown)}", known=list(WORKLOAD_CLAIMS))
