"""`acting`: the transaction in which something is written, with its actor and reason.

History triggers read both from transaction-local settings, so `update()`, bulk writes and raw SQL carry
them too; a write by the application role outside such a block is refused by the database (design §8).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db import connection, transaction

from apps.common.logs import request_id


class Person(Protocol):
    """What an actor that is a user must have."""

    @property
    def pk(self) -> UUID:
        """The opaque id."""

    @property
    def is_service(self) -> bool:
        """Whether it is a machine."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The actor (`user:<id>`, `service:<id>`, `job:<name>`) and the reason of the current transaction."""

    actor: str
    reason: str


NOBODY = Acting("", "")
_current: ContextVar[Acting | None] = ContextVar("acting", default=None)


def actor_text(actor: "str | Person") -> str:
    """The actor as history stores it: an opaque id, never a name."""
    if isinstance(actor, str):
        return actor
    return f"{'service' if actor.is_service else 'user'}:{actor.pk}"


def job(name: str) -> str:
    """The actor of platform work."""
    return f"job:{name}"


def current() -> Acting | None:
    """Who acts in this block, or None."""
    return _current.get()


@contextmanager
def acting(actor: "str | Person", reason: str) -> Iterator[Acting]:
    """Open a transaction (or savepoint) whose writes are attributed to `actor` with `reason`.

    What follows in an enclosing transaction is again the outer actor's, or nobody's and so refused.
    """
    who = Acting(actor_text(actor), reason)
    outer, is_enclosed = _current.get(), connection.in_atomic_block
    with transaction.atomic():
        _set(who)
        token = _current.set(who)
        try:
            yield who
        finally:
            _current.reset(token)
        if is_enclosed and outer != who:
            _set(outer or NOBODY)


def _set(who: Acting) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('quarterdeck.actor', %s, true), set_config('quarterdeck.reason', %s, true),"
            " set_config('quarterdeck.request_id', %s, true)",
            [who.actor, who.reason, request_id.get()],
        )
