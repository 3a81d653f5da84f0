"""Endpoints of limits, exposure and holds."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.models import Scope
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Ballot
from apps.risk import services
from apps.risk.api import serializers as shapes
from apps.risk.models import Exposure, Hold, Limit, LimitRaise
from apps.risk.states import HoldLevel


class ScopedEndpoint(ReadEndpoint):
    """What is asked for on a scope that the body names."""

    def scope_asked(self, body: dict[str, Any], permission: Permission) -> Scope:
        """The scope of the body, on which the caller has `permission`."""
        scope: Scope = self.referred(Scope.objects.all(), str(body.pop("scope")), path="id")
        self.allow(scope, permission)
        return scope


class LimitViews(ScopedEndpoint):
    """Limits."""

    queryset = Limit.objects.select_related("scope")
    serializer_class = shapes.LimitShown
    filterset_class = filter_set(Limit, ids=("scope",), exact=("kind",), created=False)

    @extend_schema(request=shapes.LimitAsked, responses={200: shapes.LimitShown})
    def create(self, request: Request) -> Response:
        """Lower a limit at once (needs `set_limits`); a first or higher value goes by `limits/raises`."""
        body = self.asked(shapes.LimitAsked)
        scope = self.scope_asked(body, Permission.SET_LIMITS)
        return self.shown(services.set_limit(scope=scope, actor=self.caller, **body))


class RaiseViews(ScopedEndpoint):
    """Requests to raise a limit, granted by a second person."""

    queryset = LimitRaise.objects.select_related("scope", "consent")
    serializer_class = shapes.RaiseShown
    filterset_class = filter_set(LimitRaise, ids=("scope",), exact=("kind",))

    @extend_schema(request=shapes.LimitAsked, responses={201: shapes.RaiseShown})
    def create(self, request: Request) -> Response:
        """Ask for a higher limit (needs `set_limits`)."""
        body = self.asked(shapes.LimitAsked)
        scope = self.scope_asked(body, Permission.SET_LIMITS)
        return self.shown(services.request_raise(scope=scope, actor=self.caller, **body), 201)

    @extend_schema(request=Ballot, responses={200: shapes.RaiseShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Grant or deny a raise (needs `vote_risk`); the requester may not (VOTE_EXCLUDED)."""
        found = self.target(Permission.VOTE_RISK)
        return self.shown(services.vote_raise(limit_raise=found, actor=self.caller, **self.asked(Ballot)))


class HoldViews(ScopedEndpoint):
    """Holds."""

    queryset = Hold.objects.select_related("scope", "consent")
    serializer_class = shapes.HoldShown
    filterset_class = filter_set(Hold, ids=("scope",), exact=("state", "level", "drain_state"))
    commits_itself = frozenset({"create"})

    @extend_schema(request=shapes.NewHold, responses={201: shapes.HoldShown})
    def create(self, request: Request) -> Response:
        """Stop a scope (needs `hold`); when it answers, no new order of a bot can be sent there."""
        body = self.asked(shapes.NewHold)
        scope = self.scope_asked(body, Permission.HOLD)
        return self.shown(services.place_hold(scope=scope, actor=self.caller, **body), 201)

    @extend_schema(request=shapes.ReleaseAsked, responses={200: shapes.HoldShown})
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Release a hold (needs `release_hold`): to REDUCING at once, to ACTIVE after a second person's vote."""
        hold, body = self.target(Permission.RELEASE_HOLD), self.asked(shapes.ReleaseAsked)
        level = HoldLevel.REDUCING if body["to"] == "REDUCING" else None
        return self.shown(services.request_release(hold=hold, to_level=level, actor=self.caller, reason=body["reason"]))

    @extend_schema(request=Ballot, responses={200: shapes.HoldShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Grant or deny the release (needs `release_hold`); whoever asked for it may not (VOTE_EXCLUDED)."""
        hold = self.target(Permission.RELEASE_HOLD)
        return self.shown(services.vote_release(hold=hold, actor=self.caller, **self.asked(Ballot)))


class ExposureViews(ReadEndpoint):
    """Exposure."""

    queryset = Exposure.objects.select_related("scope", "instrument")
    serializer_class = shapes.ExposureShown
    filterset_class = filter_set(Exposure, ids=("scope", "instrument"), created=False)
