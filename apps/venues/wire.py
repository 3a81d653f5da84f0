"""What every adapter over a wire needs: exact numbers, the declared orders only, trades in a lasting order."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog

from apps.common.clocks import to_ms
from apps.venues.adapters.base import Capabilities, NoAnswer, SubmitRequest, VenueRejected

log = structlog.get_logger(__name__)
OURS = re.compile(r"[0-9a-f]{32}")
FRACTION = re.compile(r"\.(\d+)")
SLOTS = 2**20
# A venue may write down a trade a little after its time; until then a later one is not handed over.
SETTLE_MS = 500
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
Row = TypeVar("Row")
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Garbled(ValueError):
    """An answer that does not say what it must say."""


def readable(call: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """An adapter's method for which an answer that it cannot read is no answer."""

    @wraps(call)
    def reading(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return call(*args, **kwargs)
        except UNREADABLE as error:
            log.warning("venue.unreadable", call=call.__name__, exc_info=True)
            failure = NoAnswer(f"the venue's answer to {call.__name__} is not readable: {type(error).__name__}")
        raise failure

    return reading


def exact(value: Any) -> Decimal:
    """The number written in `value`, digit for digit. Raises Garbled; floats are not numbers here."""
    if isinstance(value, str | Decimal) or type(value) is int:
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise Garbled("a number is missing or is none")


def exact_or_none(value: Any) -> Decimal | None:
    """The number, or None where there is none."""
    return None if value is None or value == "" else exact(value)


def text(value: Any) -> str:
    """A text that must be there. Raises Garbled."""
    if not isinstance(value, str) or not value:
        raise Garbled("a text is missing")
    return value


def instant_ns(value: Any) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time with up to nine decimals. Raises Garbled."""
    written = text(value)
    decimals = FRACTION.search(written)
    moment = datetime.fromisoformat(FRACTION.sub("", written, count=1))
    if moment.tzinfo is None:
        raise Garbled("a time without a zone")
    return to_ms(moment) * 1_000_000 + int((decimals[1] if decimals else "0").ljust(9, "0")[:9])


def check_declared(request: SubmitRequest, can: Capabilities) -> None:
    """Refuse before the wire what the venue was not declared to take. Raises VenueRejected VENUE_CANNOT."""
    wishes = {
        f"the side {request.side}": request.side in ("BUY", "SELL"),
        f"the order type {request.order_type}": request.order_type in can.order_types,
        f"the time in force {request.time_in_force}": request.time_in_force in can.times_in_force,
        "reduce-only": can.has_reduce_only or not request.is_reduce_only,
        "post-only": can.has_post_only or not request.is_post_only,
        "extended hours": can.has_extended_hours or not request.is_extended_hours,
        "a post-only order that is no limit order": not request.is_post_only or request.order_type == "LIMIT",
        "extended hours but for limit orders of the day": not request.is_extended_hours
        or (request.order_type, request.time_in_force) == ("LIMIT", "DAY"),
    }
    for wish, is_met in wishes.items():
        if not is_met:
            raise VenueRejected("VENUE_CANNOT", f"the venue does not take {wish}")
    needed = {"limit": "LIMIT" in request.order_type, "stop": "STOP" in request.order_type}
    given = {"limit": request.limit_price is not None, "stop": request.stop_price is not None}
    if needed != given or not request.quantity.is_finite() or request.quantity <= 0:
        raise VenueRejected("ORDER_MALFORMED", "quantity and prices do not fit the order type")


def since_ms(cursor: int) -> int:
    """The millisecond from which trades must be read again to number those after `cursor`."""
    return cursor // SLOTS


def numbered(found: Iterable[tuple[int, str, Row]], cursor: int, *, until_ms: int, limit: int) -> list[tuple[int, Row]]:
    """The settled trades after `cursor` with their sequences; `found` are (ms, trade id, trade) in any order.

    A sequence is the trade's millisecond and its place, by trade id, among the trades of that millisecond. So
    `found` must hold all trades since `since_ms(cursor)`, and none after `until_ms` is handed over: there another
    trade of the same millisecond may still appear. Under these conditions a number never changes.
    """
    rows = sorted({(ms, trade_id): row for ms, trade_id, row in found}.items(), key=lambda item: item[0])
    places: dict[int, int] = {}
    after: list[tuple[int, Row]] = []
    for (ms, _), row in rows:
        places[ms] = place = places.get(ms, 0) + 1
        sequence = ms * SLOTS + place
        if cursor < sequence and ms <= until_ms:
            after.append((sequence, row))
    return after[:limit]
