"""Every page needs a sign-in; a refusal becomes a page that says what to do."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.common.errors import DomainError

OPEN_PREFIXES = ("/accounts/", "/static/", "/healthz", "/readyz", "/metrics", "/api/")
SIGN_IN_AGAIN = 401


class SignInRequiredMiddleware:
    """Sends people who are not signed in to the sign-in page; the API answers for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated or request.path.startswith(OPEN_PREFIXES):
            return self.get_response(request)
        if request.headers.get("HX-Request"):
            # A fragment must not be filled with the sign-in page: htmx reloads the whole page instead.
            return HttpResponse(status=SIGN_IN_AGAIN, headers={"HX-Refresh": "true"})
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)


class RefusalMiddleware:
    """Renders a DomainError of a page as `refused.html` with its status and code."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page of a refusal, or its sentence alone for a fragment; anything else stays an error."""
        if not isinstance(error, DomainError):
            return None
        template = "components/_refused.html" if request.headers.get("HX-Request") else "refused.html"
        return render(request, template, {"error": error}, status=error.status)
