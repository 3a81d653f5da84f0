"""The reference of everything over HTTP: a Django view that makes one INSERT and commits, nothing else."""

import os
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from benchmarks.web import BARE_TABLE


def accept(request: HttpRequest) -> JsonResponse:
    """Keep the body of a POST, durably."""
    if request.method == "POST":
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {BARE_TABLE} (body) VALUES (%s)", [request.body.decode()])
    status = 201 if request.method == "POST" else 200
    response = JsonResponse({"accepted": status == 201}, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def _database() -> dict[str, object]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": 600,
    }


urlpatterns = [path("", accept)]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": _database()},
    ROOT_URLCONF="benchmarks.bare",
    SECRET_KEY="a benchmark keeps no secrets",
    USE_I18N=False,
)
application = get_wsgi_application()
