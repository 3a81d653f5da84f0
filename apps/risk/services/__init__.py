"""Verbs of risk, by noun: limits, holds, exposure."""

from apps.risk.services.exposure import (
    adjust_position,
    count_order,
    lock_exposure,
    orders_this_minute,
    reserve,
    unreserve,
)
from apps.risk.services.holds import mark_drained, place_hold, request_release, vote_release
from apps.risk.services.limits import request_raise, set_limit, vote_raise

__all__ = [
    "adjust_position",
    "count_order",
    "lock_exposure",
    "mark_drained",
    "orders_this_minute",
    "place_hold",
    "request_raise",
    "request_release",
    "reserve",
    "set_limit",
    "unreserve",
    "vote_raise",
    "vote_release",
]
