"""Endpoints of what takes two people: rates that depart, and market states that let more trade."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors as access
from apps.access.services import require_step_up
from apps.access.states import ConsentState, Permission
from apps.common.api.serializers import Ballot
from apps.markets import services
from apps.markets.api import serializers as shapes
from apps.markets.api.views import StatedEndpoint
from apps.markets.models import FxRateRequest, Instrument, MarketStateRequest


class RequestFilters(django_filters.FilterSet):
    """By the state of the vote."""

    vote_state = django_filters.MultipleChoiceFilter(
        field_name="consent__state", choices=ConsentState.choices, label="Of the vote; `open` waits for one."
    )


class RequestEndpoint(StatedEndpoint):
    """What a person asked for and another one decides; both have signed in a moment ago."""

    filterset_class = RequestFilters

    def allow_asking(self, request: Request) -> None:
        """Refuse (PERMISSION_DENIED, STEP_UP_REQUIRED) unless the caller may set limits on the firm."""
        self.allow_stating()
        require_step_up(request)

    def votable(self, request: Request) -> Any:
        """The request of the URL for somebody who may vote (PERMISSION_DENIED, STEP_UP_REQUIRED)."""
        self.allow(access.firm().scope, Permission.VOTE_RISK)
        require_step_up(request)
        return self.get_object()


class FxRateRequestViews(RequestEndpoint):
    """FX rates that were put to a vote."""

    queryset = FxRateRequest.objects.select_related("consent")
    serializer_class = shapes.FxRateRequestShown

    @extend_schema(request=shapes.FxRateAsked, responses={201: shapes.FxRateRequestShown})
    def create(self, request: Request) -> Response:
        """Ask for a rate that one person may not enter alone (needs `set_limits` on the firm and a fresh sign-in)."""
        self.allow_asking(request)
        body = self.asked(shapes.FxRateAsked)
        return self.shown(services.request_fx_rate(actor=self.caller, **body), 201)

    @extend_schema(request=Ballot, responses={200: shapes.FxRateRequestShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Agree to the rate or deny it (needs `vote_risk` on the firm and a fresh sign-in).

        Whoever asked may not (VOTE_EXCLUDED). Refused with DIGEST_CHANGED when another rate counts meanwhile.
        """
        found = self.votable(request)
        return self.shown(services.vote_fx_rate(request=found, actor=self.caller, **self.asked(Ballot)))


class MarketStateRequestViews(RequestEndpoint):
    """Market states that were put to a vote."""

    queryset = MarketStateRequest.objects.select_related("consent", "instrument")
    serializer_class = shapes.MarketStateRequestShown

    @extend_schema(request=shapes.MarketStateAsked, responses={201: shapes.MarketStateRequestShown})
    def create(self, request: Request) -> Response:
        """Ask for a state that lets more trade (needs `set_limits` on the firm and a fresh sign-in)."""
        self.allow_asking(request)
        body = self.asked(shapes.MarketStateAsked)
        instrument = self.referred(Instrument.objects.all(), body.pop("instrument"), path=None, name="symbol")
        asked = services.request_market_state(instrument=instrument, actor=self.caller, **body)
        return self.shown(asked, 201)

    @extend_schema(request=Ballot, responses={200: shapes.MarketStateRequestShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Agree to the state or deny it (needs `vote_risk` on the firm and a fresh sign-in).

        Whoever asked may not (VOTE_EXCLUDED). Refused with DIGEST_CHANGED when something else stands meanwhile.
        """
        found = self.votable(request)
        return self.shown(services.vote_market_state(request=found, actor=self.caller, **self.asked(Ballot)))
