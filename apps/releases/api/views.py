"""Endpoints of releases."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.api.filters import filter_set
from apps.releases import services
from apps.releases.api import serializers as shapes
from apps.releases.models import Release


class ReleaseViews(ReadEndpoint):
    """Releases."""

    queryset = Release.objects.select_related("bot__scope", "code_version")
    serializer_class = shapes.ReleaseShown
    filterset_class = filter_set(Release, ids=("bot", "code_version"), exact=("build_id",))
    scope_path = "bot__scope"

    @extend_schema(request=shapes.NewRelease, responses={201: shapes.ReleaseShown})
    def create(self, request: Request) -> Response:
        """Make the release of a triple (needs `build`); the same triple twice is one release."""
        body = self.asked(shapes.NewRelease)
        bot = self.referred(Bot.objects.select_related("scope"), body["bot"])
        self.allow(bot.scope, Permission.BUILD)
        made = services.make_release(
            bot=bot,
            code_version=self._part(CodeVersion, body["code_version"]),
            config_bundle=self._part(ConfigBundle, body["config_bundle"]),
            parameter_set=self._part(ParameterSet, body["parameter_set"]),
            actor=self.caller,
            reason=body["reason"] or f"release of {bot.name}",
        )
        return self.shown(made, 201)

    @extend_schema(request=shapes.GatesAsked, responses={202: shapes.GateShown(many=True)})
    @action(detail=True, methods=["post"], pagination_class=None, filterset_class=None)
    def gates(self, request: Request, pk: str) -> Response:
        """Ask for gates to be run (needs `build`); workers run them, `gates` shows how far they are."""
        release, body = self.target(Permission.BUILD), self.asked(shapes.GatesAsked)
        reason = body["reason"] or f"gates of release {release.number}"
        asked = services.request_gates(release=release, kinds=body["kinds"], actor=self.caller, reason=reason)
        return Response(shapes.GateShown(asked, many=True).data, 202)

    def _part(self, model: type[Any], pk: Any) -> Any:
        return self.referred(model.objects.all(), str(pk), path="bot__scope", name="pk")
