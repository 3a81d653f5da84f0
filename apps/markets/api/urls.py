"""Routes of markets."""

from rest_framework.routers import SimpleRouter

from apps.markets.api.views import DatasetViews, FeedViews, InstrumentViews

router = SimpleRouter()
router.register("instruments", InstrumentViews, basename="instrument")
router.register("datasets", DatasetViews, basename="dataset")
router.register("feeds", FeedViews, basename="feed")
urlpatterns = router.urls
