"""Keys that a desk trusts: signers of builds, and builders (CIs) whose provenance counts.

A key has one role: whoever steals the key with which builds are signed cannot say that a CI built them.
"""

import base64
import binascii
import re
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import QuerySet

from apps.access.models import Desk, User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import artifacts
from apps.bots.models import Signer, TrustedBuilder, TrustedKey
from apps.common import locks, nudges
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused

KEY_BYTES = 32
REFS_MAX = 20
_REF = re.compile(r"refs/[A-Za-z0-9._/-]{1,200}?(/\*)?", re.ASCII)
# RFC 3986: a scheme, then only the characters that a URI may hold, and something of them.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,260}", re.ASCII)
Key = TypeVar("Key", bound=TrustedKey)


def trust_signer(*, desk: Desk, name: str, public_key: str, actor: User | str, reason: str) -> Signer:
    """Trust an Ed25519 public key (raw 32 bytes, base64) to sign a desk's builds.

    Raises Invalid SIGNER_KEY_MALFORMED or SIGNER_KNOWN, Refused KEY_OTHER_ROLE.
    """
    return _trust(Signer, actor, reason, desk=desk, name=name, public_key=public_key)


def trust_builder(
    *,
    desk: Desk,
    name: str,
    public_key: str,
    builder_id: str,
    source_repository: str,
    refs: list[str],
    actor: User | str,
    reason: str,
) -> TrustedBuilder:
    """Trust a CI's Ed25519 key to attest what one builder built from one repository, from these refs only.

    Raises Invalid SIGNER_KEY_MALFORMED, SIGNER_KNOWN, BUILDER_MALFORMED or REFS_MALFORMED; Refused KEY_OTHER_ROLE.
    """
    _check_origin(builder_id, source_repository)
    _check_refs(refs)
    what = {"builder_id": builder_id, "source_repository": source_repository, "refs": refs}
    return _trust(TrustedBuilder, actor, reason, desk=desk, name=name, public_key=public_key, **what)


def rotate(
    *, key: Key, name: str, public_key: str, old_until: datetime | None = None, actor: User | str, reason: str
) -> Key:
    """Trust a new key in the place of `key`, for the same things; the new one.

    The old one stays trusted: until `old_until` where that is given, else until it is revoked. Raises as the verb
    that trusted it, and Refused REVOCATION_LATER.
    """
    kept = ("builder_id", "source_repository", "refs") if isinstance(key, TrustedBuilder) else ()
    what = {field: getattr(key, field) for field in kept}
    with acting(actor, reason):
        made = _trust(type(key), actor, reason, desk=key.desk, name=name, public_key=public_key, replaces=key, **what)
        if old_until is not None:
            revoke(key=key, at=old_until, actor=actor, reason=reason)
    return made


def revoke(*, key: Key, at: datetime | None = None, actor: User | str, reason: str) -> Key:
    """Stop trusting a key, now or from the moment `at` on: for uploads and launches; what runs by it is paused.

    A CI's key is revoked for everything that the desk trusts it for. A revocation comes sooner at will and never
    later: Refused REVOCATION_LATER.
    """
    moment = max(at, wall_now()) if at is not None else wall_now()
    with acting(actor, reason):
        same = type(key)._default_manager.filter(desk=key.desk_id, key_id=key.key_id)
        rows = list(same.select_related("desk").select_for_update(of=("self",)).order_by("pk"))
        for row in rows:
            _revoke(row, moment, reason)
        nudges.wake("rollouts.watch_trust")
        nudges.hint("trust")
    return next(row for row in rows if row.pk == key.pk)


def revoke_signer(*, signer: Signer, actor: User | str, reason: str) -> Signer:
    """Stop trusting a signer's key at once."""
    return revoke(key=signer, actor=actor, reason=reason)


def _revoke(row: TrustedKey, moment: datetime, reason: str) -> None:
    if row.revoked_at is not None and not row.is_trusted:
        return
    if row.revoked_at is not None and moment > row.revoked_at:
        raise Refused("REVOCATION_LATER", f"{row} is revoked from {row.revoked_at:%Y-%m-%d %H:%M} UTC: only sooner")
    row.revoked_at, row.revoked_reason = moment, reason
    row.save(update_fields=["revoked_at", "revoked_reason"])
    after = {"key_id": row.key_id, "revoked_at": moment.isoformat()}
    audit.record(f"{_noun(row)}.revoked", row, scope_id=row.desk.scope_id, after=after)


def _trust(model: type[Key], actor: User | str, reason: str, **fields: Any) -> Key:
    raw = _raw(fields["public_key"])
    desk, key_id = fields["desk"], artifacts.key_id(raw)
    fields["public_key"] = base64.b64encode(raw).decode()  # one spelling of one key
    try:
        with acting(actor, reason):
            locks.row(Desk.objects.all(), desk.pk, keeps_key=True)
            _check_role(model, desk, key_id)
            row = model._default_manager.create(key_id=key_id, **fields)
            audit.record(f"{_noun(row)}.trusted", row, scope_id=desk.scope_id, after={"key_id": key_id})
            nudges.hint("trust")
    except IntegrityError as error:
        raise Invalid("SIGNER_KNOWN", "this key is registered; a revoked key stays revoked") from error
    return row


def _check_role(model: type[TrustedKey], desk: Desk, key_id: str) -> None:
    """A key signs builds or attests them; a builder's key that was revoked is not trusted for something else."""
    other: type[TrustedKey] = TrustedBuilder if model is Signer else Signer
    if other._default_manager.filter(key_id=key_id).exists():
        raise Refused("KEY_OTHER_ROLE", "this key has another role: whoever signs builds does not attest them")
    mine: QuerySet[Any] = model._default_manager.filter(desk=desk, key_id=key_id)
    if mine.filter(revoked_at__isnull=False).exists():
        raise Invalid("SIGNER_KNOWN", "this key is registered; a revoked key stays revoked")


def _noun(row: TrustedKey) -> str:
    return "signer" if isinstance(row, Signer) else "builder"


def _raw(public_key: str) -> bytes:
    try:
        raw = base64.b64decode(public_key, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("SIGNER_KEY_MALFORMED", "the public key must be base64") from error
    if len(raw) != KEY_BYTES:
        raise Invalid("SIGNER_KEY_MALFORMED", "an Ed25519 public key is 32 bytes")
    return raw


def _check_origin(*uris: str) -> None:
    for uri in uris:
        if not _URI.fullmatch(uri):
            raise Invalid("BUILDER_MALFORMED", f"{uri!r:.80} must be a URI, e.g. https://ci.example/builder")


def _check_refs(refs: list[str]) -> None:
    if not 0 < len(refs) <= REFS_MAX or len(set(refs)) != len(refs) or not all(map(_REF.fullmatch, refs)):
        raise Invalid(
            "REFS_MALFORMED", f"1 to {REFS_MAX} refs, each once: refs/heads/main, or refs/tags/* for all below"
        )
