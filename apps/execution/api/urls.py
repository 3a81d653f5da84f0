"""Routes of execution."""

from rest_framework.routers import SimpleRouter

from apps.execution.api.views import FillViews, OrderViews, PositionViews

router = SimpleRouter()
router.register("orders", OrderViews, basename="order")
router.register("fills", FillViews, basename="fill")
router.register("positions", PositionViews, basename="position")
urlpatterns = router.urls
