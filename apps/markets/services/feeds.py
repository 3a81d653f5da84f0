"""Feeds: opening one, keeping its market clock alive, stalling and resuming it."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError

from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.common import states
from apps.common.clocks import from_ms, to_ms, wall_now
from apps.common.errors import Invalid, Refused
from apps.common.nudges import hint
from apps.markets import rules, selectors
from apps.markets.models import Dataset, Feed, FeedClock, Instrument
from apps.markets.states import FEED_TRANSITIONS, FeedState


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
