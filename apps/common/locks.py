"""Locks until the end of the transaction: of rows, and advisory ones on scopes, always taken in sorted order."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

from apps.common.errors import Refused

Row = TypeVar("Row", bound=Model)


def row(rows: QuerySet[Row], pk: UUID, *, keeps_key: bool = False) -> Row:
    """The row of `rows` with that id, locked, and read with all that `rows` joins once the lock is ours.

    One statement that locks and joins reads the other tables as they were before it waited, and finds nothing when a
    reference of the row has changed meanwhile (PostgreSQL manual, 13.2.1). `keeps_key` lets others refer to the row.
    """
    locking = rows.model._default_manager.select_for_update(no_key=keeps_key)
    locking.values_list("pk").get(pk=pk)
    return rows.get(pk=pk)


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
