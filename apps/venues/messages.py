"""What was said to a venue and what it answered, kept without secrets, outside of the work's transaction."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import structlog

from apps.common.decimals import text_of
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
