"""Canonical JSON (RFC 8785), the digests over it, and the strict reading of JSON that strangers wrote."""

import hashlib
import json
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """`value` as RFC 8785 bytes; numbers that are money must already be strings."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """The hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def loads_strict(raw: bytes | str) -> Any:
    """The value of JSON in which no name occurs twice in an object and no NaN or Infinity stands.

    Raises ValueError, or RecursionError for what is nested too deep.
    """
    return json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constants)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
