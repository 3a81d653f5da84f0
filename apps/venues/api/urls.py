"""Routes of venues."""

from rest_framework.routers import SimpleRouter

from apps.venues.api.views import AccountViews, VenueViews

router = SimpleRouter()
router.register("venues", VenueViews, basename="venue")
router.register("accounts", AccountViews, basename="account")
urlpatterns = router.urls
