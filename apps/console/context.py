"""What every page's frame shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """The address of the live socket."""
    return {"live_url": settings.LIVE_URL}
