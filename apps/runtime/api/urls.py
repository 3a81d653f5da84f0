"""Routes of the runtime."""

from rest_framework.routers import SimpleRouter

from apps.runtime.api.views import BacktestViews

router = SimpleRouter()
router.register("backtests", BacktestViews, basename="backtest")
urlpatterns = router.urls
