"""Endpoints of announced maintenance: stated by one person or a machine, made less by two people."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.models import Scope
from apps.access.states import ScopeKind
from apps.common.api.serializers import Ballot
from apps.common.clocks import wall_now
from apps.markets import selectors, services
from apps.markets.api import maintenance_serializers as shapes
from apps.markets.api.views import StatedEndpoint
from apps.markets.api.vote_views import RequestEndpoint
from apps.markets.models import Instrument, MaintenanceRequest, MaintenanceWindow

WINDOW_EXAMPLE = OpenApiExample(
    "A venue's window",
    request_only=True,
    value={
        "venue": "paper",
        "starts_at": "2026-03-07T13:00:00Z",
        "ends_at": "2026-03-07T15:00:00Z",
        "source": "https://status.example.com/incidents/2026-17",
        "reason": "the venue moves its matching engine",
    },
)


class WindowFilters(django_filters.FilterSet):
    """By venue, instrument, and whether anything of the window is still to come."""

    venue = django_filters.CharFilter(field_name="scope__name", label="Name of the venue.")
    instrument = django_filters.UUIDFilter(field_name="instrument")
    upcoming = django_filters.BooleanFilter(
        method="by_upcoming", label="true: windows that run or are ahead; false: those that are over or cancelled."
    )

    def by_upcoming(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """Windows of which something is to come, or the others."""
        is_upcoming = Q(cancelled_at__isnull=True, ends_at__gt=wall_now())
        return rows.filter(is_upcoming if value else ~is_upcoming)


class MaintenanceViews(StatedEndpoint):
    """Announced maintenance; while a window runs nothing opens at the venue."""

    queryset = selectors.maintenance()
    serializer_class = shapes.MaintenanceShown
    filterset_class = WindowFilters

    @extend_schema(request=shapes.MaintenanceAsked, responses={201: shapes.MaintenanceShown}, examples=[WINDOW_EXAMPLE])
    def create(self, request: Request) -> Response:
        """Announce a window (needs `set_limits` on the firm); it holds at once.

        While it runs what opens is denied with VENUE_IN_MAINTENANCE; exits and cancels pass. Bots whose bundle says
        flat open nothing so many minutes before it (FLAT_BEFORE_MAINTENANCE) and are taken out.
        """
        self.allow_stating()
        body = self.asked(shapes.MaintenanceAsked)
        venues = Scope.objects.filter(kind=ScopeKind.VENUE)
        venue = self.referred(venues, body.pop("venue"), path=None)
        symbol = body.pop("instrument")
        instrument = symbol and self.referred(Instrument.objects.all(), symbol, path=None, name="symbol")
        window = services.announce_maintenance(venue=venue, instrument=instrument or None, actor=self.caller, **body)
        return self.shown(selectors.maintenance().get(pk=window.pk), 201)

    @extend_schema(request=shapes.MaintenanceTimes, responses={200: shapes.MaintenanceShown})
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, pk: str) -> Response:
        """Start a window earlier or end it later, at once (needs `set_limits` on the firm).

        What would leave out any of it is refused with MAINTENANCE_LOOSENS: a person asks for it by
        `maintenance-windows/requests`, and a second one decides.
        """
        self.allow_stating()
        window = services.extend_maintenance(
            window=self.get_object(), actor=self.caller, **self.asked(shapes.MaintenanceTimes)
        )
        return self.shown(selectors.maintenance().get(pk=window.pk))


class MaintenanceRequestViews(RequestEndpoint):
    """Less maintenance that was put to a vote."""

    queryset = MaintenanceRequest.objects.select_related("consent", "window__scope")
    serializer_class = shapes.MaintenanceRequestShown

    @extend_schema(request=shapes.LessMaintenanceAsked, responses={201: shapes.MaintenanceRequestShown})
    def create(self, request: Request) -> Response:
        """Ask to move or shorten a window, or without times to cancel it (needs `set_limits` and a fresh sign-in)."""
        self.allow_asking(request)
        body = self.asked(shapes.LessMaintenanceAsked)
        window = self.referred(MaintenanceWindow.objects.all(), str(body.pop("window")), path=None)
        return self.shown(services.request_less_maintenance(window=window, actor=self.caller, **body), 201)

    @extend_schema(request=Ballot, responses={200: shapes.MaintenanceRequestShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Agree to it or deny it (needs `vote_risk` on the firm and a fresh sign-in).

        Whoever asked may not (VOTE_EXCLUDED). Refused with DIGEST_CHANGED when the window was changed meanwhile.
        """
        found = self.votable(request)
        return self.shown(services.vote_less_maintenance(request=found, actor=self.caller, **self.asked(Ballot)))
