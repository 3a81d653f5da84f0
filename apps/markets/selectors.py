"""Reads of the market: the clock of a feed, its delivered bars, their freshness, FX rates."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery
from quarterdeck.decimals import EXACT
from quarterdeck.events import Bar
from quarterdeck.events import Instrument as SdkInstrument

from apps.access.states import ConsentState
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import Refused
from apps.markets import calendars, rules
from apps.markets.models import (
    Dataset,
    DatasetProfile,
    Feed,
    FeedClock,
    FxRate,
    FxRateRequest,
    Instrument,
    MaintenanceRequest,
    MaintenanceWindow,
    MarketStateRequest,
    MarketStatus,
    OfficialDay,
    OfficialMark,
    OfficialMarkRequest,
    ReferencePrice,
)
from apps.markets.series import path_of, series_of
from apps.markets.states import MarketState

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

Asked = TypeVar("Asked", FxRateRequest, MarketStateRequest, MaintenanceRequest, OfficialMarkRequest)
RATE_STEP = Decimal("0.000000000000000001")


class Said(TypedDict):
    """Who said something last, when, and why."""

    set_by: str
    set_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a feed says at one moment: its newest bar, the market clock, and how many wall ms it is late.

    `market_at` is where the newest bar ended, `scheduled_at` where the feed is by its schedule, bar or no bar.
    """

    bar: Bar | None
    market_at: datetime
    late_ms: int
    scheduled_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """Whether an instrument trades at a market time, until when, and between which prices.

    `closes_at` is None for a market that never closes and for one that is closed.
    """

    is_open: bool
    is_halted: bool
    closes_at: datetime | None
    limit_up: Decimal | None = None
    limit_down: Decimal | None = None


def clock_of(feed: Feed, row: FeedClock | None = None) -> rules.Clock:
    """The feed's clock as values, read now unless its row is given."""
    row = row or FeedClock.objects.get(feed_id=feed.pk)
    return rules.Clock(
        wall_anchor_ms=to_ms(row.wall_anchor),
        market_anchor_ms=to_ms(row.market_anchor),
        speed=feed.speed,
        ticked_at_ms=to_ms(row.ticked_at),
        stalled_at_ms=to_ms(row.stalled_at) if row.stalled_at else None,
        ends_at_ms=to_ms(feed.dataset.last_end),
    )


def _market_ms(feed: Feed) -> int:
    return rules.market_time(clock_of(feed), to_ms(wall_now()))


def market_now(feed: Feed) -> datetime:
    """The market clock: the end of the last complete bar; the start of the data before the first."""
    bar = last_bar(feed)
    return from_ms(bar.end_ms) if bar else feed.dataset.first_start


def market_time_at(feed: Feed, wall_at: datetime) -> datetime:
    """The market time that the feed reaches at a wall time to come, if it runs until then."""
    clock, now_ms = clock_of(feed), to_ms(wall_now())
    ahead_ms = max(0, to_ms(wall_at) - now_ms) * clock.speed
    return from_ms(min(rules.market_time(clock, now_ms) + ahead_ms, clock.ends_at_ms))


def last_bar(feed: Feed) -> Bar | None:
    """The newest delivered bar, if any."""
    series = series_of(feed.dataset)
    count = series.complete(_market_ms(feed))
    return series.bars[count - 1] if count else None


def bars_between(feed: Feed, after_ms: int, until_ms: int, limit: int | None = None) -> Sequence[Bar]:
    """Delivered bars with after < end <= until (market milliseconds), oldest first, at most `limit`.

    A bar that market time has not reached is never among them.
    """
    return series_of(feed.dataset).between(after_ms, min(until_ms, _market_ms(feed)), limit)


def bars_of(dataset: Dataset) -> Sequence[Bar]:
    """All bars of a frozen dataset, for backtests; verified once a process."""
    return series_of(dataset).bars


def profile_of(dataset: Dataset) -> DatasetProfile | None:
    """What its bars look like; None where it was frozen before datasets had profiles."""
    return DatasetProfile.objects.filter(dataset=dataset).first()


def file_of(dataset: Dataset) -> Path:
    """Where its bytes lie; NotFound DATASET_FILE_MISSING."""
    return path_of(dataset.file_name)


def next_bar_due(feed: Feed) -> datetime | None:
    """The wall time at which the next bar completes, None after the last.

    For a feed that stands still it is the earliest time possible, so whoever waits looks again.
    """
    clock, now_ms = clock_of(feed), to_ms(wall_now())
    series = series_of(feed.dataset)
    count = series.complete(rules.market_time(clock, now_ms))
    if count == len(series.bars):
        return None
    return from_ms(rules.due_at(clock, now_ms, series.ends[count]))


def freshness_ms(feed: Feed) -> int:
    """By how many wall milliseconds the newest bar is late; 0 on schedule and in a closed session."""
    return reading(feed).late_ms


def reading(feed: Feed, *, with_extended: bool = False) -> Reading:
    """`last_bar`, `market_now` and `freshness_ms` of one and the same moment, for one look at the clock.

    With `with_extended` a bar is due in extended hours too: without one the feed knows no price of them.
    """
    clock, now_ms = clock_of(feed), to_ms(wall_now())
    series = series_of(feed.dataset)
    count = series.complete(rules.market_time(clock, now_ms))
    bar = series.bars[count - 1] if count else None
    last_end_ms = bar.end_ms if bar else series.bars[0].start_ms
    calendar = feed.instrument.session_calendar
    interval_ms = feed.dataset.interval_ms
    late_ms = rules.lag(clock, now_ms, last_end_ms, interval_ms, calendar, with_extended=with_extended)
    market_at = from_ms(bar.end_ms) if bar else feed.dataset.first_start
    return Reading(bar, market_at, late_ms, from_ms(rules.session_time(clock, now_ms)))


def sdk_instrument(instrument: Instrument) -> SdkInstrument:
    """The instrument as bots and the simulator know it."""
    return SdkInstrument(
        symbol=instrument.symbol,
        tick_size=instrument.tick_size,
        lot_size=instrument.lot_size,
        quantity_min=instrument.lot_size,
        multiplier=instrument.multiplier,
        currency=instrument.quote_currency,
    )


def convert_rate(base: str, quote: str, at: datetime) -> Decimal:
    """How many `quote` one `base` is worth at a wall time, directly or by the inverse pair.

    An inverse is rounded half-even to 18 decimal places. Raises Refused FX_RATE_STALE when the newest rate
    is past its validity, FX_RATE_MISSING when there is none.
    """
    if base == quote:
        return Decimal(1)
    direct, inverse = _rate(base, quote, at), _rate(quote, base, at)
    if direct and direct.valid_until >= at:
        return direct.rate
    if inverse and inverse.valid_until >= at:
        return _inverted(inverse)
    if direct or inverse:
        raise Refused("FX_RATE_STALE", f"the rate from {base} to {quote} is stale: enter a current one")
    raise Refused("FX_RATE_MISSING", f"there is no rate from {base} to {quote}: enter one")


def last_rate(base: str, quote: str, at: datetime, entered_until: datetime | None = None) -> Decimal | None:
    """What `convert_rate` answers at a wall time, but of stale rates the one that started last; None without any.

    With `entered_until` of what had been entered by then, whenever it starts.
    """
    direct, inverse = (_rate(*pair, at, entered_until) for pair in ((base, quote), (quote, base)))
    if inverse is None or (direct is not None and _precedes(direct, inverse, at)):
        return None if direct is None else direct.rate
    return _inverted(inverse)


def _precedes(direct: FxRate, inverse: FxRate, at: datetime) -> bool:
    if direct.valid_until >= at or inverse.valid_until >= at:
        return direct.valid_until >= at
    return direct.valid_from >= inverse.valid_from


def settled_rate(base: str, quote: str, at: datetime) -> Decimal | None:
    """What counts at a wall time of what was entered until settings.FX_RATE_DEPARTS_H before it.

    Of what was entered later what two people agreed on is taken too, and the first rate of all.
    """
    started = FxRate.objects.filter(of_pair(base, quote), valid_from__lte=at)
    known = started.aggregate(first=Min("created_at"), agreed=Max("created_at", filter=Q(request__isnull=False)))
    moments = [known["first"], known["agreed"], at - timedelta(hours=settings.FX_RATE_DEPARTS_H)]
    return last_rate(base, quote, at, max(moment for moment in moments if moment))


def of_pair(base: str, quote: str) -> Q:
    """The filter for rates of a pair, whichever way round."""
    return Q(base=base, quote=quote) | Q(base=quote, quote=base)


def _rate(base: str, quote: str, at: datetime, entered_until: datetime | None = None) -> FxRate | None:
    rates = FxRate.objects.filter(base=base, quote=quote, valid_from__lte=at)
    if entered_until is not None:
        rates = rates.filter(created_at__lte=entered_until)
    return rates.order_by("-valid_from", "-id").first()


def _inverted(row: FxRate) -> Decimal:
    return EXACT.divide(Decimal(1), row.rate).quantize(RATE_STEP, context=EXACT)


def waiting_rates() -> QuerySet[FxRateRequest]:
    """Rates that wait for a second person's vote, soonest to expire first."""
    return _waiting(FxRateRequest.objects.all())


def waiting_states() -> QuerySet[MarketStateRequest]:
    """Market states that wait for a second person's vote, soonest to expire first."""
    return _waiting(MarketStateRequest.objects.select_related("instrument"))


def waiting_maintenance() -> QuerySet[MaintenanceRequest]:
    """Less maintenance that waits for a second person's vote, soonest to expire first."""
    return _waiting(MaintenanceRequest.objects.select_related("window__scope", "window__instrument"))


def waiting_marks() -> QuerySet[OfficialMarkRequest]:
    """Official marks that wait for a second person's vote, soonest to expire first."""
    return _waiting(OfficialMarkRequest.objects.select_related("instrument"))


def _waiting(rows: "QuerySet[Asked]") -> "QuerySet[Asked]":
    open_now = rows.filter(consent__state=ConsentState.OPEN, consent__expires_at__gt=wall_now())
    asked = open_now.select_related("consent__requested_by", "consent__scope")
    return asked.order_by("consent__expires_at", "pk")


def is_open(instrument: Instrument, market_at: datetime) -> bool:
    """Whether the instrument's calendar has a session at a market time."""
    return calendars.is_open(instrument.session_calendar, to_ms(market_at))


def closes_at(instrument: Instrument, market_at: datetime) -> datetime | None:
    """When the session that is open at a market time ends; None when it never does, or none is open."""
    closes_ms = calendars.closes_at(instrument.session_calendar, to_ms(market_at))
    return None if closes_ms is None else from_ms(closes_ms)


def extended_close(instrument: Instrument, market_at: datetime) -> datetime | None:
    """The regular close of the day at which the instrument trades at a market time, extended hours included.

    It lies behind in the hours after it. None when the instrument does not trade then, or knows no extended hours.
    """
    day = calendars.extended_day(instrument.session_calendar, to_ms(market_at))
    return None if day is None else from_ms(day.closes_ms)


def trading_day(instrument: Instrument, market_at: datetime) -> date:
    """The day that daily limits count by; it turns at the close, so the hours after it belong to the next one."""
    return calendars.trading_day(instrument.session_calendar, to_ms(market_at))


def day_before(instrument: Instrument, day: date) -> date | None:
    """The trading day before one; None where its calendar does not say."""
    return calendars.day_before(instrument.session_calendar, day)


def session(instrument: Instrument, market_at: datetime) -> Session:
    """The instrument's session at a market time: its calendar, and what a feed or a person said of it."""
    status = MarketStatus.objects.filter(instrument=instrument).first()
    return Session(
        is_open=is_open(instrument, market_at),
        is_halted=status is not None and status.state != MarketState.TRADING,
        closes_at=closes_at(instrument, market_at),
        limit_up=status.limit_up if status else None,
        limit_down=status.limit_down if status else None,
    )


def market_states() -> "QuerySet[WithAnnotations[MarketStatus, Said]]":
    """What was said of instruments; each row with who said it last, when, and why.

    `set_by` is an actor's text, `set_at` a wall time, `reason` as it was given.
    """
    last = MarketStatus.history.filter(id=OuterRef("pk")).order_by("-history_id")
    return MarketStatus.objects.select_related("instrument").annotate(
        set_by=Subquery(last.values("history_user_id")[:1]),
        set_at=Subquery(last.values("history_date")[:1]),
        reason=Subquery(last.values("history_change_reason")[:1]),
    )


def maintenance() -> "QuerySet[WithAnnotations[MaintenanceWindow, Said]]":
    """Announced windows, ended and cancelled ones too; each with who changed it last, when, and why."""
    last = MaintenanceWindow.history.filter(id=OuterRef("pk")).order_by("-history_id")
    return MaintenanceWindow.objects.select_related("scope", "instrument").annotate(
        set_by=Subquery(last.values("history_user_id")[:1]),
        set_at=Subquery(last.values("history_date")[:1]),
        reason=Subquery(last.values("history_change_reason")[:1]),
    )


def standing_maintenance(at: datetime) -> QuerySet[MaintenanceWindow]:
    """Windows that run at a wall time or start after it, soonest first."""
    rows = MaintenanceWindow.objects.filter(cancelled_at__isnull=True, ends_at__gt=at)
    return rows.select_related("scope", "instrument").order_by("starts_at", "pk")


def in_maintenance_until(venue_scope_id: UUID, at: datetime, *, announced_by: datetime) -> datetime | None:
    """Until when the whole venue is in maintenance at a wall time, as it was announced by another; None: it is not."""
    running = standing_maintenance(at).filter(scope_id=venue_scope_id, instrument=None, starts_at__lte=at)
    return running.filter(created_at__lte=announced_by).aggregate(until=Max("ends_at"))["until"]


def is_in_maintenance(venue_scope_id: UUID, instrument_id: UUID, at: datetime) -> bool:
    """Whether the venue, or this instrument there, is in announced maintenance at a wall time."""
    running = standing_maintenance(at).filter(scope_id=venue_scope_id, starts_at__lte=at)
    return running.filter(Q(instrument=None) | Q(instrument=instrument_id)).exists()


def counted_rates() -> QuerySet[FxRate]:
    """Of each pair the entry that counts now, current or stale."""
    started = FxRate.objects.filter(valid_from__lte=wall_now())
    return started.order_by("base", "quote", "-valid_from", "-id").distinct("base", "quote")


def day_end(instrument: Instrument, market_at: datetime) -> datetime:
    """The end of the trading day of a market time: UTC midnight, 17:00 in New York, or the exchange's close."""
    return from_ms(calendars.day_end(instrument.session_calendar, to_ms(market_at)))


def order_day_end(instrument: Instrument, market_at: datetime, *, with_extended: bool) -> datetime:
    """When an order for the day ends: with the trading day, or with the hours after it if it trades in those."""
    ends = calendars.extended_day_end if with_extended else calendars.day_end
    return from_ms(ends(instrument.session_calendar, to_ms(market_at)))


def reference(instrument: Instrument, source: str) -> ReferencePrice | None:
    """What a source that is no bot's own feed said of the instrument last."""
    return ReferencePrice.objects.filter(instrument=instrument, source=source).first()


def reached_day(instrument: Instrument) -> date:
    """The trading day that the instrument has reached: by its feeds, or without any by the wall clock."""
    feeds = Feed.objects.filter(instrument=instrument).select_related("dataset", "instrument")
    days = [trading_day(instrument, market_now(feed)) for feed in feeds]
    return max(days, default=trading_day(instrument, wall_now()))


def day_price(instrument: Instrument, day: date) -> Decimal | None:
    """The last price of a trading day that a feed of the instrument has delivered, the newest feed first."""
    feeds = Feed.objects.filter(instrument=instrument).select_related("dataset", "instrument").order_by("-id")
    return next((price for price in (_day_price(feed, day) for feed in feeds) if price is not None), None)


def _day_price(feed: Feed, day: date) -> Decimal | None:
    series, calendar = series_of(feed.dataset), feed.instrument.session_calendar

    def day_of(bar: Bar) -> date:  # a bar that ends with the day is of that day
        return calendars.trading_day(calendar, bar.end_ms - 1)

    count = bisect_right(series.bars, day, hi=series.complete(_market_ms(feed)), key=day_of)
    bar = series.bars[count - 1] if count else None
    return bar.close if bar is not None and day_of(bar) == day else None


def counted_mark(instrument: Instrument, day: date) -> OfficialMark | None:
    """The official mark of a trading day that counts: the one stated last."""
    found = OfficialDay.objects.filter(instrument=instrument, trading_day=day).select_related("mark").first()
    return None if found is None else found.mark


def may_restate(mark: OfficialMark, stood_at: Decimal) -> bool:
    """Whether a mark may restate what stood at a price: it is near to it, or two people agreed on the mark."""
    return not rules.departs(mark.price, stood_at, settings.MARK_DEPARTS_PCT) or mark.requests.exists()


def mark_measures(instrument: Instrument, day: date, feed_price: Decimal | None) -> list[Decimal]:
    """What a mark of the day may not be far from when one person states it; empty when nothing is known.

    The feed's own last price of that day, and what two people agreed on for it last. A mark that one person stated is
    no measure, nor is one of another day: small steps would add up.
    """
    marks = OfficialMark.objects.filter(instrument=instrument, trading_day=day, requests__isnull=False)
    agreed = marks.order_by("revision").last()
    found = [feed_price, None if agreed is None else agreed.price]
    return [known for known in found if known is not None]
