"""Shapes of instruments, feeds, FX rates and market states."""

from rest_framework import serializers

from apps.common.api.fields import DecimalString, Reference, Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.markets.models import Feed, FxRate, FxRateRequest, Instrument, MarketStateRequest, MarketStatus
from apps.markets.states import MarketState


class InstrumentShown(Shown):
    """Something tradable, with its steps."""

    class Meta:
        model = Instrument
        fields = (
            "id", "symbol", "asset_class", "base_currency", "quote_currency", "multiplier", "lot_size", "tick_size",
            "is_fractional", "session_calendar", "expires_at", "scope", "created_at",
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


class FxRateShown(Shown):
    """How many `quote` one `base` is worth between two wall times."""

    class Meta:
        model = FxRate
        fields = ("id", "base", "quote", "rate", "valid_from", "valid_until", "source", "created_at")
        read_only_fields = fields


class FxRateAsked(ReasonedAct):
    """A rate to enter."""

    base = Text(max_length=12, help_text="Code of the currency of which there is one, e.g. EUR.")
    quote = Text(max_length=12, help_text="Code of the currency in which it is worth `rate`.")
    rate = DecimalString(help_text="How many `quote` one `base` is worth; above zero.")
    valid_from = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Wall time; left out: from now on."
    )
    valid_until = serializers.DateTimeField(
        help_text="Wall time, a week from now at the latest; after it the rate is stale and denies increases."
    )
    # A serializer is a field too, and a field has a `source` of its own.
    source = Text(max_length=200, help_text="Where the rate is from.")  # type: ignore[assignment]


class AskedShown(Shown):
    """What was put to a vote: who asked for it and why, what a vote names, and until when one counts."""

    asked_by = serializers.UUIDField(source="consent.requested_by_id", help_text="Who asked for it.")
    reason = serializers.CharField(source="consent.reason")
    digest = serializers.CharField(source="consent.digest")
    vote_state = serializers.CharField(source="consent.state", help_text="Of the vote; `open` waits for one.")
    vote_until = serializers.DateTimeField(source="consent.expires_at")


class FxRateRequestShown(AskedShown):
    """A rate that was put to a vote; it counts for nothing before a second person agreed. Vote with its digest."""

    class Meta:
        model = FxRateRequest
        fields = (
            "id", "base", "quote", "rate", "valid_from", "valid_until", "source", "departs_from", "asked_by", "reason",
            "consent", "digest", "vote_state", "vote_until", "entry", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class MarketStateShown(Shown):
    """Whether an instrument trades and between which prices, and who said so last."""

    symbol = serializers.CharField(source="instrument.symbol")
    set_by = serializers.CharField(help_text="`user:<id>`, `service:<id>` or `job:<name>`.")
    set_at = serializers.DateTimeField()
    reason = serializers.CharField()

    class Meta:
        model = MarketStatus
        fields = (
            "id", "instrument", "symbol", "state", "limit_up", "limit_down", "source", "set_by", "set_at", "reason",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class MarketStateAsked(ReasonedAct):
    """What is known of an instrument's market, whole: a price that is left out bounds nothing any more."""

    instrument = Reference(help_text="Id or symbol.")
    state = serializers.ChoiceField(MarketState.choices)
    limit_up = DecimalString(required=False, allow_null=True, default=None, help_text="No buy above it.")
    limit_down = DecimalString(required=False, allow_null=True, default=None, help_text="No sell below it.")
    # A serializer is a field too, and a field has a `source` of its own.
    source = Text(max_length=200, help_text="Who said so, e.g. the exchange's notice.")  # type: ignore[assignment]


class MarketStateRequestShown(AskedShown):
    """A market state that was put to a vote; it changes nothing before a second person agreed. Vote with its digest."""

    symbol = serializers.CharField(source="instrument.symbol")

    class Meta:
        model = MarketStateRequest
        fields = (
            "id", "instrument", "symbol", "state", "limit_up", "limit_down", "source", "asked_by", "reason", "consent",
            "digest", "vote_state", "vote_until", "applied_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields
