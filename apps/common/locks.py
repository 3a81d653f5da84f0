"""Transaction-level advisory locks on scopes, always taken in sorted order."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from apps.common.errors import Refused


def _keys(ids: Iterable[UUID]) -> list[int]:
    return sorted({int.from_bytes(item.bytes[8:], "big", signed=True) for item in ids})


def shared(ids: Iterable[UUID]) -> None:
    """Take the shared lock of every id; waits while somebody holds one exclusively."""
    _take("pg_advisory_xact_lock_shared", ids)


def exclusive(ids: Iterable[UUID]) -> None:
    """Take the exclusive lock of every id."""
    _take("pg_advisory_xact_lock", ids)


def _take(function: str, ids: Iterable[UUID]) -> None:
    if not connection.in_atomic_block:
        raise Refused("LOCK_OUTSIDE_TRANSACTION", "an advisory lock needs a transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(key) FROM (SELECT unnest(%s::bigint[]) AS key ORDER BY 1) AS keys",
            [_keys(ids)],
        )
