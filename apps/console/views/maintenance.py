"""The forms and the export of announced maintenance; they stand on the markets page."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Scope
from apps.access.states import Permission, ScopeKind
from apps.common.errors import Invalid
from apps.console import exports, pages
from apps.console.forms import MaintenanceForm, MaintenanceTimesForm
from apps.console.pages import Request
from apps.console.selectors import maintenance
from apps.console.views import markets
from apps.markets import services
from apps.markets.models import Instrument, MaintenanceRequest, MaintenanceWindow

EXPORT_MAX = 10_000
COLUMNS = ("venue", "instrument", "starts_at", "ends_at", "cancelled_at", "source", "set_by", "set_at", "reason")


@pages.acts_on(markets.index)
def announce(request: Request) -> HttpResponse:
    """Announce a window of a venue, or of one instrument there."""
    values = _stated(request, MaintenanceForm)
    venue = pages.reach(request, Scope.objects.filter(kind=ScopeKind.VENUE), "pk", pk=values.pop("venue"))
    wanted = values.pop("instrument")
    instrument = wanted and pages.reach(request, Instrument.objects.all(), "scope", pk=wanted)
    services.announce_maintenance(venue=venue, instrument=instrument or None, **values, actor=request.user)
    return pages.done(request, f"The maintenance of {venue.name} is announced", "markets")


@pages.acts_on(markets.index)
def change(request: Request, window_id: UUID) -> HttpResponse:
    """Extend a window at once, or ask a second person to move or cancel it."""
    values = _stated(request, MaintenanceTimesForm)
    window = pages.reach(request, MaintenanceWindow.objects.all(), "scope", pk=window_id)
    if request.POST.get("verb") == "extend":
        services.extend_maintenance(window=window, **values, actor=request.user)
        return pages.done(request, "The maintenance is extended", "markets")
    access.require_step_up(request)
    services.request_less_maintenance(window=window, **_less(request, values), actor=request.user)
    return pages.done(request, "A second person must agree to less maintenance", "markets")


def _less(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    """What is asked for: other times, or by a verb of its own none at all."""
    verb, times = request.POST.get("verb"), ("starts_at", "ends_at")
    if verb == "cancel":
        return values | dict.fromkeys(times)
    if verb != "ask" or not any(values[name] for name in times):
        raise Invalid("MAINTENANCE_PERIOD", "say from when or until when instead, or ask to cancel it")
    return values


@pages.acts_on(markets.index)
def vote(request: Request, request_id: UUID) -> HttpResponse:
    """Agree to less maintenance, or not."""
    values = markets.ballot(request)
    rows = MaintenanceRequest.objects.select_related("consent")
    found = pages.reach(request, rows, "consent__scope", pk=request_id)
    services.vote_less_maintenance(request=found, **values)
    return pages.done(request, "The vote counts", "markets")


@require_GET
def export(request: Request) -> StreamingHttpResponse:
    """All windows as CSV, over and cancelled ones too."""
    found = maintenance.windows(request.user)[:EXPORT_MAX]
    return exports.csv_file(
        "maintenance.csv",
        COLUMNS,
        (
            [row.scope.name, row.instrument and row.instrument.symbol, *(getattr(row, name) for name in COLUMNS[2:])]
            for row in found
        ),
    )


def _stated(request: Request, form: type[MaintenanceForm] | type[MaintenanceTimesForm]) -> dict[str, Any]:
    """What the form says, from somebody who may state it."""
    access.require(request.user, Permission.SET_LIMITS, selectors.firm().scope)
    return pages.cleaned(form(request.POST))
