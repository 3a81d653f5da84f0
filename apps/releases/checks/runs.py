"""Gates that run the build in the sandbox: twice for determinism, once over all bars for the frozen backtest."""

import time
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import quarterdeck

from apps.audit.context import acting, job
from apps.bots import services as bots
from apps.common.canonical import digest
from apps.common.decimals import text_of
from apps.common.errors import Refused
from apps.markets import selectors as markets
from apps.markets.models import Dataset, Feed
from apps.releases import rules, selectors
from apps.releases.checks.found import Found, Progress, bounds
from apps.releases.models import Gate, Release
from apps.runtime import backtest as engine
from apps.runtime.models import Backtest
from apps.runtime.simulator import SimConfig

SEED = 20_170_701
DETERMINISM_BARS = 2_000
EQUITY_POINTS_MAX = 500
STARTING_CASH = Decimal(100_000)
SIMULATION = SimConfig(
    half_spread_bps=Decimal(2), slippage_bps=Decimal(1), taker_fee_bps=Decimal(10), maker_fee_bps=Decimal(5)
)


def simulator() -> str:
    """The digest of what a frozen backtest is simulated by: runs of another simulator are not compared."""
    settings = {name: str(value) for name, value in asdict(SIMULATION).items()}
    version = quarterdeck.__version__
    return digest({"cash": text_of(STARTING_CASH), "seed": SEED, "settings": settings, "version": version})


def deterministic(gate: Gate, release: Release, progress: Progress) -> Found:
    """The same build over the same bars twice: the order hashes must be equal."""
    hashes = []
    for turn in (1, 2):
        result = simulate(release, DETERMINISM_BARS)
        hashes.append(result.result_hash)
        progress(turn * 50)
    differences = [] if hashes[0] == hashes[1] else ["two runs over the same bars gave different orders"]
    figures = {"first_hash": hashes[0], "second_hash": hashes[1], "bars": result.bar_count, "differences": differences}
    return Found(figures, bounds(gate))


def backtest(gate: Gate, release: Release, progress: Progress) -> Found:
    """All bars of the frozen dataset, above the floors and within the tolerances of the accepted baseline."""
    started, dataset = time.monotonic(), dataset_of(release)
    result = simulate(release, None, lambda done, total: progress(done * 100 // max(total, 1)))
    metrics = result.metrics.as_json()
    with acting(job("gates"), "frozen backtest"):
        kept = Backtest.objects.create(
            code_version=release.code_version,
            parameter_set=release.parameter_set,
            dataset=dataset,
            seed=SEED,
            intents_hash=result.result_hash,
            metrics=metrics,
            equity=_thin([(end_ms, text_of(value)) for end_ms, value in result.equity]),
            duration_ms=int((time.monotonic() - started) * 1000),
        )
    run = {"bars": result.bar_count, "result_hash": result.result_hash, "simulator_hash": simulator()}
    return _compared(gate, release, dataset, {**metrics, **run}, kept)


def _compared(gate: Gate, release: Release, dataset: Dataset, figures: dict[str, Any], kept: Backtest) -> Found:
    limits = bounds(gate)
    floors, tolerances = limits.get("floors", {}), limits.get("tolerances", {})
    baseline = selectors.baseline_for(release.bot, dataset)
    note = _why_not_comparable(release, dataset, simulator())
    if note or baseline is None:
        problems = [f"a baseline is needed: {note}"] if limits.get("needs_baseline") else []
        return Found(figures, floors, problems, [] if problems else [note], kept)
    worse = rules.regression(baseline.backtest.metrics, kept.metrics)
    compared = figures | worse | {"baseline_hash": baseline.backtest.intents_hash}
    return Found(compared, floors | tolerances, backtest=kept)


def _why_not_comparable(release: Release, dataset: Dataset, simulated_by: str) -> str:
    """Why nothing is compared, or nothing when the accepted baseline is of this dataset and this simulator."""
    baseline = selectors.baseline_for(release.bot, dataset)
    if baseline is None:
        other = selectors.newest_baseline(release.bot)
        if other is None:
            return "not compared: no baseline is accepted yet, somebody other than the builder may accept this run"
        return f"not compared: the accepted baseline is on the dataset {other.dataset}, this run is on {dataset}"
    if baseline.simulator != simulated_by:
        return "not compared: the simulator has changed since the baseline was accepted, accept a run by the new one"
    return ""


def simulate(
    release: Release, bars_max: int | None, progress: Callable[[int, int], None] = lambda done, total: None
) -> engine.BacktestResult:
    """One run of the release over its frozen dataset, or the first `bars_max` bars of it."""
    dataset = dataset_of(release)
    bars = markets.bars_of(dataset)
    return engine.run_backtest(
        bots.launchable(release.code_version),
        bars[:bars_max],
        markets.sdk_instrument(dataset.instrument),
        parameters=release.parameter_set.content,
        config=SIMULATION,
        seed=SEED,
        starting_cash=STARTING_CASH,
        progress=progress,
    )


def dataset_of(release: Release) -> Dataset:
    """The frozen dataset of the configured feed; Refused FEED_UNKNOWN."""
    name = release.config_bundle.content["feed"]
    feed = Feed.objects.select_related("dataset__instrument").filter(name=name).first()
    if feed is None:
        raise Refused("FEED_UNKNOWN", f"there is no feed named {name}")
    return feed.dataset


def _thin(points: list[tuple[int, str]]) -> list[tuple[int, str]]:
    step = max(1, len(points) // EQUITY_POINTS_MAX)
    return points[::step]
