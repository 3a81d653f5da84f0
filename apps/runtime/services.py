"""What a worker knows of its own sandbox, and the backtests that people ask for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting, job
from apps.bots import services as bots
from apps.bots.models import Bot, CodeVersion, ParameterSet
from apps.common import claims, locks, nudges, states
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Refused
from apps.markets import selectors as markets
from apps.markets.models import Dataset
from apps.runtime import asking, keeping
from apps.runtime import backtest as engine
from apps.runtime.models import Backtest, BacktestFill, BacktestRun, WorkerReport
from apps.runtime.sandbox.probing import ProbeResult, probe
from apps.runtime.simulator import SimConfig
from apps.runtime.states import BACKTEST_TRANSITIONS, OPEN, BacktestState

log = structlog.get_logger(__name__)
REPORT_EVERY_S = 15.0
# A worker that dies is followed by another one after this; a living one says so twice a second.
BACKTEST_LEASE_S = 30.0
BACKTEST_BEAT_S = 0.5
BACKTEST_ATTEMPTS_MAX = 3
SWEEP = "runtime.run_due_backtests"
NO_LEASE: dict[str, Any] = {"due_at": None, "lease_until": None, "lease_owner": ""}


@dataclass(slots=True)
class Examined:
    """A worker and what the probe found; `next_report` is monotonic seconds of this process."""

    worker: str
    result: ProbeResult
    next_report: float = 0.0


_examined: Examined | None = None


def examine_worker(*, worker: str) -> ProbeResult:
    """Let the probe bot attack this worker's sandbox; never raises.

    Call it before the pool forks: its processes inherit the verdict, so that no cycle runs without one.
    """
    global _examined
    _examined = Examined(worker, probe(extra_secrets=_secrets(), extra_sockets=_database_sockets()))
    result = _examined.result
    if not result.passed:
        log.error("sandbox.leaks", worker=worker, leaks=result.leaks)
    return result


def _secrets() -> tuple[Path, ...]:
    found = [*(settings.VAR / "secrets").glob("*"), settings.VAR / "run" / "environment.json"]
    return tuple(path for path in found if path.is_file())


def _database_sockets() -> tuple[Path, ...]:
    found = (settings.VAR / "postgres").glob(".s.PGSQL.*")
    return tuple(path for path in found if path.is_socket())


def is_sandbox_proven() -> bool:
    """Whether the probe bot attacked this worker's sandbox and was refused everything; no verdict is no."""
    return _examined is not None and _examined.result.passed


def worker_name() -> str:
    """The examined worker this process belongs to; empty outside of one."""
    return _examined.worker if _examined else ""


def report_worker() -> bool:
    """Store the verdict and that the worker serves; at most every REPORT_EVERY_S. Whether it was stored."""
    known = _examined
    if known is None or time.monotonic() < known.next_report:
        return False
    result = known.result
    row = WorkerReport(
        worker=known.worker,
        has_passed=result.passed,
        leaks=result.leaks,
        capabilities=result.report.as_dict(),
        reported_at=wall_now(),
    )
    WorkerReport.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["worker"],
        update_fields=["has_passed", "leaks", "capabilities", "reported_at"],
    )
    known.next_report = time.monotonic() + REPORT_EVERY_S
    return True


def request_backtest(
    *,
    code_version: CodeVersion,
    parameter_set: ParameterSet,
    dataset: Dataset,
    actor: User,
    reason: str,
    seed: int = asking.SEED,
    starting_cash: Decimal = asking.CASH,
    simulation: Mapping[str, Any] | None = None,
) -> BacktestRun:
    """Ask for a backtest; it runs on a worker of the gates and touches no account.

    `simulation` overrides of `asking.COSTS` what it names. Raises what `asking.check_parts`, `asking.settings` and
    `asking.check_start` raise, and Refused BACKTESTS_TOO_MANY when the bot has BACKTESTS_OPEN_MAX that have not ended.
    """
    asking.check_parts(code_version, parameter_set, dataset)
    asking.check_start(seed, starting_cash)
    config = asking.settings(simulation or {}, dataset.instrument.session_calendar)
    bot = code_version.bot
    with acting(actor, reason):
        locks.row(Bot.objects.all(), bot.pk, keeps_key=True)
        _require_room(bot)
        run = BacktestRun.objects.create(
            code_version=code_version,
            parameter_set=parameter_set,
            dataset=dataset,
            seed=seed,
            starting_cash=starting_cash,
            simulation=config.to_json(),
            bars_total=dataset.rows,
            asked_by=actor,
            reason=reason,
            due_at=wall_now(),
        )
        audit.record("backtest.asked", run, scope_id=bot.scope_id, after={"dataset": dataset.name, "seed": seed})
        nudges.wake(SWEEP)
        _hint(run)
    return run


def _require_room(bot: Bot) -> None:
    waiting = BacktestRun.objects.filter(code_version__bot=bot, state__in=OPEN).count()
    if waiting >= settings.BACKTESTS_OPEN_MAX:
        raise Refused("BACKTESTS_TOO_MANY", f"{waiting} backtests of {bot} have not ended: wait, or cancel one")


def cancel_backtest(*, run: BacktestRun, actor: User, reason: str) -> BacktestRun:
    """End a backtest that waits or runs; its bot is killed within a second. Refused STATE_CONFLICT once it ended."""
    with acting(actor, reason):
        fresh = locks.row(_runs(), run.pk)
        states.move(fresh, BacktestState.CANCELLED, BACKTEST_TRANSITIONS, ended_at=wall_now(), **NO_LEASE)
        audit.record("backtest.cancelled", fresh, scope_id=fresh.code_version.bot.scope_id)
        _hint(fresh)
    return fresh


class _Lost(Exception):
    """The run is not this worker's any more: a person cancelled it, or another worker took it over."""


class _Watch:
    """Says twice a second that the worker lives and how far it is; raises _Lost when the run is not its own."""

    def __init__(self, run: BacktestRun) -> None:
        self.run = run
        self.bars_done = 0
        self._next = 0.0

    def progress(self, done: int, _: int) -> None:
        self.bars_done = done
        self()

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + BACKTEST_BEAT_S
        run, total = self.run, max(self.run.bars_total, 1)
        ours = BacktestRun.objects.filter(pk=run.pk, state=BacktestState.RUNNING)
        far = {"bars_done": self.bars_done, "progress_percent": min(99, self.bars_done * 100 // total)}
        if not ours.filter(lease_owner=run.lease_owner, attempts=run.attempts).update(**far):
            raise _Lost
        claims.extend(run, lease_s=BACKTEST_LEASE_S)
        _hint(run)


def run_backtest(run: BacktestRun) -> BacktestRun:
    """Run a claimed backtest to its end: DONE with its result, or FAILED with why there is none.

    A crash of the worker leaves it RUNNING: the lease ends and another worker runs it again from its first bar, with
    the same hashes. One that died BACKTEST_ATTEMPTS_MAX times is FAILED with WORKER_DIED.
    """
    fresh = _begin(run)
    if fresh is None or fresh.state != BacktestState.RUNNING:
        return fresh or run
    watch = _Watch(fresh)
    try:
        result = _simulate(fresh, watch)
    except _Lost:
        return _runs().get(pk=run.pk)
    except DomainError as error:
        return _end(fresh, BacktestState.FAILED, error_code=error.code, error_message=error.message[:500])
    return _end(fresh, BacktestState.DONE, result)


def _begin(run: BacktestRun) -> BacktestRun | None:
    """The run, RUNNING under our lease; None when it is not ours any more."""
    with acting(job("gates"), "run a backtest"):
        fresh = locks.row(_runs(), run.pk)
        if not claims.is_ours(run, fresh) or fresh.state not in OPEN:
            return None
        if fresh.attempts > BACKTEST_ATTEMPTS_MAX:
            _close(fresh, BacktestState.FAILED, error_code="WORKER_DIED", error_message="its workers died, repeatedly")
        else:
            states.move(fresh, BacktestState.RUNNING, BACKTEST_TRANSITIONS, started_at=wall_now())
    return fresh


def _simulate(run: BacktestRun, watch: _Watch) -> engine.BacktestResult:
    watch()
    build_dir = bots.launchable(run.code_version)
    bars = markets.bars_of(run.dataset)
    return engine.run_backtest(
        build_dir,
        bars,
        markets.sdk_instrument(run.dataset.instrument),
        parameters=run.parameter_set.content,
        config=SimConfig.from_json(run.simulation),
        seed=run.seed,
        starting_cash=run.starting_cash,
        progress=watch.progress,
        watch=watch,
    )


def _end(
    run: BacktestRun, state: BacktestState, result: engine.BacktestResult | None = None, **why: str
) -> BacktestRun:
    """Write how it ended, unless the run was cancelled or taken over meanwhile."""
    with acting(job("gates"), run.reason or "run a backtest"):
        fresh = locks.row(_runs(), run.pk)
        if not claims.is_ours(run, fresh) or fresh.state != BacktestState.RUNNING:
            return fresh
        changes: dict[str, Any] = dict(why)
        if result is not None:
            kept = keep_backtest(run=fresh, result=result)
            changes |= {"result": kept, "bars_done": result.bar_count, "progress_percent": 100}
        _close(fresh, state, **changes)
    return fresh


def _close(run: BacktestRun, state: BacktestState, **changes: Any) -> None:
    states.move(run, state, BACKTEST_TRANSITIONS, ended_at=wall_now(), **NO_LEASE, **changes)
    audit.record(f"backtest.{state.value}", run, scope_id=run.code_version.bot.scope_id)
    _hint(run)


def keep_backtest(*, run: BacktestRun, result: engine.BacktestResult) -> Backtest:
    """The result of a run as it is kept for good, with its fills; the caller is acting."""
    multiplier = run.dataset.instrument.multiplier
    rows = keeping.fill_rows(result, multiplier)
    kept = Backtest.objects.create(
        code_version=run.code_version,
        parameter_set=run.parameter_set,
        dataset=run.dataset,
        seed=run.seed,
        intents_hash=result.result_hash,
        orders_hash=result.intents_hash,
        metrics=result.metrics.as_json(),
        equity=keeping.equity_points(result.equity),
        drawdown=keeping.drawdown_points(result.equity, run.starting_cash),
        simulation=run.simulation,
        starting_cash=run.starting_cash,
        bars=result.bar_count,
        fills_left_out=len(result.fills) - len(rows),
        duration_ms=int(result.duration_seconds * 1000),
    )
    for row in rows:
        row.backtest = kept
    BacktestFill.objects.bulk_create(rows, batch_size=1_000)
    return kept


def _runs() -> Any:
    return BacktestRun.objects.select_related(
        "code_version__bot", "code_version__signer", "parameter_set", "dataset__instrument"
    )


def _hint(run: BacktestRun) -> None:
    nudges.hint("backtests", f"backtest:{run.pk}", f"bot:{run.code_version.bot_id}")
