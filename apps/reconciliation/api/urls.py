"""Routes of reconciliation."""

from rest_framework.routers import SimpleRouter

from apps.reconciliation.api.views import BreakViews, RunViews

router = SimpleRouter()
router.register("reconciliation-runs", RunViews, basename="reconciliation-run")
router.register("breaks", BreakViews, basename="break")
urlpatterns = router.urls
