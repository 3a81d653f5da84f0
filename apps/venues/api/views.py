"""Endpoints of venues and accounts."""

from apps.access.api.base import ReadEndpoint, SharedEndpoint
from apps.common.api.filters import filter_set
from apps.venues.api import serializers as shapes
from apps.venues.models import Account, Venue


class VenueViews(SharedEndpoint):
    """Venues."""

    queryset = Venue.objects.all()
    serializer_class = shapes.VenueShown
    filterset_class = filter_set(Venue, exact=("name", "mode"))


class AccountViews(ReadEndpoint):
    """Accounts of the risk buckets within reach."""

    queryset = Account.objects.select_related("venue", "bucket__scope")
    serializer_class = shapes.AccountShown
    filterset_class = filter_set(Account, ids=("venue", "bucket"), exact=("name", "environment", "mode"))
    scope_path = "bucket__scope"
