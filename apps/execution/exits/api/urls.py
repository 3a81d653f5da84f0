"""Routes of exit plans."""

from rest_framework.routers import SimpleRouter

from apps.execution.exits.api.views import ExitPlanViews

router = SimpleRouter()
router.register("exit-plans", ExitPlanViews, basename="exit-plan")
urlpatterns = router.urls
