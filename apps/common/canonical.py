"""Canonical JSON (RFC 8785) and the digests over it."""

import hashlib
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """`value` as RFC 8785 bytes; numbers that are money must already be strings."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """The hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()
