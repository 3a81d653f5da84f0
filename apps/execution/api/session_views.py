"""Endpoints of sessions: bots that run elsewhere."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Act
from apps.common.errors import Forbidden
from apps.deployments.models import Deployment
from apps.execution import services
from apps.execution.api import serializers as shapes
from apps.execution.models import BotSession


class SessionViews(ReadEndpoint):
    """Sessions."""

    queryset = BotSession.objects.select_related("deployment__bot__scope")
    serializer_class = shapes.SessionShown
    filterset_class = filter_set(BotSession, ids=("deployment",), exact=("state",))
    scope_path = "deployment__bot__scope"

    @extend_schema(request=shapes.NewSession, responses={201: shapes.SessionShown})
    def create(self, request: Request) -> Response:
        """Open a session (needs `trade`); one that the bot left open is closed.

        Refused DEPLOYMENT_NOT_ATTACHED, DEPLOYMENT_NOT_RUNNING, BUILD_MISMATCH.
        """
        body = self.asked(shapes.NewSession)
        rows = Deployment.objects.select_related("bot__scope", "release__config_bundle")
        deployment = self.referred(rows, str(body.pop("deployment")), path="bot__scope", name="pk")
        self.allow(deployment.bot.scope, Permission.TRADE)
        body["reason"] = body["reason"] or "opened by the bot"
        return self.shown(services.open_session(deployment=deployment, actor=self.caller, **body), 201)

    @extend_schema(request=None, responses={200: shapes.SessionShown})
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, pk: str) -> Response:
        """The bot lives (needs `trade`); a late one finds SESSION_OVER and opens a new session."""
        return self.shown(services.beat(session=self._own(), actor=self.caller))

    @extend_schema(request=Act, responses={200: shapes.SessionShown})
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """The bot signs off (needs `trade`): nothing is held, nothing is cancelled."""
        reason = self.asked(Act)["reason"] or "closed by the bot"
        return self.shown(services.close_session(session=self._own(), actor=self.caller, reason=reason))

    def _own(self) -> BotSession:
        """The session of the URL, which nobody but its opener may prolong."""
        session: BotSession = self.target(Permission.TRADE)
        if session.opened_by_id != self.caller.pk:
            raise Forbidden("SESSION_NOT_YOURS", "another account opened this session")
        return session
