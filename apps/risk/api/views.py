"""Endpoints of limits, exposure and drills of the kill switch; holds are placed above, where orders are."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.models import Scope
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Ballot, ReasonedAct
from apps.risk import services
from apps.risk.api import serializers as shapes
from apps.risk.models import Exposure, Hold, KillDrill, Limit, LimitRaise, ScopeBook, Throttle


class ScopedEndpoint(ReadEndpoint):
    """What is asked for on a scope that the body names."""

    def scope_asked(self, body: dict[str, Any], *permissions: Permission) -> Scope:
        """The scope of the body, on which the caller has one of `permissions`."""
        scope: Scope = self.referred(Scope.objects.all(), str(body.pop("scope")), path="id")
        self.allow(scope, *permissions)
        return scope


class LimitViews(ScopedEndpoint):
    """Limits."""

    queryset = Limit.objects.select_related("scope", "raised_by__consent__requested_by").prefetch_related(
        "raised_by__consent__votes__voter"
    )
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

    @extend_schema(request=shapes.RaiseAsked, responses={201: shapes.RaiseShown})
    def create(self, request: Request) -> Response:
        """Ask for a higher limit (needs `set_limits`), for good or until it reverts (LIMIT_EXPIRY_PAST)."""
        body = self.asked(shapes.RaiseAsked)
        scope = self.scope_asked(body, Permission.SET_LIMITS)
        return self.shown(services.request_raise(scope=scope, actor=self.caller, **body), 201)

    @extend_schema(request=Ballot, responses={200: shapes.RaiseShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Grant or deny a raise (needs `vote_risk`); the requester may not (VOTE_EXCLUDED)."""
        found = self.target(Permission.VOTE_RISK)
        return self.shown(services.vote_raise(limit_raise=found, actor=self.caller, **self.asked(Ballot)))


class KillSwitchViews(ScopedEndpoint):
    """Drills of the kill switch."""

    queryset = KillDrill.objects.select_related("scope", "hold")
    serializer_class = shapes.DrillShown
    filterset_class = filter_set(KillDrill, ids=("scope",), exact=("state",))

    @extend_schema(request=shapes.NewDrill, responses={201: shapes.DrillShown})
    def create(self, request: Request) -> Response:
        """Schedule a drill (needs `operate` or `set_limits`).

        It halts one running paper deployment below the scope for a moment, by the real path, and lifts only its
        own hold again. A drill that is overdue blocks promotions below its scope.
        """
        body = self.asked(shapes.NewDrill)
        scope = self.scope_asked(body, Permission.OPERATE, Permission.SET_LIMITS)
        return self.shown(services.schedule_drill(scope=scope, actor=self.caller, **body), 201)

    @extend_schema(responses={200: shapes.LatchShown(many=True)}, filters=False)
    @action(detail=False, methods=["get"])
    def latches(self, request: Request) -> Response:
        """Every time the switch was thrown, newest first: how long latch and drain took, and what was left."""
        holds = Hold.objects.exclude(latched_at__isnull=True).select_related("scope")
        return self.listed(self.reachable(holds), shapes.LatchShown)


class ExposureViews(ReadEndpoint):
    """Exposure."""

    queryset = Exposure.objects.select_related("scope", "instrument")
    serializer_class = shapes.ExposureShown
    filterset_class = filter_set(Exposure, ids=("scope", "instrument"), created=False)


class BookViews(ReadEndpoint):
    """Sums of exposure by scope and mode: paper and real money are added up apart."""

    queryset = ScopeBook.objects.select_related("scope")
    serializer_class = shapes.BookShown
    filterset_class = filter_set(ScopeBook, ids=("scope",), exact=("mode",), created=False)


class ThrottleViews(ReadEndpoint):
    """Bots that repeated themselves."""

    queryset = Throttle.objects.select_related("scope")
    serializer_class = shapes.ThrottleShown
    filterset_class = filter_set(Throttle, ids=("scope",))

    @extend_schema(request=ReasonedAct, responses={200: shapes.ThrottleShown})
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Let a throttled bot open again (needs `release_hold`): a named person, with a reason."""
        found = self.target(Permission.RELEASE_HOLD)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.enable(throttle=found, actor=self.caller, reason=reason))
