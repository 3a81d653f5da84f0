"""What was said to a venue and what it answered, kept without secrets.

Calls are kept outside of the work's transaction; the report of a trade is kept with its booking.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from apps.common.decimals import text_of
from apps.venues.adapters.base import VenueTrade
from apps.venues.models import VenueMessage

log = structlog.get_logger(__name__)
HIDDEN = "[redacted]"
WAITING_MAX = 20
WIRE_MAX = 10
TEXT_MAX = 4_000
DEPTH_MAX = 8
_NAME = (
    r"[\w-]*(?:api[-_]?key|(?<![a-z])key(?![a-z])|secret|token|passw|passphrase|pwd|authorization|signature"
    r"|credential|cookie|bearer|private|access[-_]?key)[\w-]*"
)
SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
# `name: value`, `name=value`, `"name": "value"` inside a text, and what follows an authorisation scheme.
SECRET_IN_TEXT = re.compile(rf"({_NAME}[\"']?\s*[:=]\s*[\"']?)(?:(?:Basic|Bearer|Token)\s+)?[^\s\"',;&}}]+", re.I)
SCHEME_IN_TEXT = re.compile(r"\b(Basic|Bearer|Token)\s+[\w.~+/=-]{6,}", re.IGNORECASE)


class _Waiting(threading.local):
    def __init__(self) -> None:
        self.messages: list[VenueMessage] = []
        self.wire: list[Any] | None = None


_waiting = _Waiting()


def note(message: VenueMessage, *, may_wait: bool) -> None:
    """Keep a message: now, or, when it `may_wait`, at the next `flush` of this thread.

    The venue's answer is worth more than its record: when the record cannot be written it goes to the log.
    """
    _waiting.messages.append(message)
    if not may_wait or len(_waiting.messages) >= WAITING_MAX:
        flush()


def flush() -> None:
    """Write what waits in this thread; what cannot be written goes to the log instead. Never raises."""
    messages, _waiting.messages = _waiting.messages, []
    if not messages:
        return
    try:
        VenueMessage.objects.bulk_create(messages)
    except Exception as error:
        for lost in messages:
            _log_lost(lost, error)


def report(
    *, account_id: UUID, client_order_id: str, trade: VenueTrade, request: Any, sent_at: datetime, took_ms: float
) -> None:
    """Keep the venue's report of one trade in the caller's transaction: it is there exactly if the booking is.

    What cannot be written goes to the log and leaves the booking as it is. The rest is about the call that listed it.
    """
    stated, wire = shown(replace(trade, raw=None)), _bounded(trade.raw)
    stated.pop("raw")
    message = VenueMessage(
        account_id=account_id,
        client_order_id=client_order_id,
        trade_id=trade.trade_id,
        call="trades_since",
        request=shown(request),
        answer=stated if wire is None else {"stated": stated, "wire": wire},
        sent_at=sent_at,
        took_ms=took_ms,
    )
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except (DatabaseError, ValueError) as error:
        _log_lost(message, error)


def _bounded(raw: Any) -> Any:
    """A report without secrets, or the beginning of one that is too long, as text."""
    text = json.dumps(raw, default=str, ensure_ascii=False)
    return shown(raw) if len(text) <= TEXT_MAX else redacted(text[:TEXT_MAX])


def _log_lost(lost: VenueMessage, error: Exception) -> None:
    fields = {"call": lost.call, "request": lost.request, "answer": lost.answer, "refusal": lost.error}
    log.exception("venue.message_lost", order=lost.client_order_id, why=type(error).__name__, **fields)


@contextmanager
def listening() -> Iterator[list[Any]]:
    """Collect what adapters hear on the wire in this block, in this thread."""
    before, _waiting.wire = _waiting.wire, []
    try:
        yield _waiting.wire
    finally:
        _waiting.wire = before


def heard(exchange: dict[str, Any]) -> None:
    """For adapters: one exchange on the wire, as it was, to be kept with the call that it is a part of."""
    if _waiting.wire is not None and len(_waiting.wire) < WIRE_MAX:
        _waiting.wire.append(exchange)


def shown(value: Any) -> Any:
    """`value` as JSON without secrets: decimals as strings, names and texts that look secret taken out."""
    return _shown(value, DEPTH_MAX)


def _shown(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redacted(value)[:TEXT_MAX]
    if isinstance(value, Decimal):
        return text_of(value) if value.is_finite() else str(value)
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, Enum):
        return _shown(value.value, depth)
    return _shown_parts(value, depth - 1) if depth else HIDDEN


def _shown_parts(value: Any, depth: int) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {
            redacted(str(name)): HIDDEN if SECRET_NAME.fullmatch(str(name)) else _shown(item, depth)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item, depth) for item in value]
    return redacted(str(value))[:TEXT_MAX]


def redacted(text: str) -> str:
    """`text` without the values that follow a name or an authorisation scheme that announces a secret."""
    return SCHEME_IN_TEXT.sub(rf"\1 {HIDDEN}", SECRET_IN_TEXT.sub(rf"\1{HIDDEN}", text))
