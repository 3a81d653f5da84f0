"""Endpoints of reconciliation."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import ReasonedAct
from apps.reconciliation import services
from apps.reconciliation.api import serializers as shapes
from apps.reconciliation.models import Break, ReconciliationRun
from apps.venues.models import Account


class RunViews(ReadEndpoint):
    """Reconciliation runs."""

    queryset = ReconciliationRun.objects.select_related("account__bucket__scope")
    serializer_class = shapes.RunShown
    filterset_class = filter_set(ReconciliationRun, ids=("account",), exact=("state",))
    scope_path = "account__bucket__scope"

    @extend_schema(request=shapes.NewRun, responses={202: shapes.RunShown})
    def create(self, request: Request) -> Response:
        """Ask for a run of an account now (needs `operate`); a worker does it."""
        body = self.asked(shapes.NewRun)
        accounts = Account.objects.select_related("bucket__scope")
        account = self.referred(accounts, body["account"], path="bucket__scope")
        self.allow(account.bucket.scope, Permission.OPERATE)
        reason = body["reason"] or f"reconciliation of {account.name} asked for"
        run = services.request_run(account=account, trigger="person", actor=self.caller, reason=reason)
        return self.shown(run, 202)


class BreakViews(ReadEndpoint):
    """Breaks."""

    queryset = Break.objects.select_related("account__bucket__scope")
    serializer_class = shapes.BreakShown
    filterset_class = filter_set(Break, ids=("account", "first_run", "last_run"), exact=("kind", "severity", "state"))
    scope_path = "account__bucket__scope"

    @extend_schema(request=ReasonedAct, responses={200: shapes.BreakShown})
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Close a break with what was found (needs `operate`); the reason is its resolution."""
        found = self.target(Permission.OPERATE)
        reason = self.asked(ReasonedAct)["reason"]
        resolved = services.resolve_break(break_=found, resolution=reason, actor=self.caller, reason=reason)
        return self.shown(resolved)
