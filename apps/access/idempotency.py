"""Idempotency: one key, one execution, one stored answer (design §10).

The turn is a transaction-level advisory lock, and the answer commits together with the act. So callers
with the same key wait for the first one and read its answer; an executor that dies leaves neither act
nor answer, and the next caller executes.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction

from apps.access.models import IdempotencyRecord, User
from apps.common.errors import Invalid, Refused

WELL_FORMED = re.compile(r"[\x21-\x7e]{8,128}")
# Two-number advisory locks are a space of their own, apart from the locks on scopes.
LOCK_SPACE = 0x1DE4
LOCK_TIMEOUT = "55P03"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answered: the HTTP status and the JSON body."""

    status: int
    body: Any
    is_kept: bool = True


def check_key(key: str) -> str:
    """The key; refuses one that is not 8 to 128 printable ASCII characters (IDEMPOTENCY_KEY_MALFORMED)."""
    if not WELL_FORMED.fullmatch(key):
        raise Invalid("IDEMPOTENCY_KEY_MALFORMED", "the key must be 8 to 128 printable characters without spaces")
    return key


def digest_of(*parts: Any) -> str:
    """The SHA-256 over the request's parts as sorted JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def once(caller: User, key: str, digest: str, execute: Callable[[], Answer]) -> tuple[Answer, bool]:
    """The answer to this key and whether it is a replay; `execute` runs at most once per key.

    Waits for a caller that has the same key. Refuses another request under a used key
    (IDEMPOTENCY_KEY_REUSED) and a wait past the lock timeout (IDEMPOTENCY_IN_PROGRESS).
    """
    with transaction.atomic():
        _wait("pg_advisory_xact_lock", caller, key)
        return _answered(caller, key, digest, execute)


def once_outside(caller: User, key: str, digest: str, execute: Callable[[], Answer]) -> tuple[Answer, bool]:
    """As `once`, for an act that asks a venue and so may not run inside a transaction.

    An executor that dies between its act and its answer is followed by another execution: only for acts
    that are harmless when repeated.
    """
    _wait("pg_advisory_lock", caller, key)
    try:
        return _answered(caller, key, digest, execute)
    finally:
        _wait("pg_advisory_unlock", caller, key)


def _answered(caller: User, key: str, digest: str, execute: Callable[[], Answer]) -> tuple[Answer, bool]:
    record = IdempotencyRecord.objects.filter(caller=caller, key=key).first()
    if record is not None:
        return _replay(record, digest), True
    answer = execute()
    if answer.is_kept:
        IdempotencyRecord.objects.create(
            caller=caller, key=key, request_digest=digest, status=answer.status, body=answer.body
        )
    return answer, False


def _wait(function: str, caller: User, key: str) -> None:
    number = int.from_bytes(hashlib.sha256(f"{caller.pk}:{key}".encode()).digest()[:4], "big", signed=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s, %s)", [LOCK_SPACE, number])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_TIMEOUT:
            raise
        raise Refused(
            "IDEMPOTENCY_IN_PROGRESS", "a call with this key is still being executed; ask again in a moment"
        ) from None


def _replay(record: IdempotencyRecord, digest: str) -> Answer:
    if record.request_digest != digest or record.status is None:
        raise Invalid(
            "IDEMPOTENCY_KEY_REUSED",
            "this key was used for another request; send a new key with a new request",
        )
    return Answer(record.status, record.body)
