"""Routes of markets."""

from rest_framework.routers import SimpleRouter

from apps.markets.api.dataset_views import DatasetViews
from apps.markets.api.maintenance_views import MaintenanceRequestViews, MaintenanceViews
from apps.markets.api.mark_views import OfficialMarkRequestViews, OfficialMarkViews
from apps.markets.api.views import FeedViews, FxRateViews, InstrumentViews, MarketStateViews
from apps.markets.api.vote_views import FxRateRequestViews, MarketStateRequestViews

router = SimpleRouter()
router.register("instruments", InstrumentViews, basename="instrument")
router.register("datasets", DatasetViews, basename="dataset")
router.register("feeds", FeedViews, basename="feed")
router.register("fx-rates/requests", FxRateRequestViews, basename="fx-rate-request")
router.register("fx-rates", FxRateViews, basename="fx-rate")
router.register("market-states/requests", MarketStateRequestViews, basename="market-state-request")
router.register("market-states", MarketStateViews, basename="market-state")
router.register("maintenance-windows/requests", MaintenanceRequestViews, basename="maintenance-request")
router.register("maintenance-windows", MaintenanceViews, basename="maintenance-window")
router.register("official-marks/requests", OfficialMarkRequestViews, basename="official-mark-request")
router.register("official-marks", OfficialMarkViews, basename="official-mark")
urlpatterns = router.urls
