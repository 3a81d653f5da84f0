"""Endpoints of holds: here, above the orders, because a halt starts to cancel at once."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services as access
from apps.access.api.base import ReadEndpoint
from apps.access.models import Scope
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Ballot
from apps.execution import selectors, services
from apps.execution.api import hold_serializers as shapes
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.risk.states import HoldLevel


class HoldViews(ReadEndpoint):
    """Holds."""

    queryset = Hold.objects.select_related("scope", "consent")
    serializer_class = shapes.HoldShown
    filterset_class = filter_set(Hold, ids=("scope",), exact=("state", "level", "drain_state", "is_drill"))
    commits_itself = frozenset({"create"})

    @extend_schema(request=shapes.NewHold, responses={201: shapes.HoldShown})
    def create(self, request: Request) -> Response:
        """Stop a scope (needs `hold`); when it answers, no new order of a bot can be sent there.

        The cancels begin at once, in this process too, so that they need neither Redis nor workers.
        """
        body = self.asked(shapes.NewHold)
        scope = self._scope(body)
        return self.shown(services.halt(scope=scope, actor=self.caller, **body), 201)

    @extend_schema(request=shapes.HaltAsked, responses={200: shapes.HaltPreviewShown})
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a halt would stop, cancel and leave unguarded (needs `hold`); nothing is changed."""
        body = self.asked(shapes.HaltAsked)
        found = selectors.halt_preview(self._scope(body), body["cancels"])
        return Response(shapes.HaltPreviewShown(found).data)

    @extend_schema(request=shapes.ReleaseAsked, responses={200: shapes.HoldShown})
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Release a hold (needs `release_hold`): to REDUCING at once, to ACTIVE after a second person's vote.

        Asking for ACTIVE needs a fresh sign-in (STEP_UP_REQUIRED).
        """
        hold, body = self.target(Permission.RELEASE_HOLD), self.asked(shapes.ReleaseAsked)
        level = HoldLevel.REDUCING if body["to"] == "REDUCING" else None
        if level is None:
            access.require_step_up(request)
        return self.shown(risk.request_release(hold=hold, to_level=level, actor=self.caller, reason=body["reason"]))

    @extend_schema(request=Ballot, responses={200: shapes.HoldShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Grant or deny the release (needs `release_hold`); whoever asked for it may not (VOTE_EXCLUDED).

        Needs a fresh sign-in (STEP_UP_REQUIRED).
        """
        hold = self.target(Permission.RELEASE_HOLD)
        access.require_step_up(request)
        return self.shown(risk.vote_release(hold=hold, actor=self.caller, **self.asked(Ballot)))

    def _scope(self, body: dict[str, Any]) -> Scope:
        scope: Scope = self.referred(Scope.objects.all(), str(body.pop("scope")), path="id")
        self.allow(scope, Permission.HOLD)
        return scope
