"""What each gate measures: configuration lint, determinism, the frozen backtest."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.audit.context import acting, job
from apps.bots import schemas
from apps.bots import services as bots
from apps.common.decimals import text_of
from apps.common.errors import DomainError, Refused
from apps.markets import selectors as markets
from apps.markets.models import Dataset, Feed
from apps.releases.models import Release
from apps.releases.states import GateKind, GateState
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
# Floors of the frozen backtest: sanity, not ambition; stages bring their own criteria.
DRAWDOWN_MAX = Decimal("0.60")
TRADES_MIN = 20

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found."""

    state: GateState
    figures: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    backtest: Backtest | None = None


def run(kind: str, release: Release, progress: Progress) -> Verdict:
    """Run the gate `kind` on `release`; DomainErrors are the caller's ERROR."""
    checks = {
        GateKind.CONFIG_LINT: _lint,
        GateKind.DETERMINISTIC: _deterministic,
        GateKind.BACKTEST: _backtest,
    }
    return checks[GateKind(kind)](release, progress)


def _lint(release: Release, progress: Progress) -> Verdict:
    content, problems = release.config_bundle.content, []
    try:
        schemas.check(content, schemas.CONFIG, "CONFIG_SCHEMA")
        schemas.check(release.parameter_set.content, release.code_version.parameter_schema, "PARAMETERS_SCHEMA")
    except DomainError as error:
        problems.append(error.message)
    feed = Feed.objects.select_related("instrument", "dataset").filter(name=content["feed"]).first()
    declared = release.code_version.manifest.get("data", {})
    if feed is None:
        problems.append(f"there is no feed named {content['feed']}")
    elif feed.instrument.symbol not in content["symbols"]:
        problems.append(f"the feed {feed.name} is of {feed.instrument.symbol}, which the config does not trade")
    if declared.get("interval") != content["data_contract"]["interval"]:
        problems.append("the data contract's interval is not the one that the code declares")
    missing = set(declared.get("fields", [])) - set(content["data_contract"]["fields"])
    if missing:
        problems.append(f"the data contract lacks fields that the code reads: {', '.join(sorted(missing))}")
    figures = {"problems": problems}
    state = GateState.FAILED if problems else GateState.PASSED
    return Verdict(state, figures, {"problems": 0}, "; ".join(problems))


def _deterministic(release: Release, progress: Progress) -> Verdict:
    hashes = []
    for turn in (1, 2):
        result = _simulate(release, DETERMINISM_BARS, lambda done, total: None)
        hashes.append(result.result_hash)
        progress(turn * 50)
    figures = {"first_hash": hashes[0], "second_hash": hashes[1], "bars": result.bar_count}
    same = hashes[0] == hashes[1]
    return Verdict(
        GateState.PASSED if same else GateState.FAILED,
        figures,
        {"hashes": "equal"},
        "" if same else "two runs over the same bars gave different orders",
    )


def _backtest(release: Release, progress: Progress) -> Verdict:
    started = time.monotonic()
    result = _simulate(release, None, lambda done, total: progress(done * 100 // max(total, 1)))
    metrics = result.metrics.as_json()
    with acting(job("gates"), "frozen backtest"):
        kept = Backtest.objects.create(
            code_version=release.code_version,
            parameter_set=release.parameter_set,
            dataset=_dataset(release),
            seed=SEED,
            intents_hash=result.result_hash,
            metrics=metrics,
            equity=_thin([(end_ms, text_of(value)) for end_ms, value in result.equity]),
            duration_ms=int((time.monotonic() - started) * 1000),
        )
    trades, drawdown = len(result.fills), Decimal(str(metrics["max_drawdown"]))
    problems = []
    if trades < TRADES_MIN:
        problems.append(f"{trades} fills are fewer than {TRADES_MIN}")
    if drawdown > DRAWDOWN_MAX:
        problems.append(f"drawdown {drawdown} exceeds {DRAWDOWN_MAX}")
    figures = {**metrics, "fills": trades, "bars": result.bar_count, "result_hash": result.result_hash}
    thresholds = {"max_drawdown": text_of(DRAWDOWN_MAX), "fills": TRADES_MIN}
    state = GateState.FAILED if problems else GateState.PASSED
    return Verdict(state, figures, thresholds, "; ".join(problems), kept)


def _simulate(release: Release, bars_max: int | None, progress: Callable[[int, int], None]) -> engine.BacktestResult:
    dataset = _dataset(release)
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


def _dataset(release: Release) -> Dataset:
    name = release.config_bundle.content["feed"]
    feed = Feed.objects.select_related("dataset__instrument").filter(name=name).first()
    if feed is None:
        raise Refused("FEED_UNKNOWN", f"there is no feed named {name}")
    return feed.dataset


def _thin(points: list[tuple[int, str]]) -> list[tuple[int, str]]:
    step = max(1, len(points) // EQUITY_POINTS_MAX)
    return points[::step]
