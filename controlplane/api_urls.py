"""Everything under /api/v1/."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from apps.common.api.problems import unknown_route

APPS = (
    "access",
    "alerts",
    "markets",
    "bots",
    "runtime",
    "venues",
    "releases",
    "risk",
    "promotions",
    "deployments",
    "execution",
    "execution.exits",
    "execution.signals",
    "reconciliation",
)
# Both explorers write style elements while they run; scripts stay our own.
explorer = csp_update({"style-src": [UNSAFE_INLINE], "worker-src": ["blob:"]})

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", explorer(SpectacularSwaggerSplitView.as_view(url_name="schema")), name="docs"),
    path(
        "docs/redoc/",
        explorer(SpectacularRedocView.as_view(url_name="schema", template_name="api/redoc.html")),
        name="redoc",
    ),
    *(path("", include(f"apps.{app}.api.urls")) for app in APPS),
    re_path(r"^[\s\S]*$", unknown_route, name="unknown-route"),  # a line break is an address too
]
