"""Bearer tokens of service accounts: shown once, kept as a digest."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from apps.access.models import Token, User
from apps.access.states import Permission
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused

LIFE_H_MAX = 24 * 366
SEEN_EVERY = timedelta(minutes=1)


def make_token(
    *, user: User, name: str, permissions: list[str], expires_in_h: int, actor: User | str, reason: str
) -> tuple[Token, str]:
    """A token of a service account and its text, which is shown now and never again.

    Raises Refused TOKEN_FOR_PERSON, Invalid TOKEN_PERMISSION_UNKNOWN or TOKEN_LIFE.
    """
    if not user.is_service:
        raise Refused("TOKEN_FOR_PERSON", "tokens are for service accounts: people sign in")
    unknown = sorted(set(permissions) - set(Permission.values))
    if unknown:
        raise Invalid("TOKEN_PERMISSION_UNKNOWN", f"unknown permissions: {', '.join(unknown)}")
    if not 1 <= expires_in_h <= LIFE_H_MAX:
        raise Invalid("TOKEN_LIFE", f"a token lives between 1 hour and {LIFE_H_MAX} hours")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with acting(actor, reason):
        token = Token.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(secret),
            permissions=sorted(set(permissions)),
            expires_at=wall_now() + timedelta(hours=expires_in_h),
        )
        audit.record("token.made", token, after={"user": str(user.pk), "permissions": token.permissions})
    return token, f"qd_{prefix}_{secret}"


def revoke_token(*, token: Token, actor: User | str, reason: str) -> Token:
    """End a token at once; ending it twice is harmless."""
    with acting(actor, reason):
        token = Token.objects.select_for_update().get(pk=token.pk)
        if token.revoked_at is None:
            token.revoked_at = wall_now()
            token.save(update_fields=["revoked_at"])
            audit.record("token.revoked", token)
    return token


def token_for(text: str) -> Token | None:
    """The valid token with that text, or None."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "qd" or not parts[1].isalnum():
        return None
    token = Token.objects.select_related("user").filter(prefix=parts[1]).first()
    now = wall_now()
    if token is None or not hmac.compare_digest(token.digest, _digest(parts[2])):
        return None
    if token.revoked_at is not None or token.expires_at <= now or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > SEEN_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
