"""Structured logs: one JSON object a line, with the request id, and without secrets."""

import logging
from contextvars import ContextVar
from typing import Any

import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")
SECRET_NAMES = ("password", "secret", "token", "authorization", "api_key", "signature")


def _add_request_id(_: Any, __: str, event: Any) -> Any:
    if request_id.get():
        event.setdefault("request_id", request_id.get())
    return event


def _redact(_: Any, __: str, event: Any) -> Any:
    for name in event:
        if any(secret in name.lower() for secret in SECRET_NAMES):
            event[name] = "[redacted]"
    return event


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _add_request_id,
    _redact,
]

structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def formatter() -> logging.Formatter:
    """The formatter that settings.LOGGING names."""
    return structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=SHARED)
