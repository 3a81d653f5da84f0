"""Endpoints of the three independently versioned things of a release."""

from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import ReadEndpoint
from apps.access.states import Permission
from apps.bots import services
from apps.bots.api import serializers as shapes
from apps.bots.api.uploads import ArtifactParser
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.api.filters import filter_set
from apps.common.api.parsers import BoundedJSONParser, YAMLParser


class VersionEndpoint(ReadEndpoint):
    """What is pushed for a bot."""

    scope_path = "bot__scope"

    def bot_to_build(self, reference: str) -> Bot:
        """The bot of that id or name, on which the caller may build."""
        rows: QuerySet[Any] = Bot.objects.select_related("scope", "strategy__bucket__desk")
        bot: Bot = self.referred(rows, reference)
        self.allow(bot.scope, Permission.BUILD)
        return bot


class CodeVersionViews(VersionEndpoint):
    """Verified artifacts."""

    queryset = CodeVersion.objects.select_related("bot__scope", "signer", "builder")
    serializer_class = shapes.CodeVersionShown
    filterset_class = filter_set(CodeVersion, ids=("bot",), exact=("version", "git_sha", "artifact_sha256"))
    parser_classes = [ArtifactParser]
    commits_itself = frozenset({"create"})  # the artifact store may be across a network

    @extend_schema(request={"multipart/form-data": shapes.NewCodeVersion}, responses={201: shapes.CodeVersionShown})
    def create(self, request: Request) -> Response:
        """Push a signed artifact (needs `build`); it is verified before anything is stored.

        The same bytes twice are one version. Refusals: ARTIFACT_*, SIGNATURE_INVALID, SIGNER_UNKNOWN,
        SIGNER_REVOKED, ARTIFACT_OTHER_BOT, VERSION_TAKEN, PROVENANCE_*, SBOM_*, LOCKFILE_MALFORMED.
        """
        body = self.asked(shapes.NewCodeVersion)
        bot = self.bot_to_build(body["bot"])
        made = services.push_code(
            bot=bot,
            artifact=Path(body["artifact"].temporary_file_path()),
            git_sha=body["git_sha"],
            key_id=body["key_id"],
            signature=body["signature"],
            artifact_sha256=body["artifact_sha256"],
            provenance=body["provenance"],
            sbom=body["sbom"],
            actor=self.caller,
            reason=body["reason"] or f"code of {bot.name} at {body['git_sha'][:12]} pushed",
        )
        return self.shown(made, 201)

    @extend_schema(responses={200: shapes.VerificationShown(many=True)}, filters=False)
    @action(detail=True, methods=["get"])
    def verifications(self, request: Request, pk: str) -> Response:
        """What came of verifying it, newest first: at upload, and at launches when something had changed."""
        return self.listed(self.get_object().verifications.all(), shapes.VerificationShown)


class ConfigBundleViews(VersionEndpoint):
    """Configurations."""

    queryset = ConfigBundle.objects.select_related("bot__scope")
    serializer_class = shapes.ConfigBundleShown
    filterset_class = filter_set(ConfigBundle, ids=("bot",), exact=("digest",))
    parser_classes = [BoundedJSONParser, YAMLParser]

    @extend_schema(request=shapes.NewConfigBundle, responses={201: shapes.ConfigBundleShown})
    def create(self, request: Request) -> Response:
        """Push a configuration (needs `build`); the same content twice is one version."""
        body = self.asked(shapes.NewConfigBundle)
        bot = self.bot_to_build(body["bot"])
        reason = body["reason"] or f"configuration of {bot.name} pushed"
        return self.shown(services.push_config(bot=bot, content=body["content"], actor=self.caller, reason=reason), 201)


class ParameterSetViews(VersionEndpoint):
    """Parameters."""

    queryset = ParameterSet.objects.select_related("bot__scope")
    serializer_class = shapes.ParameterSetShown
    filterset_class = filter_set(ParameterSet, ids=("bot",), exact=("digest",))
    parser_classes = [BoundedJSONParser, YAMLParser]

    @extend_schema(request=shapes.NewParameterSet, responses={201: shapes.ParameterSetShown})
    def create(self, request: Request) -> Response:
        """Push parameters (needs `build`); the code version's schema validates them."""
        body = self.asked(shapes.NewParameterSet)
        bot = self.bot_to_build(body["bot"])
        code = self.referred(CodeVersion.objects.all(), str(body["code_version"]), path="bot__scope", name="pk")
        made = services.push_parameters(
            bot=bot,
            code_version=code,
            content=body["content"],
            actor=self.caller,
            reason=body["reason"] or f"parameters of {bot.name} pushed",
        )
        return self.shown(made, 201)
