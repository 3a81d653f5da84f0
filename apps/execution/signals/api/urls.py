"""Routes of inbound signals: where messages come in, and where sources are managed."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.execution.signals.api.reception import ReceiveView
from apps.execution.signals.api.views import SourceViews

router = SimpleRouter()
router.register("signals", SourceViews, basename="signal-source")
urlpatterns = [path("signals/<slug:source>/", ReceiveView.as_view(), name="signal-receive"), *router.urls]
