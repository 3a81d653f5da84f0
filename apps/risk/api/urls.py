"""Routes of risk."""

from rest_framework.routers import SimpleRouter

from apps.risk.api.views import BookViews, ExposureViews, KillSwitchViews, LimitViews, RaiseViews, ThrottleViews

router = SimpleRouter()
router.register("limits/throttles", ThrottleViews, basename="throttle")
router.register("limits/raises", RaiseViews, basename="limit-raise")
router.register("limits", LimitViews, basename="limit")
router.register("exposure/scopes", BookViews, basename="scope-book")
router.register("exposure", ExposureViews, basename="exposure")
router.register("kill-switches", KillSwitchViews, basename="kill-switch")
urlpatterns = router.urls
