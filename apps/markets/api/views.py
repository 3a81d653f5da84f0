"""Endpoints of reference data: instruments, feeds; of FX rates and market states, which people enter."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import selectors as access
from apps.access.api.base import SharedEndpoint
from apps.access.states import Permission
from apps.common.api.filters import filter_set
from apps.markets import selectors, services
from apps.markets.api import serializers as shapes
from apps.markets.models import Feed, FxRate, Instrument, MarketStatus

RATE_EXAMPLE = OpenApiExample(
    "A day's rate",
    request_only=True,
    value={
        "base": "EUR",
        "quote": "USD",
        "rate": "1.0852",
        "valid_from": "2026-03-02T15:00:00Z",
        "valid_until": "2026-03-03T16:00:00Z",
        "source": "ECB reference rate",
        "reason": "the rate of the day",
    },
)
HALT_EXAMPLE = OpenApiExample(
    "A halt",
    request_only=True,
    value={
        "instrument": "BTC-USD",
        "state": "halted",
        "source": "notice 2026-17 of the exchange",
        "reason": "trading is suspended until further notice",
    },
)


class InstrumentViews(SharedEndpoint):
    """Instruments."""

    queryset = Instrument.objects.all()
    serializer_class = shapes.InstrumentShown
    filterset_class = filter_set(Instrument, exact=("symbol", "asset_class"), created=False)


class FeedViews(SharedEndpoint):
    """Feeds."""

    queryset = Feed.objects.select_related("instrument")
    serializer_class = shapes.FeedShown
    filterset_class = filter_set(Feed, ids=("instrument",), exact=("name", "state"))


class StatedEndpoint(SharedEndpoint):
    """What people state of the market, for all desks at once.

    It needs `set_limits` on the firm: limits are judged with it, so whoever states it moves every desk's bounds,
    and a role on one desk must not.
    """

    def allow_stating(self) -> None:
        """Refuse (PERMISSION_DENIED) unless the caller may set limits on the firm."""
        self.allow(access.firm().scope, Permission.SET_LIMITS)


class FxRateViews(StatedEndpoint):
    """FX rates, kept for good; of each pair the one that started last counts."""

    queryset = FxRate.objects.all()
    serializer_class = shapes.FxRateShown
    filterset_class = filter_set(FxRate, exact=("base", "quote"))

    @extend_schema(request=shapes.FxRateAsked, responses={201: shapes.FxRateShown}, examples=[RATE_EXAMPLE])
    def create(self, request: Request) -> Response:
        """Enter a rate (needs `set_limits` on the firm); after its end it is stale and denies increases.

        Refused with FX_RATE_DEPARTS when it is far from what counts, FX_RATE_FIRST when nothing counts yet: a person
        asks for it by `fx-rates/requests`, and a second one decides.
        """
        self.allow_stating()
        body = self.asked(shapes.FxRateAsked)
        return self.shown(services.set_fx_rate(actor=self.caller, **body), 201)


class MarketStateViews(StatedEndpoint):
    """Market states; an instrument without one trades by its calendar."""

    queryset = selectors.market_states()
    serializer_class = shapes.MarketStateShown
    filterset_class = filter_set(MarketStatus, ids=("instrument",), exact=("state",), created=False)

    @extend_schema(request=shapes.MarketStateAsked, responses={200: shapes.MarketStateShown}, examples=[HALT_EXAMPLE])
    def create(self, request: Request) -> Response:
        """Say how an instrument trades (needs `set_limits` on the firm).

        Unless it is `trading` nothing opens in it and exit plans wait; what opens stays within the limit prices.
        What lets more trade is refused with MARKET_STATE_LOOSENS: a person asks for it by `market-states/requests`,
        and a second one decides. A service account takes back only what it stated itself under the same `source`.
        """
        self.allow_stating()
        body = self.asked(shapes.MarketStateAsked)
        instrument = self.referred(Instrument.objects.all(), body.pop("instrument"), path=None, name="symbol")
        status = services.set_market_state(instrument=instrument, actor=self.caller, **body)
        return self.shown(selectors.market_states().get(pk=status.pk))
