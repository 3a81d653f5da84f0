"""Endpoints of datasets: what is frozen, what it looks like, its bytes, and freezing one more."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from quarterdeck.bars import INTERVAL_MS
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors as access
from apps.access.api.base import SharedEndpoint
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.common.api.parsers import UploadParser
from apps.common.errors import NotFound
from apps.markets import selectors, services
from apps.markets.api import dataset_serializers as shapes
from apps.markets.models import Dataset, Instrument


class DatasetViews(SharedEndpoint):
    """Frozen datasets."""

    queryset = Dataset.objects.select_related("instrument")
    serializer_class = shapes.DatasetShown
    parser_classes = [UploadParser]
    filterset_class = filter_set(Dataset, ids=("instrument",), exact=("name", "sha256"))

    @extend_schema(request={"multipart/form-data": shapes.DatasetFile}, responses={201: shapes.DatasetShown})
    def create(self, request: Request) -> Response:
        """Freeze a CSV file of bars (needs `build` on any desk); the same bytes twice are one dataset.

        DATASET_FILE lists the bad lines, each with its number and its code, and then nothing is stored. Gaps are no
        error; `profile` lists them.
        """
        if not access.visible_scope_ids(self.caller, Permission.BUILD):
            self.allow(access.firm().scope, Permission.BUILD)
        body = self.asked(shapes.DatasetFile)
        instrument = self.referred(Instrument.objects.all(), body.pop("instrument"), path=None, name="symbol")
        interval_ms, stream = INTERVAL_MS[body.pop("interval")], body.pop("file")
        made = services.upload_dataset(
            instrument=instrument, interval_ms=interval_ms, stream=stream, actor=self.caller, **body
        )
        return self.shown(made, 201)

    @extend_schema(responses={200: shapes.DatasetProfileShown}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def profile(self, request: Request, pk: str) -> Response:
        """Gaps, outliers, bars without volume and flat stretches; PROFILE_UNKNOWN where it was frozen before these."""
        found = selectors.profile_of(self.get_object())
        if found is None:
            raise NotFound("PROFILE_UNKNOWN", "this dataset has no profile: upload its file again to make one")
        return Response(shapes.DatasetProfileShown(found).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def file(self, request: Request, pk: str) -> FileResponse:
        """The bytes that were frozen."""
        dataset = self.get_object()
        path = selectors.file_of(dataset)
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"{dataset.sha256[:16]}.csv")
