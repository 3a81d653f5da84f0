"""Routes of promotions."""

from rest_framework.routers import SimpleRouter

from apps.promotions.api.views import PolicyViews, PromotionViews

router = SimpleRouter()
router.register("policies", PolicyViews, basename="policy")
router.register("promotions", PromotionViews, basename="promotion")
urlpatterns = router.urls
