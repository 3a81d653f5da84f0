"""Request ids: taken from the caller when well-formed, else made; returned in every answer."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.common.ids import uuid7
from apps.common.logs import request_id

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Binds the request id to logs, audit records and the answer's X-Request-Id header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        current = given if WELL_FORMED.fullmatch(given) else str(uuid7())
        token = request_id.set(current)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = current
        return response
