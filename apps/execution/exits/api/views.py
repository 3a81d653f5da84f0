"""Endpoints of exit plans."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.models import Scope
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import ReasonedAct
from apps.execution.exits import services
from apps.execution.exits.api import serializers as shapes
from apps.execution.exits.models import ExitPlan

EXAMPLE = OpenApiExample(
    "Leave a bucket, a tenth of the volume at a time",
    request_only=True,
    value={
        "scope": "01980000-0000-7000-8000-000000000003",
        "collar_bps": "50",
        "participation": "0.1",
        "step_s": 5,
        "keep_protective": True,
        "hedge_groups": [["01980000-0000-7000-8000-000000000004", "01980000-0000-7000-8000-000000000005"]],
        "reason": "the exchange announced a delisting",
    },
)


class ExitPlanViews(ReadEndpoint):
    """Exit plans."""

    queryset = ExitPlan.objects.select_related("scope").prefetch_related("legs__instrument")
    serializer_class = shapes.ExitPlanShown
    filterset_class = filter_set(ExitPlan, ids=("scope",), exact=("state", "source"))
    commits_itself = frozenset({"preview"})

    @extend_schema(request=shapes.NewExitPlan, responses={201: shapes.ExitPlanShown}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Take every position below a scope to zero in slices (needs `exit`; a service may not: PERSON_NEEDED).

        Orders in the way are cancelled first, every size comes from the venue's own record, every price is
        inside the collar; it passes holds and waits for a closed session or a silent venue. One active plan
        per scope (EXIT_PLAN_ACTIVE) and per position (POSITION_ON_PLAN).
        """
        body = self.asked(shapes.NewExitPlan)
        scope, terms = self._scope(body), shapes.terms_of(body)
        plan = services.start(scope=scope, terms=terms, actor=self.caller, **body)
        return self.shown(self.queryset.get(pk=plan.pk), 201)

    @extend_schema(request=shapes.ExitPreviewAsked, responses={200: shapes.ExitPreviewShown}, examples=[EXAMPLE])
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What such a plan would find and do now (needs `exit`); nothing is changed.

        A venue that does not answer leaves its legs unconfirmed: a plan would start and wait for it.
        """
        body = self.asked(shapes.ExitPreviewAsked)
        scope, terms = self._scope(body), shapes.terms_of(body)
        found = services.preview(scope=scope, terms=terms, hedge_groups=body["hedge_groups"])
        return Response(shapes.ExitPreviewShown(found).data)

    @extend_schema(request=ReasonedAct, responses={200: shapes.ExitPlanShown})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Place no further slice and cancel those that work (needs `exit`); going on is a new plan."""
        plan = self.target(Permission.EXIT)
        reason = self.asked(ReasonedAct)["reason"]
        services.stop(plan=plan, actor=self.caller, reason=reason)
        return self.shown(self.queryset.get(pk=plan.pk))

    def _scope(self, body: dict[str, Any]) -> Scope:
        scope: Scope = self.referred(Scope.objects.all(), str(body.pop("scope")), path="id")
        self.allow(scope, Permission.EXIT)
        return scope
