"""Endpoints of declarations, and the JSON Schemas that editors check them with."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers, renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.base import Endpoint
from apps.access.states import Permission
from apps.bots.models import Bot, CodeVersion
from apps.common import located
from apps.common.api.parsers import BoundedJSONParser, bounded
from apps.common.errors import NotFound
from apps.promotions.api import declaration_shapes as shapes
from apps.promotions.declarations import schema, selectors, services
from apps.promotions.declarations.export import export
from apps.promotions.declarations.selectors import Judged
from apps.promotions.models import Declaration

MEDIA_TYPE = "text/yaml"
TEXT_BODY = {"application/json": shapes.DeclarationText, MEDIA_TYPE: OpenApiTypes.STR}
APPLY_BODY = {"application/json": shapes.DeclarationAsked, MEDIA_TYPE: OpenApiTypes.STR}
IN_QUERY = [
    OpenApiParameter("digest", OpenApiTypes.STR, description="Of the plan; where the body is the text itself."),
    OpenApiParameter("reason", OpenApiTypes.STR, description="Why; where the body is the text itself."),
]


class TextParser(parsers.BaseParser):
    """`text/yaml`: the body is the document, and the query says the rest. Raises located.Unreadable."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: Any = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The same shape as JSON has."""
        raw = bounded(stream, parser_context, located.BYTES_MAX)
        query = parser_context["request"].query_params if parser_context else {}
        return {**{name: query[name] for name in ("digest", "reason") if name in query}, "text": located.decoded(raw)}


class PlainYaml(renderers.BaseRenderer):
    """`text/yaml` for who asks for it; problems are written as JSON, which is YAML too."""

    media_type = MEDIA_TYPE
    format = "yaml"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """The text, or the problem."""
        return json.dumps(data, default=str).encode()


class DeclarationViews(Endpoint):
    """Declarations of bots."""

    queryset: QuerySet[Any] = Bot.objects.select_related(*selectors.RELATED)
    serializer_class = shapes.DeclarationShown
    parser_classes = [BoundedJSONParser, TextParser]
    filter_backends: list[Any] = []

    @extend_schema(responses={200: shapes.StandingShown})
    def retrieve(self, request: Request, pk: str) -> Response:
        """What was declared last, how far what is has drifted from it, and what is as a declaration."""
        bot = self.get_object()
        standing = {
            "declaration": selectors.newest(bot),
            "drift": selectors.drift(bot),
            "export": export(bot),
        }
        return Response(shapes.StandingShown(standing).data)

    @extend_schema(responses={(200, MEDIA_TYPE): OpenApiTypes.STR})
    def export(self, request: Request, pk: str) -> HttpResponse:
        """What stands now as YAML: a declaration whose plan is empty."""
        bot = self.get_object()
        headers = {"Content-Disposition": f'attachment; filename="{bot.name}.quarterdeck.yaml"'}
        return HttpResponse(export(bot), content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)

    @extend_schema(responses={200: shapes.DeclarationShown(many=True)})
    def history(self, request: Request, pk: str) -> Response:
        """The declarations that were applied, newest first, without their texts."""
        return self.listed(selectors.of_bot(self.get_object()), shapes.DeclarationShown)

    @extend_schema(responses={200: shapes.DeclarationWithText})
    def applied(self, request: Request, pk: str, number: int) -> Response:
        """One declaration with its text."""
        return Response(shapes.DeclarationWithText(found(self.get_object(), number)).data)

    @extend_schema(request=TEXT_BODY, responses={200: shapes.VerdictShown})
    def validate(self, request: Request, pk: str) -> Response:
        """Check a declaration (needs `build` or `set_limits`): shape, names, limits, sessions, parameters.

        Errors are a problem, DOCUMENT_UNREADABLE or DECLARATION_INVALID, whose context has `failures` with line,
        column, path, problem, fix and code; what is merely doubtful comes back as warnings.
        """
        judged, _ = self._judged()
        return Response(shapes.VerdictShown({"valid": True, "warnings": judged.warnings}).data)

    @extend_schema(request=TEXT_BODY, responses={200: shapes.PlanShown})
    def plan(self, request: Request, pk: str) -> Response:
        """What applying it would do (needs `build` or `set_limits`): every widened limit first; nothing is stored."""
        judged, bot = self._judged()
        demands = [
            {"path": line.path, "line": line.line, "code": code, "fix": fix}
            for line, code, fix in selectors.demands(bot, judged.plan, self.caller)
        ]
        shown = {
            "digest": judged.plan.digest,
            "is_empty": not judged.plan.todo,
            "lines": [line.as_json() for line in judged.plan.lines],
            "warnings": judged.warnings,
            "demands": demands,
        }
        return Response(shapes.PlanShown(shown).data)

    @extend_schema(request=APPLY_BODY, responses={200: shapes.DeclarationShown}, parameters=IN_QUERY)
    def apply(self, request: Request, pk: str) -> Response:
        """Do what the plan with that digest says, all of it or nothing, and keep the declaration.

        Versions, releases and owners need `build`, limits need `set_limits` (PERMISSION_DENIED with the lines), and
        only a person asks for a higher limit (PERSON_NEEDED), which another one grants. When the state has changed
        since the plan, it is PLAN_STALE; what is fixed is PLAN_REFUSED. The same again changes nothing.
        """
        bot = self.target(Permission.BUILD, Permission.SET_LIMITS)
        body = self.asked(shapes.DeclarationAsked)
        raw = body["text"].encode()
        kept = services.apply(bot=bot, raw=raw, digest=body["digest"], actor=self.caller, reason=body["reason"])
        return Response(shapes.DeclarationShown(kept).data)

    def get_renderers(self) -> list[Any]:
        """The export may be asked for as what it is."""
        return [*super().get_renderers(), *([PlainYaml()] if self.action == "export" else [])]

    def _judged(self) -> tuple[Judged, Bot]:
        bot: Bot = self.target(Permission.BUILD, Permission.SET_LIMITS)
        return selectors.judge(bot, self.asked(shapes.DeclarationText)["text"].encode()), bot


def found(bot: Bot, number: int) -> Declaration:
    """The declaration of that number. Raises NotFound NOT_FOUND."""
    row = selectors.of_bot(bot).filter(number=number).first()
    if row is None:
        raise NotFound("NOT_FOUND", f"{bot} has no declaration {number}")
    return row


class JsonSchemaViews(Endpoint):
    """The published JSON Schemas (2020-12)."""

    queryset: QuerySet[Any] = CodeVersion.objects.all()
    scope_path = "bot__scope"
    serializer_class: type[serializers.BaseSerializer[Any]] = shapes.SchemaShown
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(responses={200: shapes.SchemaShown(many=True)})
    def list(self, request: Request) -> Response:
        """The schemas there are, by name."""
        rows = [{"name": name, "id": one["$id"], "title": one["title"]} for name, one in schema.PUBLISHED.items()]
        return Response(shapes.SchemaShown(rows, many=True).data)

    @extend_schema(
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter("code_version", OpenApiTypes.UUID, description="Of `parameters`: whose schema is meant.")
        ],
    )
    def retrieve(self, request: Request, name: str) -> Response:
        """One schema; `parameters` of a `code_version` is the one that comes with that code."""
        if name not in schema.PUBLISHED:
            raise NotFound("NOT_FOUND", f"there is no schema {name}; there are {', '.join(schema.PUBLISHED)}")
        asked = request.query_params.get("code_version")
        if name == "parameters" and asked:
            code = self.referred(CodeVersion.objects.all(), asked, path="bot__scope", name="artifact_sha256")
            return Response(code.parameter_schema)
        return Response(schema.PUBLISHED[name])
