"""Verbs of inbound signals, by noun: sources, keys, messages."""

from apps.execution.signals.services.reception import Delivery, receive
from apps.execution.signals.services.rotation import count_keys, finish_rotation, make_keys, rotate_keys
from apps.execution.signals.services.sources import (
    deactivate,
    make_source,
    request_activation,
    source_digest,
    vote_activation,
)

__all__ = [
    "Delivery",
    "count_keys",
    "deactivate",
    "finish_rotation",
    "make_keys",
    "make_source",
    "receive",
    "request_activation",
    "rotate_keys",
    "source_digest",
    "vote_activation",
]
