"""Endpoints of official marks: one by one, by file, and what of them takes two people."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.filters import filter_set
from apps.common.api.parsers import UploadParser
from apps.common.api.serializers import Ballot
from apps.markets import services
from apps.markets.api import mark_serializers as shapes
from apps.markets.api.views import StatedEndpoint
from apps.markets.api.vote_views import RequestEndpoint
from apps.markets.models import Instrument, OfficialMark, OfficialMarkRequest

EXAMPLE = OpenApiExample(
    "A day's close",
    request_only=True,
    value={
        "instrument": "BTC-USD",
        "trading_day": "2026-03-02",
        "price": "61250.5",
        "kind": "close",
        "source": "exchange's closing file",
        "reason": "the close of the day",
    },
)


class OfficialMarkViews(StatedEndpoint):
    """Official marks, kept for good; of a day the highest revision counts."""

    queryset = OfficialMark.objects.select_related("instrument")
    serializer_class = shapes.OfficialMarkShown
    filterset_class = filter_set(OfficialMark, ids=("instrument",), exact=("kind", "source"), day="trading_day")

    @extend_schema(request=shapes.OfficialMarkAsked, responses={201: shapes.OfficialMarkShown}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Enter the official price of a day (needs `set_limits` on the firm); the same figures again are no new mark.

        Refused with OFFICIAL_MARK_DEPARTS when it is far from the feed's own price, OFFICIAL_MARK_FIRST when there is
        nothing to measure it by: a person asks for it by `official-marks/requests`, and a second one decides.
        """
        self.allow_stating()
        body = self.asked(shapes.OfficialMarkAsked)
        instrument = self.referred(Instrument.objects.all(), body.pop("instrument"), path=None, name="symbol")
        return self.shown(services.state_mark(instrument=instrument, actor=self.caller, **body), 201)

    @extend_schema(
        request={"multipart/form-data": shapes.OfficialMarkFile}, responses={201: shapes.OfficialMarksEntered}
    )
    @action(detail=False, methods=["post"], url_path="import", url_name="import", parser_classes=[UploadParser])
    def import_file(self, request: Request) -> Response:
        """Enter all marks of a file, or none (needs `set_limits` on the firm).

        OFFICIAL_MARKS_FILE lists the lines that are refused, each with its number and its code.
        """
        self.allow_stating()
        body = self.asked(shapes.OfficialMarkFile)
        marks = services.import_marks(lines=body["file"], actor=self.caller, reason=body["reason"])
        return Response(shapes.OfficialMarksEntered({"marks": marks}).data, 201)


class OfficialMarkRequestViews(RequestEndpoint):
    """Official marks that were put to a vote."""

    queryset = OfficialMarkRequest.objects.select_related("consent", "instrument")
    serializer_class = shapes.OfficialMarkRequestShown

    @extend_schema(request=shapes.OfficialMarkAsked, responses={201: shapes.OfficialMarkRequestShown})
    def create(self, request: Request) -> Response:
        """Ask for a mark that one person may not enter alone (needs `set_limits` on the firm and a fresh sign-in)."""
        self.allow_asking(request)
        body = self.asked(shapes.OfficialMarkAsked)
        instrument = self.referred(Instrument.objects.all(), body.pop("instrument"), path=None, name="symbol")
        return self.shown(services.request_mark(instrument=instrument, actor=self.caller, **body), 201)

    @extend_schema(request=Ballot, responses={200: shapes.OfficialMarkRequestShown})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: str) -> Response:
        """Agree to the mark or deny it (needs `vote_risk` on the firm and a fresh sign-in).

        Whoever asked may not (VOTE_EXCLUDED). Refused with DIGEST_CHANGED when another mark counts meanwhile.
        """
        found = self.votable(request)
        return self.shown(services.vote_mark(request=found, actor=self.caller, **self.asked(Ballot)))
