"""OpenAPI plumbing: every operation documents its problem details and its idempotency key."""

from typing import Any

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
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="8-128 characters; the same key and body give the stored answer again.",
)
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
ERRORS = {400: "Malformed", 401: "Not signed in", 403: "Not permitted", 404: "Not within reach", 409: "Refused"}


class ProblemAutoSchema(AutoSchema):
    """drf-spectacular's schema with the house's error and idempotency conventions."""

    def get_override_parameters(self) -> list[Any]:
        """Unsafe operations take an Idempotency-Key."""
        return [IDEMPOTENCY_KEY] if self.method in UNSAFE else []

    def _get_response_bodies(self, direction: str = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        codes = dict(ERRORS)
        if self.method in UNSAFE:
            codes[422] = "Fails its schema"
        for code, text in codes.items():
            if str(code) not in bodies:
                bodies[str(code)] = self._get_response_for_code(
                    OpenApiResponse(PROBLEM, description=text), str(code), ["application/problem+json"], direction
                )
        return bodies
