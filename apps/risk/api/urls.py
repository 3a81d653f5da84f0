"""Routes of risk."""

from rest_framework.routers import SimpleRouter

from apps.risk.api.views import ExposureViews, HoldViews, LimitViews, RaiseViews

router = SimpleRouter()
router.register("limits/raises", RaiseViews, basename="limit-raise")
router.register("limits", LimitViews, basename="limit")
router.register("exposure", ExposureViews, basename="exposure")
router.register("holds", HoldViews, basename="hold")
urlpatterns = router.urls
