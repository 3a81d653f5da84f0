"""Routes of alerts."""

from rest_framework.routers import SimpleRouter

from apps.alerts.api.views import AlertViews

router = SimpleRouter()
router.register("alerts", AlertViews, basename="alert")
urlpatterns = router.urls
