"""Shapes of instruments, datasets and feeds."""

from rest_framework import serializers

from apps.common.api.serializers import Shown
from apps.markets.models import Dataset, Feed, Instrument


class InstrumentShown(Shown):
    """Something tradable, with its steps."""

    class Meta:
        model = Instrument
        fields = (
            "id", "symbol", "asset_class", "base_currency", "quote_currency", "multiplier", "lot_size", "tick_size",
            "is_fractional", "session_calendar", "expires_at", "scope", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DatasetShown(Shown):
    """A frozen set of bars."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Dataset
        fields = (
            "id", "name", "instrument", "symbol", "interval_ms", "file_name", "sha256", "rows", "first_start",
            "last_end", "gaps", "source", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class FeedShown(Shown):
    """A stream of bars of one instrument."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = Feed
        fields = (
            "id",
            "name",
            "instrument",
            "symbol",
            "dataset",
            "speed",
            "starts_at",
            "state",
            "created_at",
        )
        read_only_fields = fields
