"""Endpoints of sources: made, activated by a second person, stopped at once."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import Endpoint
from apps.access.models import User
from apps.access.states import Permission, UserKind
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Ballot, ReasonedAct
from apps.deployments.models import Deployment
from apps.execution.signals import services
from apps.execution.signals.api import serializers as shapes
from apps.execution.signals.models import SignalSource

EXAMPLE = OpenApiExample(
    "Signed messages with side and size",
    request_only=True,
    value={
        "name": "momentum-desk",
        "deployment": "01980000-0000-7000-8000-000000000002",
        "acts_as": "momentum-sender",
        "mode": "standard_webhooks",
        "body_schema": {
            "type": "object",
            "properties": {
                "action": {"enum": ["long", "short"]},
                "size": {"type": "string"},
                "price": {"type": "string"},
            },
            "required": ["action", "size", "price"],
            "additionalProperties": False,
        },
        "mapping": {
            "side": {"at": "/action", "values": {"long": "BUY", "short": "SELL"}},
            "quantity": {"at": "/size"},
            "order_type": {"value": "LIMIT"},
            "limit_price": {"at": "/price"},
            "time_in_force": {"value": "GTC"},
            "purpose": {"value": "OPENING"},
        },
        "messages_per_minute": 30,
        "reason": "the momentum desk sends its own entries",
    },
)


class SourceViews(ListModelMixin, Endpoint):
    """Sources of inbound signals."""

    queryset = SignalSource.objects.select_related("deployment__bot__scope", "acts_as", "consent")
    serializer_class = shapes.SourceShown
    filterset_class = filter_set(SignalSource, ids=("deployment",), exact=("name", "mode", "is_active"))
    scope_path = "deployment__bot__scope"
    lookup_field = "name"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    @extend_schema(request=shapes.NewSource, responses={201: shapes.SourceShown}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Make a source (needs `administer`); it is inactive until a second person consents.

        Its keys are made on the server by `manage.py signal_key`, which prints them once.
        """
        body = self.asked(shapes.NewSource)
        reach = Deployment.objects.select_related("bot__scope")
        deployment = self.referred(reach, str(body.pop("deployment")), path="bot__scope", name="pk")
        self.allow(deployment.bot.scope, Permission.ADMINISTER)
        machines = User.objects.filter(kind=UserKind.SERVICE)
        acts_as = self.referred(machines, body.pop("acts_as"), path=None, name="username")
        made = services.make_source(deployment=deployment, acts_as=acts_as, actor=self.caller, **body)
        return self.shown(made, 201)

    @extend_schema(request=ReasonedAct, responses={200: shapes.SourceShown})
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, name: str) -> Response:
        """Ask for its activation (needs `administer`); a risk owner decides by `votes`."""
        source = self.target(Permission.ADMINISTER)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.request_activation(source=source, actor=self.caller, reason=reason))

    @extend_schema(request=Ballot, responses={200: shapes.SourceShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, name: str) -> Response:
        """Grant or deny its activation (needs `vote_risk`); who made it or asked may not (VOTE_EXCLUDED)."""
        source = self.target(Permission.VOTE_RISK)
        return self.shown(services.vote_activation(source=source, actor=self.caller, **self.asked(Ballot)))

    @extend_schema(request=ReasonedAct, responses={200: shapes.SourceShown})
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, name: str) -> Response:
        """Stop it at once (needs `operate` or `hold`): when this answers, no message becomes an order."""
        source = self.target(Permission.OPERATE, Permission.HOLD)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.deactivate(source=source, actor=self.caller, reason=reason))

    @extend_schema(responses={200: shapes.SignalShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def messages(self, request: Request, name: str) -> Response:
        """Its verified messages and what became of them, newest first; kept for 90 days."""
        found: Any = self.get_object()
        return self.listed(found.signals.all(), shapes.SignalShown)
