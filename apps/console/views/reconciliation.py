"""Reconciliation: runs, and breaks with both sides next to each other."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import ReasonForm, RunForm
from apps.console.pages import Request
from apps.console.selectors import reconciliation as books
from apps.reconciliation import services as reconciliation
from apps.reconciliation.models import Break
from apps.venues.models import Account

PAGE_SIZE = 50


def index(request: Request, break_id: UUID | None = None) -> HttpResponse:
    """Accounts with their last run, breaks, and the runs, newest first."""
    user = request.user
    which = "resolved" if request.GET.get("breaks") == "resolved" else "open"
    context = {
        "accounts": books.accounts(user),
        "breaks": books.breaks(user, which),
        "which": which,
        "page": Paginator(books.runs(user), PAGE_SIZE).get_page(request.GET.get("page")),
        "operable": selectors.visible_scope_ids(user, Permission.OPERATE),
    }
    parts = {"reconciliation": "console/_reconciliation.html"}
    return pages.show(request, "console/reconciliation.html", context, parts)


@pages.acts_on(index)
def run(request: Request) -> HttpResponse:
    """Compare both books now."""
    values = pages.cleaned(RunForm(request.POST))
    account = pages.reach(request, Account.objects.select_related("scope"), "scope", pk=values["account"])
    access.require(request.user, Permission.OPERATE, account.scope)
    reconciliation.request_run(account=account, trigger="person", actor=request.user, reason=values["reason"])
    return pages.done(request, f"A run of {account} is due now", "reconciliation")


@pages.acts_on(index)
def resolve(request: Request, break_id: UUID) -> HttpResponse:
    """Close a break with what was done about it."""
    rows = Break.objects.select_related("account__scope")
    found = pages.reach(request, rows, "account__scope", pk=break_id)
    access.require(request.user, Permission.OPERATE, found.account.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    reconciliation.resolve_break(break_=found, resolution=reason, actor=request.user, reason=reason)
    return pages.done(request, "The break is resolved", "reconciliation")
