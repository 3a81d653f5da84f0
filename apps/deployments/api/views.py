"""Endpoints of deployments."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.serializers import ReasonedAct
from apps.deployments import services
from apps.deployments.api.serializers import DeploymentEventShown, DeploymentShown
from apps.deployments.models import Deployment


class DeploymentViews(ReadEndpoint):
    """Deployments; an approved promotion makes one."""

    queryset = Deployment.objects.select_related("bot__scope", "account", "instrument", "release")
    serializer_class = DeploymentShown
    filterset_class = filter_set(
        Deployment, ids=("bot", "account", "promotion"), exact=("environment", "desired", "observed")
    )
    scope_path = "bot__scope"

    @extend_schema(request=ReasonedAct, responses={200: DeploymentShown})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stop feeding events (needs `operate`); orders that work keep working."""
        return self._move(services.pause)

    @extend_schema(request=ReasonedAct, responses={200: DeploymentShown})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused (needs `operate`)."""
        return self._move(services.resume)

    @extend_schema(request=ReasonedAct, responses={200: DeploymentShown})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End it for good and free its slice of the account (needs `operate`)."""
        return self._move(services.stop)

    @extend_schema(responses={200: DeploymentEventShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def events(self, request: Request, pk: str) -> Response:
        """The immutable log, newest first."""
        return self.listed(self.get_object().events.all(), DeploymentEventShown)

    def _move(self, verb: Callable[..., Deployment]) -> Response:
        deployment = self.target(Permission.OPERATE)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(verb(deployment=deployment, actor=self.caller, reason=reason))
