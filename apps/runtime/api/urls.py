"""Routes of the runtime."""

from rest_framework.routers import SimpleRouter

from apps.runtime.api.views import BacktestRunViews, BacktestViews

router = SimpleRouter()
router.register("backtests/runs", BacktestRunViews, basename="backtest-run")
router.register("backtests", BacktestViews, basename="backtest")
urlpatterns = router.urls
