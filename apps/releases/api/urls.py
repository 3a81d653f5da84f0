"""Routes of releases."""

from rest_framework.routers import SimpleRouter

from apps.releases.api.gate_views import BaselineViews, GateDefinitionViews, GateViews, GateWaiverViews
from apps.releases.api.views import ReleaseViews

router = SimpleRouter()
router.register("releases", ReleaseViews, basename="release")
router.register("gates/definitions", GateDefinitionViews, basename="gate-definition")
router.register("gates/waivers", GateWaiverViews, basename="gate-waiver")
router.register("gates", GateViews, basename="gate")
router.register("baselines", BaselineViews, basename="baseline")
urlpatterns = router.urls
