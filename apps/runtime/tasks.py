"""Gates worker: claims due backtests and runs them."""

from celery import shared_task

from apps.common import claims, nudges
from apps.runtime import services
from apps.runtime.models import BacktestRun

AHEAD_S = 60.0


@shared_task(name=services.SWEEP)
def run_due_backtests() -> None:
    """Say that this worker serves, run the oldest due backtest, and ask for the next: gates get their turn between."""
    services.report_worker()
    claims.wake_stranded(BacktestRun.objects.all(), ahead_s=AHEAD_S)
    for run in claims.claim(BacktestRun.objects.all(), lease_s=services.BACKTEST_LEASE_S):
        services.run_backtest(run)
        nudges.wake(services.SWEEP)
