"""Signers that a desk trusts."""

import base64
import binascii

from django.db import IntegrityError

from apps.access.models import Desk, User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import artifacts
from apps.bots.models import Signer
from apps.common.clocks import wall_now
from apps.common.errors import Invalid

KEY_BYTES = 32


def trust_signer(*, desk: Desk, name: str, public_key: str, actor: User | str, reason: str) -> Signer:
    """Trust an Ed25519 public key (raw 32 bytes, base64) for a desk.

    Raises Invalid SIGNER_KEY_MALFORMED or SIGNER_KNOWN.
    """
    try:
        raw = base64.b64decode(public_key, validate=True)
    except binascii.Error as error:
        raise Invalid("SIGNER_KEY_MALFORMED", "the public key must be base64") from error
    if len(raw) != KEY_BYTES:
        raise Invalid("SIGNER_KEY_MALFORMED", "an Ed25519 public key is 32 bytes")
    try:
        with acting(actor, reason):
            key_id = artifacts.key_id(raw)
            signer = Signer.objects.create(desk=desk, name=name, key_id=key_id, public_key=public_key)
            audit.record("signer.trusted", signer, scope_id=desk.scope_id, after={"key_id": key_id})
    except IntegrityError as error:
        raise Invalid("SIGNER_KNOWN", "this key is registered; a revoked key stays revoked") from error
    return signer


def revoke_signer(*, signer: Signer, actor: User | str, reason: str) -> Signer:
    """Stop trusting a key: for uploads and for launches, from now on."""
    with acting(actor, reason):
        signer = Signer.objects.select_for_update().get(pk=signer.pk)
        if signer.revoked_at is None:
            signer.revoked_at = wall_now()
            signer.save(update_fields=["revoked_at"])
            audit.record("signer.revoked", signer, scope_id=signer.desk.scope_id)
    return signer
