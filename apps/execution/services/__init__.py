"""Verbs of execution, by noun: orders, submission, books, cycles, holds."""

from apps.execution.services.books import sync_account
from apps.execution.services.closing import cancel_by_hand, close_position
from apps.execution.services.cycles import open_missing_cycles, run_cycle
from apps.execution.services.draining import drain_here, drain_hold
from apps.execution.services.drills import run_drill
from apps.execution.services.halting import halt
from apps.execution.services.offline import export_orders, import_journal
from apps.execution.services.orders import cancel, cancel_all, place, preview, replace
from apps.execution.services.rebuilding import rebuild_books, rebuild_exposure
from apps.execution.services.references import refresh_references
from apps.execution.services.sessions import beat, close_session, expire_sessions, open_session
from apps.execution.services.settling import settle_by_person, vote_settlement
from apps.execution.services.submission import send
from apps.execution.services.tickets import TERMS, Ticket
from apps.execution.services.valuing import mark_books

__all__ = [
    "TERMS",
    "Ticket",
    "beat",
    "cancel",
    "cancel_all",
    "cancel_by_hand",
    "close_position",
    "close_session",
    "drain_here",
    "drain_hold",
    "expire_sessions",
    "export_orders",
    "halt",
    "import_journal",
    "mark_books",
    "open_missing_cycles",
    "open_session",
    "place",
    "preview",
    "rebuild_books",
    "rebuild_exposure",
    "refresh_references",
    "replace",
    "run_cycle",
    "run_drill",
    "send",
    "settle_by_person",
    "sync_account",
    "vote_settlement",
]
