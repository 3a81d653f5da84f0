"""The alerts inbox."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.states import Permission
from apps.alerts import selectors as inbox
from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.alerts.states import AlertState, Tier
from apps.console import pages
from apps.console.forms import ReasonForm
from apps.console.pages import Request

PAGE_SIZE = 50


def index(request: Request, alert_id: UUID | None = None) -> HttpResponse:
    """What stands, most urgent first; resolved ones on request."""
    state, tier, text = (request.GET.get(name, "") for name in ("state", "tier", "q"))
    rows = inbox.visible(request.user) if state else inbox.standing(request.user)
    if state in AlertState.values:
        rows = rows.filter(state=state)
    if tier in Tier.values:
        rows = rows.filter(tier=tier)
    if text:
        rows = rows.filter(title__icontains=text[:60]) | rows.filter(scope__name__icontains=text[:60])
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": AlertState.values,
        "tiers": Tier.values,
        "operable": selectors.visible_scope_ids(request.user, Permission.OPERATE),
    }
    return pages.show(request, "console/alerts.html", context, {"alert-rows": "console/_alert_rows.html"})


@require_GET
def critical(request: Request) -> HttpResponse:
    """The notice at the top of every page."""
    return pages.show(request, "components/_critical.html", {})


@pages.acts_on(index)
def acknowledge(request: Request, alert_id: UUID) -> HttpResponse:
    """Somebody works on it."""
    alert, reason = _find(request, alert_id)
    alerts.acknowledge(alert=alert, actor=request.user, reason=reason)
    return pages.done(request, f"Acknowledged: {alert.title}", "alerts")


@pages.acts_on(index)
def resolve(request: Request, alert_id: UUID) -> HttpResponse:
    """What it was about is over."""
    alert, reason = _find(request, alert_id)
    alerts.resolve(alert=alert, actor=request.user, reason=reason)
    return pages.done(request, f"Resolved: {alert.title}", "alerts")


def _find(request: Request, alert_id: UUID) -> tuple[Alert, str]:
    alert = pages.reach(request, Alert.objects.select_related("scope"), "scope", pk=alert_id)
    access.require(request.user, Permission.OPERATE, alert.scope)
    return alert, str(pages.cleaned(ReasonForm(request.POST))["reason"])
