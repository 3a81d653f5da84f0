"""The line protocol between a host and a bot: versioned JSON, one message a line (sdk/PROTOCOL.md)."""

import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
LINE_BYTES_MAX = 1_048_576
INTENTS_PER_EVENT_MAX = 16
NOTES_PER_EVENT_MAX = 64
NAME_LENGTH_MAX = 64
VALUE_LENGTH_MAX = 200
BATCH_BARS_MAX = 4_096

Message = dict[str, Any]


class ProtocolError(ValueError):
    """A line that is not a message of this protocol."""


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


# Made once: building them costs more than a short line does.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def encode(kind: str, fields: Mapping[str, object]) -> bytes:
    """One line; ProtocolError when it would be longer than the bound or holds what JSON has no word for."""
    try:
        text = _ENCODER.encode({"v": VERSION, "type": kind, **fields})
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"{kind}: {error}") from None
    if len(text) >= LINE_BYTES_MAX:
        raise ProtocolError(f"{kind}: longer than {LINE_BYTES_MAX} bytes")
    return text.encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line; ProtocolError for anything else, other versions included."""
    if len(line) > LINE_BYTES_MAX:
        raise ProtocolError(f"line longer than {LINE_BYTES_MAX} bytes")
    try:
        message = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        raise ProtocolError(f"not JSON: {line[:80]!r}") from None
    if not isinstance(message, dict) or message.get("v") != VERSION or not isinstance(message.get("type"), str):
        raise ProtocolError(f"not a version {VERSION} message: {line[:80]!r}")
    return message
