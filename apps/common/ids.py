"""Identifiers: UUIDv7, so that ids sort by time and tables can be partitioned by them (RFC 9562)."""

import uuid

import uuid_utils


def uuid7() -> uuid.UUID:
    """A new UUIDv7."""
    return uuid.UUID(int=uuid_utils.uuid7().int)
