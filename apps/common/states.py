"""The one state idiom: a transition table per status, checked under the row's lock (design rule 2)."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from apps.common.errors import Refused

Transitions = Mapping[Any, frozenset[Any]]


def allows(table: Transitions, before: str, after: str) -> bool:
    """Whether `table` lets a status move from `before` to `after`."""
    return after in table.get(before, frozenset())


def move(row: models.Model, after: str, table: Transitions, *, field: str = "state", **changes: Any) -> None:
    """Move a locked row to `after` and save exactly the changed fields.

    Refuses a move that the table does not list (STATE_CONFLICT). The caller holds the row's lock.
    """
    before = getattr(row, field)
    if not allows(table, before, after):
        kind = row._meta.verbose_name
        raise Refused("STATE_CONFLICT", f"this {kind} is {before} and cannot become {after}", state=before)
    setattr(row, field, after)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[field, *changes])
