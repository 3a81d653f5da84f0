"""The call budget of an account: a bucket of tokens in the database, taken in small slices by each thread.

The bucket never lets more calls out in any minute than the venue allows: what it holds at most and what runs
in within 61 seconds add up to the venue's bound (a token may be used up to a second after it was taken).
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import connection

from apps.common.clocks import wall_now
from apps.venues.adapters.base import VenueBusy
from apps.venues.models import VenueBudget

BURST_MIN = 20.0
WINDOW_S = 61.0
KEPT_S = 1.0
# A slice is what a thread takes at once where the venue allows so many calls that a statement each is dear.
SLICES_PER_MINUTE = 600
# A bucket filled further ahead than this is one whose clock was set back.
AHEAD_MAX = timedelta(seconds=5)
FULL = "least(%(burst)s, tokens + %(rate)s * greatest(0, extract(epoch FROM %(now)s - filled_at)))"
TAKE = f"""
UPDATE venues_venuebudget SET tokens = {FULL} - %(take)s, filled_at = greatest(filled_at, %(now)s)
WHERE account_id = %(account)s AND {FULL} - %(take)s >= %(floor)s
"""
MISSING = f"""
SELECT (%(floor)s + 1 - {FULL}) / %(rate)s, filled_at > %(ahead)s FROM venues_venuebudget WHERE account_id = %(account)s
"""


class Priority(Enum):
    """Who may use the last tokens; the value is the share of the bucket that is left to those before it."""

    URGENT = 0.0
    ORDER = 0.2
    POLL = 0.4


@dataclass(slots=True)
class Slice:
    """Tokens that a thread has taken and not used yet."""

    tokens: int
    until: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether its tokens still count; a clock that was set back ends them too."""
        return self.tokens > 0 and abs(self.until - now) <= timedelta(seconds=KEPT_S)


class _Taken(threading.local):
    def __init__(self) -> None:
        self.slices: dict[tuple[UUID, Priority], Slice] = {}
        self.orders: dict[UUID, tuple[Priority, datetime]] = {}


_taken = _Taken()


def reserve(account_id: UUID, requests_per_minute: int, priority: Priority) -> None:
    """Hold a token for this thread's next call of that priority within a second.

    Raises VenueBusy, when the bucket has none for it; then nothing was taken.
    """
    key, now = (account_id, priority), wall_now()
    held = _taken.slices.get(key)
    if held is not None and held.is_fresh(now):
        return
    tokens = _take(account_id, requests_per_minute, priority, now)
    _taken.slices[key] = Slice(tokens, now + timedelta(seconds=KEPT_S))


def spend(account_id: UUID, requests_per_minute: int, priority: Priority) -> None:
    """Use one token for a call that goes out now. Raises VenueBusy: the call must not go out."""
    reserve(account_id, requests_per_minute, priority)
    _taken.slices[account_id, priority].tokens -= 1


def reserve_order(account_id: UUID, requests_per_minute: int, priority: Priority) -> None:
    """Hold a token for this thread's next submit or replace, which goes out with this priority. Raises VenueBusy."""
    reserve(account_id, requests_per_minute, priority)
    _taken.orders[account_id] = priority, wall_now()


def order_priority(account_id: UUID) -> Priority:
    """The priority for which this thread has just reserved its next submit or replace; ORDER otherwise."""
    priority, since = _taken.orders.pop(account_id, (Priority.ORDER, wall_now()))
    return priority if abs(wall_now() - since) <= timedelta(seconds=KEPT_S) else Priority.ORDER


def burst(requests_per_minute: int) -> float:
    """The most tokens that the bucket holds."""
    return min(requests_per_minute / 2, max(BURST_MIN, requests_per_minute / 10))


def _take(account_id: UUID, requests_per_minute: int, priority: Priority, now: datetime) -> int:
    """Take a slice in one conditional statement, or a single token where no slice is left; how many."""
    full = burst(requests_per_minute)
    values = {
        "account": account_id,
        "now": now,
        "ahead": now + AHEAD_MAX,
        "burst": full,
        "rate": (requests_per_minute - full) / WINDOW_S,
        "floor": full * priority.value,
    }
    size = max(1, requests_per_minute // SLICES_PER_MINUTE)
    for take in (size, 1):
        if _changed(values | {"take": take}):
            return take
    return _open_or_refuse(account_id, values)


def _changed(values: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        return cursor.rowcount == 1


def _open_or_refuse(account_id: UUID, values: dict[str, Any]) -> int:
    """The first token of a new bucket, or of one whose clock was set back; else VenueBusy."""
    if not VenueBudget.objects.filter(account_id=account_id).exists():
        bucket = VenueBudget(account_id=account_id, tokens=values["burst"], filled_at=values["now"])
        VenueBudget.objects.bulk_create([bucket], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(MISSING, values)
        wait_s, is_ahead = cursor.fetchone()
    if is_ahead:
        VenueBudget.objects.filter(account_id=account_id, filled_at__gt=values["ahead"]).update(filled_at=values["now"])
    if _changed(values | {"take": 1}):
        return 1
    raise VenueBusy("the account has used up its calls of this minute", retry_in_s=min(60.0, max(0.05, wait_s)))
