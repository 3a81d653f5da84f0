"""What the world has of backtests and datasets a result with a fill, a run that waits, a profile."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.access.models import User
from apps.markets.models import Dataset, DatasetProfile
from apps.runtime.models import Backtest, BacktestFill, BacktestRun

TRADED_AT = datetime(2024, 1, 1, 2, tzinfo=UTC)


def make_research(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    """A backtest of the side with one fill, and another one that waits for a worker."""
    figures = dict.fromkeys(("quantity", "price", "fee", "slippage", "realised_pnl"), Decimal(1))
    parts = {part: objects[part] for part in ("code_version", "parameter_set", "dataset")}
    backtest = Backtest.objects.create(**parts, seed=1, intents_hash="2" * 64, metrics={}, equity=[], duration_ms=5)
    objects["backtest"] = backtest
    BacktestFill.objects.create(
        backtest=backtest, number=1, market_at=TRADED_AT, side="BUY", liquidity="TAKER", **figures
    )
    objects["backtest_run"] = BacktestRun.objects.create(
        **parts,
        seed=1,
        simulation={},
        starting_cash=Decimal(1000),
        bars_total=10,
        asked_by=people["engineer"],
    )


def make_profile(dataset: Dataset) -> DatasetProfile:
    """A profile that found nothing."""
    counts = {f"{name}_count": 0 for name in ("gap", "outlier", "idle", "flat")}
    lists: dict[str, Any] = {name: [] for name in ("gaps", "outliers", "idle_runs", "flat_runs", "points")}
    return DatasetProfile.objects.create(dataset=dataset, zone="UTC", **counts, **lists)
