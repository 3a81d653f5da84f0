"""States of a backtest that somebody asked for."""

from django.db.models import TextChoices


class BacktestState(TextChoices):
    """DONE has a result; FAILED says why there is none; CANCELLED was ended by a person."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({BacktestState.QUEUED, BacktestState.RUNNING})
BACKTEST_TRANSITIONS = {
    # FAILED before it runs: its workers died again and again before they began.
    BacktestState.QUEUED: frozenset({BacktestState.RUNNING, BacktestState.FAILED, BacktestState.CANCELLED}),
    # RUNNING again: another worker took over from one that died.
    BacktestState.RUNNING: frozenset(
        {BacktestState.RUNNING, BacktestState.DONE, BacktestState.FAILED, BacktestState.CANCELLED}
    ),
}
