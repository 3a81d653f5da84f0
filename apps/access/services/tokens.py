"""Bearer tokens of service accounts: shown once, kept as a digest."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from apps.access.models import Scope, Token, User, WorkloadTrust
from apps.access.states import Permission
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import addresses, locks
from apps.common.clocks import wall_now
from apps.common.errors import Forbidden, Invalid, Refused

LIFE_H_MAX = 24 * 366
OVERLAP_H_MAX = 24 * 7
SEEN_EVERY = timedelta(minutes=1)


def make_token(
    *,
    user: User,
    name: str,
    permissions: list[str],
    expires_in_h: int,
    scope: Scope | None = None,
    networks: list[str] | None = None,
    actor: User | str,
    reason: str,
) -> tuple[Token, str]:
    """A token of a service account and its text, which is shown now and never again.

    It may no more than its account; `permissions`, `scope` (there and below) and `networks` (where calls come from)
    narrow that. Raises Refused TOKEN_FOR_PERSON, Invalid TOKEN_PERMISSION_UNKNOWN, TOKEN_LIFE, ALLOW_LIST_INVALID,
    ALLOW_LIST_TOO_WIDE.
    """
    check_machine(user)
    check_permissions(permissions)
    if not 1 <= expires_in_h <= LIFE_H_MAX:
        raise Invalid("TOKEN_LIFE", f"a token lives between 1 hour and {LIFE_H_MAX} hours")
    with acting(actor, reason):
        token, text = _create(
            user=user,
            name=name,
            permissions=sorted(set(permissions)),
            scope=scope,
            networks=[str(network) for network in addresses.networks(networks or [])],
            expires_at=wall_now() + timedelta(hours=expires_in_h),
        )
        audit.record("token.made", token, after=_narrowed(token))
    return token, text


def make_exchanged(trust: WorkloadTrust) -> tuple[Token, str]:
    """The token that a trust gives for one verified assertion, and its text; the caller is inside `acting`."""
    return _create(
        user=trust.user,
        name=f"{trust.name}: {trust.subject} of {trust.issuer}",
        permissions=trust.permissions,
        scope=trust.scope,
        networks=trust.networks,
        trust=trust,
        expires_at=wall_now() + timedelta(seconds=trust.life_s),
    )


def rotate_token(*, token: Token, overlap_h: int, actor: User | str, reason: str) -> tuple[Token, str]:
    """A new token like `token` that lives as long, and its text; the old one ends after `overlap_h` hours (0: now).

    Raises Refused TOKEN_ENDED, TOKEN_EXCHANGED, TOKEN_ROTATED; Invalid TOKEN_OVERLAP.
    """
    if not 0 <= overlap_h <= OVERLAP_H_MAX:
        raise Invalid("TOKEN_OVERLAP", f"both tokens count for 0 to {OVERLAP_H_MAX} hours")
    with acting(actor, reason):
        old = locks.row(Token.objects.select_related("user", "scope"), token.pk)
        now = wall_now()
        _check_rotates(old, now)
        new, text = _create(
            user=old.user,
            name=old.name,
            permissions=old.permissions,
            scope=old.scope,
            networks=old.networks,
            replaces=old,
            expires_at=now + (old.expires_at - old.created_at),
        )
        old.expires_at = min(old.expires_at, now + timedelta(hours=overlap_h))
        old.save(update_fields=["expires_at"])
        audit.record("token.rotated", new, before={"token": str(old.pk)}, after=_narrowed(new))
    return new, text


def revoke_token(*, token: Token, actor: User | str, reason: str) -> Token:
    """End a token at once; ending it twice is harmless."""
    with acting(actor, reason):
        token = Token.objects.select_for_update().get(pk=token.pk)
        if token.revoked_at is None:
            token.revoked_at = wall_now()
            token.save(update_fields=["revoked_at"])
            audit.record("token.revoked", token)
    return token


def token_for(text: str, address: str = "") -> Token | None:
    """The valid token with that text, or None; `address` is who calls.

    Raises Forbidden ADDRESS_REFUSED when the token is valid, but not from there.
    """
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "qd" or not (parts[1].isascii() and parts[1].isalnum()):
        return None
    token = Token.objects.select_related("user", "scope", "trust").filter(prefix=parts[1]).first()
    if token is None or not hmac.compare_digest(token.digest, _digest(parts[2])) or not _is_valid(token):
        return None
    check_address(token, address)
    now = wall_now()
    if token.last_used_at is None or now - token.last_used_at > SEEN_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now, last_used_address=address)
    return token


def check_machine(user: User) -> None:
    """Refuse TOKEN_FOR_PERSON for a person."""
    if not user.is_service:
        raise Refused("TOKEN_FOR_PERSON", "tokens are for service accounts: people sign in")


def check_permissions(permissions: list[str]) -> None:
    """Refuse TOKEN_PERMISSION_UNKNOWN."""
    unknown = sorted(set(permissions) - set(Permission.values))
    if unknown:
        raise Invalid("TOKEN_PERMISSION_UNKNOWN", f"unknown permissions: {', '.join(unknown)}")


def check_address(narrowed: Token | WorkloadTrust, address: str) -> None:
    """Refuse (ADDRESS_REFUSED) a call from outside the row's networks; the audit hears of it once a minute a row."""
    if not narrowed.networks or addresses.is_within(address, addresses.networks(narrowed.networks)):
        return
    rows: Any = type(narrowed)._default_manager
    now = wall_now()
    unheard = Q(refused_at__isnull=True) | Q(refused_at__lte=now - SEEN_EVERY)
    with acting(narrowed.user, "called from an address outside its networks"):
        if rows.filter(unheard, pk=narrowed.pk).update(refused_at=now):
            audit.record(f"{narrowed._meta.model_name}.address_refused", narrowed, after={"address": address})
    raise Forbidden("ADDRESS_REFUSED", "this may not be used from your address: ask an administrator to add it")


def _create(**fields: Any) -> tuple[Token, str]:
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = Token.objects.create(prefix=prefix, digest=_digest(secret), **fields)
    return token, f"qd_{prefix}_{secret}"


def _is_valid(token: Token) -> bool:
    """Whether it stands, and so do its account and the trust that it rests on."""
    if token.trust is not None and token.trust.revoked_at is not None:
        return False
    return token.revoked_at is None and token.expires_at > wall_now() and token.user.is_active


def _check_rotates(token: Token, now: datetime) -> None:
    if token.trust_id is not None:
        raise Refused("TOKEN_EXCHANGED", "an exchanged token is not rotated: exchange another one")
    if token.revoked_at is not None or token.expires_at <= now:
        raise Refused("TOKEN_ENDED", "the token has ended: make a new one")
    if Token.objects.filter(replaces=token).exists():
        raise Refused("TOKEN_ROTATED", "the token was rotated before: rotate the one that replaced it")


def _narrowed(token: Token) -> dict[str, Any]:
    return {
        "user": str(token.user_id),
        "permissions": token.permissions,
        "scope": str(token.scope_id) if token.scope_id else None,
        "networks": token.networks,
    }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
