"""What is traded and what its market says."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, Scope
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.markets import calendars
from apps.markets.states import FeedState, InstrumentClass, MarketState, MarkKind


class Instrument(HistoryModel):
    """Something tradable, with the steps that its quantities and prices must keep."""

    symbol = models.TextField(unique=True)
    asset_class = models.TextField(choices=InstrumentClass.choices)
    base_currency = models.CharField(max_length=12, help_text="What a quantity counts.")
    quote_currency = models.CharField(max_length=12, help_text="What a price is in.")
    multiplier = ExactDecimalField(default=1)
    lot_size = ExactDecimalField(help_text="Quantities are whole multiples of this.")
    tick_size = ExactDecimalField(help_text="Prices are whole multiples of this.")
    is_fractional = models.BooleanField(default=False)
    session_calendar = models.TextField(
        default="24/7", help_text="`24/7`, `24/5` or the code of an exchange, e.g. `XNYS`."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(lot_size__gt=0, tick_size__gt=0, multiplier__gt=0),
                name="instrument_steps_positive",
            )
        ]

    def __str__(self) -> str:
        return self.symbol

    @property
    def has_extended_hours(self) -> bool:
        """Whether it is known to trade before and after its session too."""
        return calendars.has_extended(self.session_calendar)


class Dataset(AppendOnlyModel):
    """A frozen set of bars, identified by the SHA-256 of its file."""

    name = models.TextField(unique=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    interval_ms = models.PositiveBigIntegerField()
    file_name = models.TextField(help_text="Name under the dataset folder.")
    sha256 = models.CharField(max_length=64, unique=True)
    rows = models.PositiveIntegerField()
    first_start = models.DateTimeField()
    last_end = models.DateTimeField()
    gaps = models.PositiveIntegerField(help_text="Bars missing while the session was open.")
    source = models.TextField(help_text="Provenance.")

    def __str__(self) -> str:
        return self.name


class DatasetProfile(AppendOnlyModel):
    """What a dataset's bars look like: what is missing, what stands out; counted whole, listed up to a bound."""

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="profile")
    zone = models.TextField(help_text="The zone in which its file writes times: `UTC` or an offset.")
    gap_count = models.PositiveIntegerField(help_text="Stretches without bars, closed sessions included.")
    gaps = models.JSONField(help_text="[[from_ms, until_ms, bars missing, session was open], ...]")
    outlier_count = models.PositiveIntegerField()
    outliers = models.JSONField(help_text="[[end_ms, close, log return, robust z], ...], the largest first.")
    idle_count = models.PositiveIntegerField(help_text="Stretches of bars without volume.")
    idle_runs = models.JSONField(help_text="[[from_ms, until_ms, bars], ...]")
    flat_count = models.PositiveIntegerField(help_text="Stretches of bars with one and the same price.")
    flat_runs = models.JSONField(help_text="[[from_ms, until_ms, bars], ...]")
    points = models.JSONField(help_text="[[end_ms, close], ...], thinned to what can be drawn.")


class Feed(HistoryModel):
    """A stream of bars of one instrument: here a dataset replayed at a speed."""

    name = models.TextField(unique=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="feeds")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT)
    speed = models.PositiveIntegerField(help_text="Market seconds per wall second.")
    starts_at = models.DateTimeField(help_text="Market time at which the replay starts.")
    state = models.TextField(choices=FeedState.choices, default=FeedState.RUNNING)

    def __str__(self) -> str:
        return self.name


class FeedClock(OperationalModel):
    """The market clock of a feed: an anchor on both clocks, kept alive by ticks.

    A replay runs only while ticks come: after a pause of the platform the anchor moves, so that market
    time goes on where it stopped. It never runs back inside an epoch.
    """

    rebuilt_from = "the feed's start and the newest bar that any cycle consumed"

    feed = models.OneToOneField(Feed, on_delete=models.PROTECT, related_name="clock")
    epoch = models.PositiveIntegerField(default=1)
    wall_anchor = models.DateTimeField()
    market_anchor = models.DateTimeField()
    ticked_at = models.DateTimeField(help_text="Wall time of the last tick.")
    stalled_at = models.DateTimeField(null=True, help_text="Wall time since which no bar is delivered.")


class FxRate(AppendOnlyModel):
    """How many `quote` one `base` is worth, from a wall time on."""

    base = models.CharField(max_length=12)
    quote = models.CharField(max_length=12)
    rate = ExactDecimalField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(help_text="After this the rate is stale and denies increases.")
    source = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["base", "quote", "-valid_from"], name="fx_latest")]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="fx_rate_positive"),
            models.CheckConstraint(
                condition=Q(valid_until__gt=models.F("valid_from")), name="fx_rate_ends_after_it_starts"
            ),
        ]


class FxRateRequest(HistoryModel):
    """A rate that waits for a second person; it counts for nothing before it is entered."""

    base = models.CharField(max_length=12)
    quote = models.CharField(max_length=12)
    rate = ExactDecimalField()
    valid_from = models.DateTimeField(null=True, help_text="Null: as soon as it is granted.")
    valid_until = models.DateTimeField()
    source = models.TextField()
    departs_from = ExactDecimalField(null=True, help_text="What counted when it was asked for; null: nothing did.")
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="+")
    entry = models.OneToOneField(
        FxRate, null=True, on_delete=models.PROTECT, related_name="request", help_text="The rate that it became."
    )

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="fx_rate_asked_positive"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__gt=models.F("valid_from")),
                name="fx_rate_asked_ends_after_it_starts",
            ),
        ]


class ReferencePrice(OperationalModel):
    """A price of an instrument from a source that is no bot's own feed: what collars are measured against."""

    rebuilt_from = "the next answer of the source"

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="references")
    source = models.TextField(help_text="Who says so, e.g. `venue:paper`.")
    price = ExactDecimalField()
    seen_at = models.DateTimeField(help_text="Wall time at which it was true.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "source"], name="one_reference_per_source"),
            models.CheckConstraint(condition=Q(price__gt=0), name="reference_positive"),
        ]


class MarketStatus(HistoryModel):
    """Whether an instrument trades now, and between which prices; no row: as its calendar says."""

    instrument = models.OneToOneField(Instrument, on_delete=models.PROTECT, related_name="status")
    state = models.TextField(choices=MarketState.choices, default=MarketState.TRADING)
    limit_up = ExactDecimalField(null=True, help_text="No buy above it.")
    limit_down = ExactDecimalField(null=True, help_text="No sell below it.")
    source = models.TextField(help_text="Who said so: a feed or a person.")
    # The database has the defaults too: a process of the code before, which knows none of these, still halts.
    stated_by = models.TextField(default="", db_default="", help_text="Actor.")
    ground_trades = models.BooleanField(
        default=True,
        db_default=True,
        help_text="What stood before whoever states this now: a feed goes back no further.",
    )
    ground_up = ExactDecimalField(null=True)
    ground_down = ExactDecimalField(null=True)


class MarketStateRequest(HistoryModel):
    """A state that lets more trade and waits for a second person; it changes nothing before it is applied."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    state = models.TextField(choices=MarketState.choices)
    limit_up = ExactDecimalField(null=True)
    limit_down = ExactDecimalField(null=True)
    source = models.TextField()
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)


class MaintenanceWindow(HistoryModel):
    """A time at which a venue, or one instrument there, announced that it does not trade; on the wall clock."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="+", help_text="Of the venue.")
    instrument = models.ForeignKey(
        Instrument, null=True, on_delete=models.PROTECT, related_name="+", help_text="Null: the whole venue."
    )
    starts_at = models.DateTimeField(help_text="Wall time.")
    ends_at = models.DateTimeField(help_text="Wall time; from then on the venue trades again.")
    source = models.TextField(help_text="Where it was announced: a reference or an address.")
    cancelled_at = models.DateTimeField(null=True, help_text="Wall time; it counts for nothing any more.")

    class Meta(HistoryModel.Meta):
        indexes = [models.Index(fields=["scope", "ends_at"], name="maintenance_not_over")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="maintenance_ends_after_it_starts"
            )
        ]


class MaintenanceRequest(HistoryModel):
    """Less of a maintenance window, or none of it, that waits for a second person; nothing changes before."""

    window = models.ForeignKey(MaintenanceWindow, on_delete=models.PROTECT, related_name="requests")
    starts_at = models.DateTimeField(null=True, help_text="Null with the end: the window is cancelled.")
    ends_at = models.DateTimeField(null=True)
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True, ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="maintenance_asked_ends_after_it_starts",
            )
        ]


class OfficialMark(AppendOnlyModel):
    """The closing or settlement price of a trading day as somebody stated it; a correction is a newer revision."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="marks")
    trading_day = models.DateField(help_text="The day that ended with this price, by the instrument's calendar.")
    revision = models.PositiveIntegerField(help_text="The highest of a day counts.")
    price = ExactDecimalField()
    kind = models.TextField(choices=MarkKind.choices)
    source = models.TextField(help_text="Where the price is from.")
    feed_price = ExactDecimalField(
        null=True, help_text="The feed's own last price of the day when it was stated; null: none was delivered."
    )
    stated_by = models.TextField(help_text="Actor.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "trading_day", "revision"], name="one_mark_per_revision"),
            models.CheckConstraint(condition=Q(price__gt=0), name="official_mark_positive"),
        ]


class OfficialDay(OperationalModel, Claimable):
    """The mark that counts for an instrument's trading day; due until the closes of that day are made due."""

    rebuilt_from = "the newest official mark of the day"

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    trading_day = models.DateField()
    mark = models.OneToOneField(OfficialMark, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instrument", "trading_day"], name="one_official_day")]


class OfficialMarkRequest(HistoryModel):
    """A mark that waits for a second person; it counts for nothing before it is entered."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    trading_day = models.DateField()
    price = ExactDecimalField()
    kind = models.TextField(choices=MarkKind.choices)
    source = models.TextField()
    departs_from = ExactDecimalField(null=True, help_text="What it was measured by; null: nothing is known.")
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(
        OfficialMark, null=True, on_delete=models.PROTECT, related_name="requests", help_text="The mark it became."
    )

    class Meta(HistoryModel.Meta):
        constraints = [models.CheckConstraint(condition=Q(price__gt=0), name="official_mark_asked_positive")]
