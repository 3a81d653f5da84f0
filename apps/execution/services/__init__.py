"""Verbs of execution, by noun: orders, submission, books, cycles, holds."""

from apps.execution.services.amending import AMENDERS, amend, may_only_guard, may_only_lessen
from apps.execution.services.books import sync_account
from apps.execution.services.breaches import contain_breaches
from apps.execution.services.closing import cancel_all_by_hand, cancel_by_hand, close_position
from apps.execution.services.cycles import open_missing_cycles, run_cycle
from apps.execution.services.day_closes import restate_days
from apps.execution.services.draining import drain_here, drain_hold
from apps.execution.services.drills import run_drill
from apps.execution.services.halting import halt
from apps.execution.services.offline import export_orders, import_journal
from apps.execution.services.orders import cancel, cancel_all, place, preview, replace
from apps.execution.services.rebuilding import rebuild_books, rebuild_exposure
from apps.execution.services.references import refresh_references
from apps.execution.services.sessions import beat, close_session, expire_sessions, open_session
from apps.execution.services.settling import is_in_doubt, outcomes_of, settle_by_person, vote_settlement
from apps.execution.services.submission import send, send_here
from apps.execution.services.syncing import sync_due_accounts
from apps.execution.services.tickets import TERMS, Ticket
from apps.execution.services.valuing import mark_books

__all__ = [
    "AMENDERS",
    "TERMS",
    "Ticket",
    "amend",
    "beat",
    "cancel",
    "cancel_all",
    "cancel_all_by_hand",
    "cancel_by_hand",
    "close_position",
    "close_session",
    "contain_breaches",
    "drain_here",
    "drain_hold",
    "expire_sessions",
    "export_orders",
    "halt",
    "import_journal",
    "is_in_doubt",
    "mark_books",
    "may_only_guard",
    "may_only_lessen",
    "open_missing_cycles",
    "open_session",
    "outcomes_of",
    "place",
    "preview",
    "rebuild_books",
    "rebuild_exposure",
    "refresh_references",
    "replace",
    "restate_days",
    "run_cycle",
    "run_drill",
    "send",
    "send_here",
    "settle_by_person",
    "sync_account",
    "sync_due_accounts",
    "vote_settlement",
]
