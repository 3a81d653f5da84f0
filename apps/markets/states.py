"""Kinds of instruments and feeds."""

from django.db.models import TextChoices


class InstrumentClass(TextChoices):
    """Asset class, by which instruments are listed; value and PnL follow multiplier and currencies alone."""

    EQUITY = "equity"
    ETF = "etf"
    FX = "fx"
    CRYPTO_SPOT = "crypto_spot"
    CRYPTO_PERPETUAL = "crypto_perpetual"
    FUTURE = "future"
    OPTION = "option"


class FeedState(TextChoices):
    """Whether a feed delivers bars."""

    RUNNING = "running"
    STALLED = "stalled"
    ENDED = "ended"


FEED_TRANSITIONS = {
    FeedState.RUNNING: frozenset({FeedState.STALLED, FeedState.ENDED}),
    FeedState.STALLED: frozenset({FeedState.RUNNING, FeedState.ENDED}),
}


class MarketState(TextChoices):
    """Whether an instrument trades; in an auction and in a limit state only what the bands allow."""

    TRADING = "trading"
    HALTED = "halted"
    AUCTION = "auction"
    MAINTENANCE = "maintenance"


class MarkKind(TextChoices):
    """What an official price of a day is."""

    CLOSE = "close"
    SETTLEMENT = "settlement"
