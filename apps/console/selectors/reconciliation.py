"""Runs and breaks as the page shows them."""

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from apps.access import selectors as access
from apps.access.models import User
from apps.console.selectors import diffs
from apps.console.selectors.diffs import DiffRow
from apps.reconciliation.models import Break, ReconciliationRun
from apps.reconciliation.states import BreakState
from apps.venues import selectors as venues
from apps.venues.models import Account

BREAKS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Books:
    """An account and its newest run."""

    account: Account
    run: ReconciliationRun | None


@dataclass(frozen=True, slots=True)
class BreakView:
    """A break with both sides field by field."""

    row: Break
    fields: list[DiffRow]


def accounts(user: User) -> list[Books]:
    """Every account within reach with its newest run; two queries."""
    newest = ReconciliationRun.objects.filter(account=OuterRef("pk")).order_by("-id").values("pk")[:1]
    found = list(venues.visible_accounts(user))
    wanted = Account.objects.filter(pk__in=[row.pk for row in found]).annotate(newest=Subquery(newest)).values("newest")
    by_account = {run.account_id: run for run in ReconciliationRun.objects.filter(pk__in=wanted)}
    return [Books(row, by_account.get(row.pk)) for row in found]


def runs(user: User) -> QuerySet[ReconciliationRun]:
    """Runs within reach, newest first."""
    rows = ReconciliationRun.objects.select_related("account__venue")
    return access.within(rows, user, "account__scope").order_by("-id")


def breaks(user: User, which: str) -> list[BreakView]:
    """Breaks within reach, newest first; `which` is open or resolved."""
    rows = Break.objects.filter(state=BreakState(which)).select_related("account__scope", "owner", "first_run")
    found = access.within(rows, user, "account__scope").order_by("-id")[:BREAKS_SHOWN]
    return [BreakView(row, _sides(row.ours, row.theirs)) for row in found]


def _sides(ours: Any, theirs: Any) -> list[DiffRow]:
    left = ours if isinstance(ours, dict) else {} if ours is None else {"value": ours}
    right = theirs if isinstance(theirs, dict) else {} if theirs is None else {"value": theirs}
    return list(diffs.compare(left, right))
