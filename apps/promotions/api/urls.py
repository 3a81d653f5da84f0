"""Routes of promotions and declarations."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.promotions.api.declarations import DeclarationViews, JsonSchemaViews
from apps.promotions.api.views import PolicyViews, PromotionViews

router = SimpleRouter()
router.register("policies", PolicyViews, basename="policy")
router.register("promotions", PromotionViews, basename="promotion")

AT = "bots/<uuid:pk>/declaration/"
urlpatterns = [
    path(AT, DeclarationViews.as_view({"get": "retrieve"}), name="declaration"),
    path(f"{AT}export/", DeclarationViews.as_view({"get": "export"}), name="declaration-export"),
    path(f"{AT}history/", DeclarationViews.as_view({"get": "history"}), name="declaration-history"),
    path(f"{AT}history/<int:number>/", DeclarationViews.as_view({"get": "applied"}), name="declaration-applied"),
    path(f"{AT}validate/", DeclarationViews.as_view({"post": "validate"}), name="declaration-validate"),
    path(f"{AT}plan/", DeclarationViews.as_view({"post": "plan"}), name="declaration-plan"),
    path(f"{AT}apply/", DeclarationViews.as_view({"post": "apply"}), name="declaration-apply"),
    path("json-schemas/", JsonSchemaViews.as_view({"get": "list"}), name="json-schema-list"),
    path("json-schemas/<slug:name>/", JsonSchemaViews.as_view({"get": "retrieve"}), name="json-schema-detail"),
    *router.urls,
]
