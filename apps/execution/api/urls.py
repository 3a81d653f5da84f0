"""Routes of execution."""

from rest_framework.routers import SimpleRouter

from apps.execution.api.close_views import DayCloseViews
from apps.execution.api.hold_views import HoldViews
from apps.execution.api.session_views import SessionViews
from apps.execution.api.views import FillViews, OrderViews, PositionViews

router = SimpleRouter()
router.register("orders", OrderViews, basename="order")
router.register("bot-sessions", SessionViews, basename="bot-session")
router.register("fills", FillViews, basename="fill")
router.register("positions", PositionViews, basename="position")
router.register("day-closes", DayCloseViews, basename="day-close")
router.register("holds", HoldViews, basename="hold")
urlpatterns = router.urls
