"""All routes."""

from django.urls import include, path

from apps.console import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", include("controlplane.api_urls")),
    path("", include("apps.console.urls")),
]
