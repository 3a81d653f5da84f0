"""Endpoints of alerts."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.alerts import services
from apps.alerts.api.serializers import AlertShown
from apps.alerts.models import Alert
from apps.common.api.filters import filter_set
from apps.common.api.serializers import Act, ReasonedAct


class AlertViews(ReadEndpoint):
    """Alerts; acknowledged is not contained, only resolution closes one."""

    queryset = Alert.objects.select_related("scope")
    serializer_class = AlertShown
    filterset_class = filter_set(Alert, ids=("scope", "object_id"), exact=("tier", "state", "code"))

    @extend_schema(request=Act, responses={200: AlertShown})
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that somebody is on it (needs `operate`)."""
        alert = self.target(Permission.OPERATE)
        reason = self.asked(Act)["reason"] or "seen"
        return self.shown(services.acknowledge(alert=alert, actor=self.caller, reason=reason))

    @extend_schema(request=ReasonedAct, responses={200: AlertShown})
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Close it with what was done (needs `operate`)."""
        alert = self.target(Permission.OPERATE)
        reason = self.asked(ReasonedAct)["reason"]
        return self.shown(services.resolve(alert=alert, actor=self.caller, reason=reason))
