"""Sources of signals: what they may order, asking and voting to activate one, and stopping one at once."""

from uuid import UUID

from django.http import HttpResponse

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.console import pages
from apps.console.forms import ReasonForm
from apps.console.pages import Request
from apps.console.selectors import sources
from apps.execution.signals import services as signals
from apps.execution.signals.models import SignalSource

STOPPERS = (Permission.OPERATE, Permission.HOLD)


def index(request: Request, source_id: UUID | None = None) -> HttpResponse:
    """Sources within reach."""
    stoppable = {pk for permission in STOPPERS for pk in selectors.visible_scope_ids(request.user, permission)}
    context = {
        "sources": sources.visible(request.user),
        "stoppable": stoppable,
        "askable": selectors.visible_scope_ids(request.user, Permission.ADMINISTER),
    }
    return pages.show(request, "console/sources.html", context, {"source-list": "console/_sources.html"})


@pages.acts_on(index)
def ask(request: Request, source_id: UUID) -> HttpResponse:
    """Ask a second person to let the source trade."""
    source = _find(request, source_id)
    access.require(request.user, Permission.ADMINISTER, source.deployment.bot.scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    signals.request_activation(source=source, actor=request.user, reason=reason)
    return pages.done(request, f"A second person must agree before {source} trades", "signal_sources")


@pages.acts_on(index)
def vote(request: Request, source_id: UUID) -> HttpResponse:
    """Let the source trade, or not."""
    source = _find(request, source_id)
    access.require(request.user, Permission.VOTE_RISK, source.deployment.bot.scope)
    signals.vote_activation(source=source, **pages.ballot(request))
    return pages.done(request, "The vote counts", "signal_sources")


@pages.acts_on(index)
def deactivate(request: Request, source_id: UUID) -> HttpResponse:
    """No message of it becomes an order any more."""
    source = _find(request, source_id)
    scope = source.deployment.bot.scope
    if not any(access.may(request.user, permission, scope) for permission in STOPPERS):
        access.require(request.user, Permission.OPERATE, scope)
    reason = pages.cleaned(ReasonForm(request.POST))["reason"]
    signals.deactivate(source=source, actor=request.user, reason=reason)
    return pages.done(request, f"{source} orders nothing any more", "signal_sources")


def _find(request: Request, source_id: UUID) -> SignalSource:
    rows = SignalSource.objects.select_related("deployment__bot__scope")
    return pages.reach(request, rows, "deployment__bot__scope", pk=source_id)
