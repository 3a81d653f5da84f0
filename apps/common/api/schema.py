"""OpenAPI plumbing: every operation documents its problem details and its idempotency key."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

PROBLEM = inline_serializer(
    name="Problem",
    fields={
        "type": serializers.CharField(help_text="URN of the problem."),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="A sentence that says what to do."),
        "code": serializers.CharField(help_text="Stable, upper case."),
        "request_id": serializers.CharField(),
        "context": serializers.DictField(required=False),
    },
)
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
ERRORS = {
    400: "Malformed",
    401: "Not signed in",
    403: "Not permitted",
    404: "Not within reach",
    422: "Fails its schema",
}
UNSAFE_ERRORS = {
    409: "Refused by a rule of the house",
    413: "Larger than the call takes",
    415: "Unknown media type",
}


class BearerToken(OpenApiAuthenticationExtension):
    """How service accounts sign in."""

    target_class = "apps.access.authentication.TokenAuthentication"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "qd_<prefix>_<secret>"}


def idempotency_key(*, is_required: bool) -> OpenApiParameter:
    """The header of unsafe calls."""
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[\\x21-\\x7e]+$"},
        OpenApiParameter.HEADER,
        required=is_required,
        description="The same key and body give the stored answer again; another body is IDEMPOTENCY_KEY_REUSED.",
    )


class ProblemAutoSchema(AutoSchema):
    """drf-spectacular's schema with the house's error and idempotency conventions."""

    def get_override_parameters(self) -> list[Any]:
        """Unsafe operations take an Idempotency-Key; some of them require it."""
        if self.method not in UNSAFE:
            return []
        is_required = getattr(self.view, "action", None) in getattr(self.view, "key_required_for", ())
        return [idempotency_key(is_required=is_required)]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code, text in {**ERRORS, **(UNSAFE_ERRORS if self.method in UNSAFE else {})}.items():
            if str(code) not in bodies:
                bodies[str(code)] = self._get_response_for_code(
                    OpenApiResponse(PROBLEM, description=text),
                    str(code),
                    ["application/problem+json"],
                    direction,
                )
        return bodies


def any_value(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The schema in which a nullable field of any JSON is just any JSON.

    A hook of drf-spectacular, which writes it as one of {} and null: null is both, and so never exactly one.
    """
    _let_any(result)
    return result


def _let_any(part: Any) -> None:
    if isinstance(part, dict):
        if {} in part.get("oneOf", []):
            del part["oneOf"]
        for inner in part.values():
            _let_any(inner)
    elif isinstance(part, list):
        for inner in part:
            _let_any(inner)
