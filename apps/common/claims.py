"""Claims: how a worker takes a due row, keeps it, and lets it go (design rule 1)."""

import os
import socket
from datetime import timedelta
from typing import TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Q

from apps.common.clocks import wall_now
from apps.common.models import Claimable

Row = TypeVar("Row", bound=Claimable)
CLAIM = """
    WITH chosen (id) AS ({chosen} FOR UPDATE OF {table} SKIP LOCKED)
    UPDATE {table} SET lease_owner = %s, lease_until = %s, attempts = {table}.attempts + 1
    FROM chosen WHERE {table}.id = chosen.id RETURNING {table}.*
"""


def worker_name() -> str:
    """This process as lease owner: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(rows: models.QuerySet[Row], *, lease_s: float, limit: int = 1) -> list[Row]:
    """Lease up to `limit` due rows of `rows`, oldest first, and commit that before any work.

    Of rows that are due at the same moment the one made first comes first. A row is free when nobody holds an
    unexpired lease on it. Rows locked by another are skipped. One statement, since every order pays for it several
    times.
    """
    now, model = wall_now(), rows.model
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    found = rows.filter(free, due_at__lte=now).order_by("due_at", "pk").values_list("pk")[:limit]
    try:
        chosen, params = found.query.sql_with_params()
    except EmptyResultSet:  # asked of an empty list
        return []
    statement = CLAIM.format(chosen=chosen, table=connection.ops.quote_name(model._meta.db_table))
    lease = (worker_name(), now + timedelta(seconds=lease_s))
    # Raw, since update() of the ORM returns no rows: with it this takes five round trips.
    claimed = model._default_manager.raw(statement, [*params, *lease])
    return sorted(claimed, key=lambda row: (row.due_at, row.pk))


def wake_stranded(rows: models.QuerySet[Row], *, ahead_s: float) -> int:
    """Make due now what is due, or leased, further ahead than `ahead_s`; how many.

    For rows that never are so by themselves: they were written before the wall clock was set back, and would
    wait until it has caught up.
    """
    now = wall_now()
    horizon = now + timedelta(seconds=ahead_s)
    stranded = rows.filter(Q(due_at__gt=horizon) | Q(lease_until__gt=horizon, due_at__isnull=False))
    return stranded.update(due_at=now, lease_until=None, lease_owner="")


def extend(row: Claimable, *, lease_s: float) -> bool:
    """Heartbeat: prolong our lease; False when somebody else has taken the row."""
    until = wall_now() + timedelta(seconds=lease_s)
    ours = type(row)._default_manager.filter(pk=row.pk, lease_owner=row.lease_owner, attempts=row.attempts)
    return ours.update(lease_until=until) == 1


def is_ours(row: Claimable, fresh: Claimable) -> bool:
    """Whether the lease under which `row` was claimed still stands on its locked, fresh copy."""
    return fresh.lease_owner == row.lease_owner and fresh.attempts == row.attempts


def settle(row: Claimable, *, due_in_s: float | None = None, attempts: int | None = None) -> None:
    """Let a claimed row go: nothing more to do, or due again after `due_in_s` seconds.

    `attempts` sets the count anew, when the work went well and only waits. A lost lease changes nothing.
    """
    due_at = None if due_in_s is None else wall_now() + timedelta(seconds=due_in_s)
    ours = type(row)._default_manager.filter(pk=row.pk, lease_owner=row.lease_owner, attempts=row.attempts)
    kept = row.attempts if attempts is None else attempts
    ours.update(due_at=due_at, lease_owner="", lease_until=None, attempts=kept)
