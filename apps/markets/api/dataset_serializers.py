"""Shapes of datasets and their profiles."""

from quarterdeck.bars import INTERVAL_MS
from rest_framework import serializers

from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.markets.models import Dataset, DatasetProfile


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


class DatasetProfileShown(Shown):
    """What the bars look like; of very many findings the counts are whole and the lists are not."""

    class Meta:
        model = DatasetProfile
        fields = (
            "id", "dataset", "zone", "gap_count", "gaps", "outlier_count", "outliers", "idle_count", "idle_runs",
            "flat_count", "flat_runs", "points", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DatasetFile(ReasonedAct):
    """A CSV file of bars to freeze: multipart form data."""

    name = Text(max_length=100, help_text="Of the dataset; unlike all others.")
    instrument = Reference(help_text="Id or symbol.")
    interval = serializers.ChoiceField([*INTERVAL_MS], help_text="Of every bar.")
    # A serializer is a field too, and a field has a `source` of its own.
    source = Text(max_length=500, help_text="Where the bars are from.")  # type: ignore[assignment]
    file = serializers.FileField(
        help_text="UTF-8 with the header `timestamp,open,high,low,close,volume`; times are ISO 8601, the start of each "
        "bar, all in one zone."
    )
