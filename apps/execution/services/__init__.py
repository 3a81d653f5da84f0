"""Verbs of execution, by noun: orders, submission, books, cycles, holds."""

from apps.execution.services.books import rebuild_exposure, sync_account
from apps.execution.services.closing import close_position
from apps.execution.services.cycles import open_missing_cycles, run_cycle
from apps.execution.services.draining import drain_hold
from apps.execution.services.orders import TERMS, Ticket, cancel, place
from apps.execution.services.submission import send

__all__ = [
    "TERMS",
    "Ticket",
    "cancel",
    "close_position",
    "drain_hold",
    "open_missing_cycles",
    "place",
    "rebuild_exposure",
    "run_cycle",
    "send",
    "sync_account",
]
