"""Routes of access, and of the audit trail, whose readers access decides."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.access.api.exchange import ExchangeView
from apps.access.api.machine_views import TokenViews, TrustViews
from apps.access.api.people_views import UserViews
from apps.access.api.trail_views import HistoryView, RecordViews
from apps.access.api.views import BucketViews, ConsentViews, DeskViews, FirmView

router = SimpleRouter()
router.register("desks", DeskViews, basename="desk")
router.register("users", UserViews, basename="user")
router.register("risk-buckets", BucketViews, basename="risk-bucket")
router.register("consents", ConsentViews, basename="consent")
router.register("tokens", TokenViews, basename="token")
router.register("workload-trusts", TrustViews, basename="workload-trust")
router.register("audit/records", RecordViews, basename="audit-record")

urlpatterns = [
    path("token-exchange/", ExchangeView.as_view(), name="token-exchange"),
    path("firm/", FirmView.as_view({"get": "show"}), name="firm"),
    path(
        "audit/history/<str:label>/<uuid:object_id>/",
        HistoryView.as_view({"get": "list"}),
        name="audit-history",
    ),
    *router.urls,
]
