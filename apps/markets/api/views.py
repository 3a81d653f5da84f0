"""Endpoints of reference data: instruments, datasets, feeds."""

from apps.access.api.base import SharedEndpoint
from apps.common.api.filters import filter_set
from apps.markets.api import serializers as shapes
from apps.markets.models import Dataset, Feed, Instrument


class InstrumentViews(SharedEndpoint):
    """Instruments."""

    queryset = Instrument.objects.all()
    serializer_class = shapes.InstrumentShown
    filterset_class = filter_set(Instrument, exact=("symbol", "asset_class"), created=False)


class DatasetViews(SharedEndpoint):
    """Frozen datasets."""

    queryset = Dataset.objects.select_related("instrument")
    serializer_class = shapes.DatasetShown
    filterset_class = filter_set(Dataset, ids=("instrument",), exact=("name", "sha256"))


class FeedViews(SharedEndpoint):
    """Feeds."""

    queryset = Feed.objects.select_related("instrument")
    serializer_class = shapes.FeedShown
    filterset_class = filter_set(Feed, ids=("instrument",), exact=("name", "state"))
