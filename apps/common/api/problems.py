"""RFC 9457 problem details for every error an API call can meet."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.common.errors import DomainError, Forbidden, Invalid, NotFound, Refused, TooMany, Unavailable
from apps.common.logs import request_id

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
UNIQUE_VIOLATION = "23505"


def body_of(error: DomainError) -> dict[str, Any]:
    """The problem details of a domain error."""
    return {
        "type": f"urn:quarterdeck:problem:{error.code.lower().replace('_', '-')}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id.get(),
        **({"context": error.context} if error.context else {}),
    }


def problem(error: DomainError, headers: dict[str, str] | None = None) -> Response:
    """The problem response of a domain error."""
    return Response(body_of(error), status=error.status, content_type=MEDIA_TYPE, headers=headers)


@csrf_exempt
def unknown_route(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """The answer of every address below /api/ that no route serves."""
    error = NotFound("ROUTE_UNKNOWN", "no such address; /api/v1/docs/ lists them")
    return JsonResponse(body_of(error), status=error.status, content_type=MEDIA_TYPE)


def server_error(request: HttpRequest, *_: Any) -> HttpResponse:
    """The answer to a failure of ours: it names nothing but the request id."""
    return JsonResponse(body_of(ServerError()), status=500, content_type=MEDIA_TYPE)


class ServerError(DomainError):
    """A failure of ours; the log has the traceback under the request id."""

    status = 500

    def __init__(self) -> None:
        super().__init__("SERVER_ERROR", "something failed here; the request id finds it in the log")


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every failure becomes a problem with a stable code."""
    if isinstance(error, TooMany):
        return problem(error, {"Retry-After": "60"})
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
    if isinstance(error, IntegrityError) and getattr(error.__cause__, "sqlstate", "") == UNIQUE_VIOLATION:
        return problem(Refused("ALREADY_EXISTS", "there is one already; the database keeps them unique"))
    log.error("api.failed", exc_info=error)
    return problem(ServerError())


def _from_drf(error: exceptions.APIException, context: dict[str, Any]) -> Response:
    answer = exception_handler(error, context)
    headers = dict(answer.headers) if answer is not None else {}
    headers.pop("Content-Type", None)
    if isinstance(error, exceptions.ValidationError):
        return problem(Invalid("VALIDATION_FAILED", "some fields are not acceptable", fields=error.get_full_details()))
    code = str(error.default_code).upper()
    refusal = DomainError(code, str(error.detail))
    refusal.status = error.status_code
    return problem(refusal, headers)
