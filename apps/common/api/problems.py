"""RFC 9457 problem details for every error an API call can meet."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.common.errors import DomainError, Forbidden, Invalid, NotFound, Unavailable
from apps.common.logs import request_id

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(error: DomainError, headers: dict[str, str] | None = None) -> Response:
    """The problem response of a domain error."""
    body = {
        "type": f"urn:quarterdeck:problem:{error.code.lower().replace('_', '-')}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id.get(),
        **({"context": error.context} if error.context else {}),
    }
    return Response(body, status=error.status, content_type=MEDIA_TYPE, headers=headers)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every known failure becomes a problem with a stable code."""
    if isinstance(error, DomainError):
        return problem(error)
    if isinstance(error, Http404):
        return problem(NotFound("NOT_FOUND", "no such object within your reach"))
    if isinstance(error, PermissionDenied):
        return problem(Forbidden("PERMISSION_DENIED", str(error) or "you may not do this"))
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database.unavailable", error=str(error).splitlines()[0])
        return problem(Unavailable("DATABASE_UNAVAILABLE", "the database did not answer; try again"))
    if isinstance(error, exceptions.APIException):
        return _from_drf(error, context)
    return None


def _from_drf(error: exceptions.APIException, context: dict[str, Any]) -> Response:
    answer = exception_handler(error, context)
    headers = dict(answer.headers) if answer is not None else {}
    headers.pop("Content-Type", None)
    if isinstance(error, exceptions.ValidationError):
        return problem(Invalid("VALIDATION_FAILED", "some fields are not acceptable", fields=error.detail))
    code = str(error.default_code).upper()
    refusal = DomainError(code, str(error.detail))
    refusal.status = error.status_code
    return problem(refusal, headers)
