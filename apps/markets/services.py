"""Instruments, datasets, feeds and FX rates: making them and moving them on."""

import hashlib
import re
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q

from apps.access import selectors as access
from apps.access.models import User
from apps.access.services import make_scope
from apps.access.states import ScopeKind
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import decimals, states
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import Invalid, Refused
from apps.common.nudges import hint
from apps.markets import calendars, rules, selectors, series
from apps.markets.models import Dataset, Feed, FeedClock, FxRate, Instrument, MarketStatus, ReferencePrice
from apps.markets.states import FEED_TRANSITIONS, FeedState, InstrumentClass, MarketState

CURRENCY = re.compile(r"[A-Z0-9]{2,12}")
# Beyond this the inverse of a rate keeps too few of its 18 places, down to none: all would seem to be worth nothing.
RATE_MAX = Decimal(10**12)


def add_instrument(
    *,
    symbol: str,
    asset_class: str,
    base_currency: str,
    quote_currency: str,
    lot_size: Decimal | str,
    tick_size: Decimal | str,
    actor: User | str,
    reason: str,
    multiplier: Decimal | str = "1",
    is_fractional: bool = False,
    session_calendar: str = calendars.ALWAYS_OPEN,
    expires_at: datetime | None = None,
) -> Instrument:
    """Make `symbol` tradable, with its scope below the firm.

    Raises Invalid DECIMAL_MALFORMED, STEP_NOT_POSITIVE, ASSET_CLASS_UNKNOWN, CALENDAR_UNKNOWN, SYMBOL_TAKEN.
    """
    steps = {"lot_size": lot_size, "tick_size": tick_size, "multiplier": multiplier}
    exact = {name: _positive(value, name) for name, value in steps.items()}
    if asset_class not in InstrumentClass.values:
        raise Invalid("ASSET_CLASS_UNKNOWN", f"asset class is one of {', '.join(InstrumentClass.values)}")
    if not calendars.is_known(session_calendar):
        raise Invalid("CALENDAR_UNKNOWN", "session calendar is 24/7, 24/5 or the code of an exchange, e.g. XNYS")
    try:
        with acting(actor, reason):
            scope = make_scope(kind=ScopeKind.INSTRUMENT, name=symbol, parent=access.firm().scope)
            instrument = Instrument.objects.create(
                symbol=symbol,
                asset_class=asset_class,
                base_currency=base_currency,
                quote_currency=quote_currency,
                is_fractional=is_fractional,
                session_calendar=session_calendar,
                expires_at=expires_at,
                scope=scope,
                **exact,
            )
            audit.record("instrument.added", instrument, scope_id=scope.pk, after={"symbol": symbol})
    except IntegrityError as error:
        raise Invalid("SYMBOL_TAKEN", f"{symbol} exists already", field="symbol") from error
    return instrument


def _positive(value: Decimal | str, field: str) -> Decimal:
    exact = decimals.parse(value, field)
    if exact <= 0:
        raise Invalid("STEP_NOT_POSITIVE", f"{field} must be above zero", field=field)
    return exact


def freeze_dataset(
    *,
    name: str,
    file_name: str,
    instrument: Instrument,
    interval_ms: int,
    source: str,
    actor: User | str,
    reason: str,
) -> Dataset:
    """Take a file of bars as it is: checked line by line, counted, and bound to its SHA-256.

    The same bytes twice are one dataset. Raises Invalid DATASET_FILE_NAME, DATASET_ROW_INVALID (with the
    line), DATASET_EMPTY or DATASET_NAME_TAKEN, NotFound DATASET_FILE_MISSING, Refused
    DATASET_FROZEN_OTHERWISE when the bytes are another instrument's.
    """
    content = series.read_file(file_name)
    sha256 = hashlib.sha256(content).hexdigest()
    bars = series.parse(content, instrument.symbol, interval_ms).bars
    known = Dataset.objects.filter(sha256=sha256).first()
    if known is not None and (known.instrument_id, known.interval_ms) != (instrument.pk, interval_ms):
        raise Refused("DATASET_FROZEN_OTHERWISE", f"{known} has these bytes for another instrument or interval")
    if known is not None:
        return known
    spans = [(bar.start_ms, bar.end_ms) for bar in bars]
    dataset = Dataset(
        name=name,
        instrument=instrument,
        interval_ms=interval_ms,
        file_name=file_name,
        sha256=sha256,
        rows=len(bars),
        first_start=from_ms(bars[0].start_ms),
        last_end=from_ms(bars[-1].end_ms),
        gaps=rules.missing_bars(spans, interval_ms, instrument.session_calendar),
        source=source,
    )
    try:
        with acting(actor, reason):
            dataset.save(force_insert=True)
            scope_id = instrument.scope_id
            audit.record("dataset.frozen", dataset, scope_id=scope_id, after={"sha256": sha256, "rows": len(bars)})
    except IntegrityError as error:
        raise Invalid("DATASET_NAME_TAKEN", f"{name} names another file; choose another name") from error
    return dataset


def open_feed(
    *,
    name: str,
    instrument: Instrument,
    dataset: Dataset,
    speed: int,
    starts_at: datetime,
    actor: User | str,
    reason: str,
) -> Feed:
    """Replay a dataset from a market time at `speed` market seconds per wall second, from now on.

    Raises Invalid FEED_SPEED, FEED_START, FEED_NAME_TAKEN; Refused FEED_INSTRUMENT.
    """
    if not 1 <= speed <= settings.REPLAY_SPEED_MAX:
        raise Invalid("FEED_SPEED", f"speed is between 1 and {settings.REPLAY_SPEED_MAX}", field="speed")
    if not dataset.first_start <= starts_at < dataset.last_end:
        raise Invalid("FEED_START", "a replay starts inside its dataset", field="starts_at")
    if dataset.instrument_id != instrument.pk:
        raise Refused("FEED_INSTRUMENT", f"{dataset} is not about {instrument}")
    now = from_ms(to_ms(wall_now()))
    try:
        with acting(actor, reason):
            feed = Feed.objects.create(
                name=name, instrument=instrument, dataset=dataset, speed=speed, starts_at=starts_at
            )
            FeedClock.objects.create(feed=feed, wall_anchor=now, market_anchor=starts_at, ticked_at=now)
            audit.record("feed.opened", feed, scope_id=instrument.scope_id, after={"speed": speed})
            hint("fleet")
    except IntegrityError as error:
        raise Invalid("FEED_NAME_TAKEN", f"there is a feed named {name}", field="name") from error
    return feed


def tick_feed(feed: Feed) -> None:
    """Keep the replay running; after a pause it goes on where it stopped. At the end of its data it ends."""
    with acting(job("markets"), "tick"):
        feed = _locked(feed)
        row = feed.clock
        if feed.state == FeedState.ENDED:
            return
        clock, now_ms = selectors.clock_of(feed, row), to_ms(wall_now())
        _store(row, rules.tick(clock, now_ms))
        if rules.market_time(clock, now_ms) >= clock.ends_at_ms:
            _end(feed)


def tick_feeds() -> int:
    """Tick every feed that has not ended; how many."""
    feeds = list(Feed.objects.exclude(state=FeedState.ENDED).order_by("pk"))
    for feed in feeds:
        tick_feed(feed)
    return len(feeds)


def _end(feed: Feed) -> None:
    states.move(feed, FeedState.ENDED, FEED_TRANSITIONS)
    alerts.raise_alert(
        tier=Tier.HIGH,
        code="FEED_ENDED",
        title=f"{feed.name} has replayed all of its data",
        scope=feed.instrument.scope,
        target=feed,
        dedup_key=f"feed-ended:{feed.pk}",
        actor=job("markets"),
        reason="the dataset is at its end",
    )
    audit.record("feed.ended", feed, scope_id=feed.instrument.scope_id)
    hint("fleet")


def stall_feed(*, feed: Feed, actor: User | str, reason: str) -> Feed:
    """Stop delivering bars, as a broken feed does; its lag grows. Raises Refused STATE_CONFLICT."""
    with acting(actor, reason):
        feed = _locked(feed)
        _store(feed.clock, rules.stall(selectors.clock_of(feed, feed.clock), to_ms(wall_now())))
        states.move(feed, FeedState.STALLED, FEED_TRANSITIONS)
        audit.record("feed.stalled", feed, scope_id=feed.instrument.scope_id)
        hint("fleet")
    return feed


def resume_feed(*, feed: Feed, actor: User | str, reason: str) -> Feed:
    """Deliver bars again from where the feed stopped. Raises Refused STATE_CONFLICT."""
    with acting(actor, reason):
        feed = _locked(feed)
        _store(feed.clock, rules.resume(selectors.clock_of(feed, feed.clock), to_ms(wall_now())))
        states.move(feed, FeedState.RUNNING, FEED_TRANSITIONS)
        audit.record("feed.resumed", feed, scope_id=feed.instrument.scope_id)
        hint("fleet")
    return feed


def _locked(feed: Feed) -> Feed:
    """The feed read again, with its clock's row locked: every change of a feed takes that lock first."""
    row = FeedClock.objects.select_for_update().get(feed_id=feed.pk)
    fresh = Feed.objects.select_related("dataset", "instrument__scope").get(pk=feed.pk)
    fresh.clock = row
    return fresh


def _store(row: FeedClock, clock: rules.Clock) -> None:
    row.wall_anchor = from_ms(clock.wall_anchor_ms)
    row.market_anchor = from_ms(clock.market_anchor_ms)
    row.ticked_at = from_ms(clock.ticked_at_ms)
    row.stalled_at = None if clock.stalled_at_ms is None else from_ms(clock.stalled_at_ms)
    row.save(update_fields=["wall_anchor", "market_anchor", "ticked_at", "stalled_at"])


def set_fx_rate(
    *,
    base: str,
    quote: str,
    rate: Decimal | str,
    valid_until: datetime,
    source: str,
    actor: User | str,
    reason: str,
    valid_from: datetime | None = None,
) -> FxRate:
    """Enter how many `quote` one `base` is worth between two wall times, from now on without `valid_from`.

    The entry that starts last counts, of two with one start the one entered last. Raises Invalid
    DECIMAL_MALFORMED, FX_RATE_NOT_POSITIVE, FX_RATE_RANGE, FX_RATE_CURRENCY, FX_RATE_PAIR or FX_RATE_PERIOD.
    """
    exact = _rate(rate)
    for field, code in (("base", base), ("quote", quote)):
        if not CURRENCY.fullmatch(code):
            raise Invalid("FX_RATE_CURRENCY", f"{field} is a currency's code such as EUR, in capitals", field=field)
    if base == quote:
        raise Invalid("FX_RATE_PAIR", "a currency is always worth itself", field="quote")
    starts_at = valid_from or wall_now()
    if valid_until <= starts_at:
        raise Invalid("FX_RATE_PERIOD", "a rate ends after it starts", field="valid_until")
    with acting(actor, reason):
        entry = FxRate.objects.create(
            base=base, quote=quote, rate=exact, valid_from=starts_at, valid_until=valid_until, source=source
        )
        after = {"pair": f"{base}/{quote}", "rate": decimals.text_of(exact), "valid_until": valid_until.isoformat()}
        audit.record("fx_rate.set", entry, scope_id=access.firm().scope.pk, after=after)
        hint("limits")
    return entry


def _rate(value: Decimal | str) -> Decimal:
    exact = decimals.parse(value, "rate")
    if exact <= 0:
        raise Invalid("FX_RATE_NOT_POSITIVE", "a rate is above zero", field="rate")
    if not 1 / RATE_MAX <= exact <= RATE_MAX:
        raise Invalid("FX_RATE_RANGE", "a rate is between 10⁻¹² and 10¹²: check the digits", field="rate")
    return exact


def see_reference(*, instrument: Instrument, source: str, price: Decimal, seen_at: datetime) -> None:
    """Keep the newest price that `source` states; an older answer that comes late changes nothing.

    One from the future was seen before the clock was set back, and gives way.
    """
    if not price.is_finite() or price <= 0:
        return
    fields = {"price": price, "seen_at": seen_at}
    newer = ReferencePrice.objects.filter(instrument=instrument, source=source)
    if not newer.exists():
        ReferencePrice.objects.bulk_create(
            [ReferencePrice(instrument=instrument, source=source, **fields)], ignore_conflicts=True
        )
    newer.filter(Q(seen_at__lt=seen_at) | Q(seen_at__gt=wall_now())).update(**fields)


def set_market_state(
    *,
    instrument: Instrument,
    state: str,
    source: str,
    actor: User | str,
    reason: str,
    limit_up: Decimal | None = None,
    limit_down: Decimal | None = None,
) -> MarketStatus:
    """Say that an instrument trades, is halted, in auction or in maintenance, and between which prices.

    Raises Invalid MARKET_STATE_UNKNOWN, PRICE_BAND_INVALID.
    """
    if state not in MarketState.values:
        raise Invalid("MARKET_STATE_UNKNOWN", f"the state is one of {', '.join(MarketState.values)}")
    bands = [band for band in (limit_down, limit_up) if band is not None]
    if any(not band.is_finite() or band <= 0 for band in bands) or bands != sorted(bands):
        raise Invalid("PRICE_BAND_INVALID", "limit prices are above zero, the lower one below the upper one")
    with acting(actor, reason):
        known = MarketStatus.objects.select_for_update().filter(instrument=instrument).first()
        before = None if known is None else _stated(known)
        status, _ = MarketStatus.objects.update_or_create(
            instrument=instrument,
            defaults={"state": state, "limit_up": limit_up, "limit_down": limit_down, "source": source},
        )
        audit.record(f"market.{state}", status, scope_id=instrument.scope_id, before=before, after=_stated(status))
        hint("fleet", "limits")
    return status


def _stated(status: MarketStatus) -> dict[str, str | None]:
    bands = {"limit_up": status.limit_up, "limit_down": status.limit_down}
    texts = {name: None if band is None else decimals.text_of(band) for name, band in bands.items()}
    return {"state": status.state, "source": status.source, **texts}
