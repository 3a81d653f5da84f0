"""Routes of bots."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.bots.api.trust_views import BuilderViews, SignerViews
from apps.bots.api.version_views import CodeVersionViews, ConfigBundleViews, ParameterSetViews
from apps.bots.api.views import BotViews, LeaverViews, StrategyViews

router = SimpleRouter()
router.register("strategies", StrategyViews, basename="strategy")
router.register("bots", BotViews, basename="bot")
router.register("signers", SignerViews, basename="signer")
router.register("trusted-builders", BuilderViews, basename="trusted-builder")
router.register("code-versions", CodeVersionViews, basename="code-version")
router.register("config-bundles", ConfigBundleViews, basename="config-bundle")
router.register("parameter-sets", ParameterSetViews, basename="parameter-set")

urlpatterns = [
    path("users/<uuid:pk>/hand-over/", LeaverViews.as_view({"post": "hand_over"}), name="user-hand-over"),
    *router.urls,
]
