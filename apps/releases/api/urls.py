"""Routes of releases."""

from rest_framework.routers import SimpleRouter

from apps.releases.api.views import GateViews, ReleaseViews

router = SimpleRouter()
router.register("releases", ReleaseViews, basename="release")
router.register("gates", GateViews, basename="gate")
urlpatterns = router.urls
