"""Routes of deployments."""

from rest_framework.routers import SimpleRouter

from apps.deployments.api.views import DeploymentViews

router = SimpleRouter()
router.register("deployments", DeploymentViews, basename="deployment")
urlpatterns = router.urls
