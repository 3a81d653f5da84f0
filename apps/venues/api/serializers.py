"""Shapes of venues and accounts."""

from rest_framework import serializers

from apps.common.api.serializers import Shown
from apps.venues.models import Account, Venue


class VenueShown(Shown):
    """A counterparty; its settings hold no secrets."""

    class Meta:
        model = Venue
        fields = ("id", "name", "adapter", "mode", "settings", "scope", "created_at")
        read_only_fields = fields


class AccountShown(Shown):
    """A sub-account at a venue."""

    venue_name = serializers.CharField(source="venue.name")
    bucket_name = serializers.CharField(source="bucket.name")

    class Meta:
        model = Account
        fields = (
            "id", "name", "venue", "venue_name", "bucket", "bucket_name", "environment", "mode", "currency",
            "opening_cash", "scope",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields
