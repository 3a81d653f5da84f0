"""A backtest that somebody asks for: refused, run, kept, cancelled, and gone on with after a worker's death."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from apps.audit.models import Record
from apps.common import claims
from apps.execution.models import Order, Position
from apps.runtime import backtest as engine
from apps.runtime import host, services, tasks
from apps.runtime.models import Backtest, BacktestFill, BacktestRun
from apps.runtime.states import BACKTEST_TRANSITIONS, OPEN, BacktestState
from tests import builders
from tests.builders import Team, refused
from tests.markets.builders import make_instrument
from tests.promotions.conftest import Ahead
from tests.runtime.asked import HANGS, RAISES, SLOW, TRADES, ask, claimed, done


def _until(holds: Callable[[], Any], seconds: float = 20) -> Any:
    """What `holds` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def test_it_waits_for_a_worker_and_says_who_asked(team: Team) -> None:
    run = ask(team)

    assert (run.state, run.progress_percent, run.bars_total) == ("queued", 0, 10)
    assert (run.asked_by, run.result) == (team.engineer, None)
    assert Record.objects.get(act="backtest.asked").object_id == run.pk


def test_its_result_is_kept_with_every_fill(team: Team) -> None:
    run = done(team)

    assert (run.state, run.progress_percent, run.bars_done, run.due_at) == ("done", 100, 10, None)
    kept = run.result
    assert kept is not None
    assert (kept.bars, kept.fills_left_out, kept.starting_cash) == (10, 0, Decimal(100_000))
    fills = list(kept.fills.order_by("number"))
    assert [fill.number for fill in fills] == list(range(1, kept.metrics["fill_count"] + 1))
    assert {fill.side for fill in fills} == {"BUY", "SELL"}
    assert sum(fill.fee for fill in fills) == Decimal(kept.metrics["costs"]) > 0


def test_slippage_is_what_fills_cost_against_the_close_they_were_decided_on(team: Team) -> None:
    kept = done(team, simulation={"slippage_bps": Decimal(0)}).result

    assert kept is not None
    # The market stands at 60,000, and 0.1 at a time pays half the spread: 2 basis points.
    assert {fill.slippage for fill in kept.fills.all()} == {Decimal("1.2")}
    assert Decimal(kept.metrics["slippage"]) == Decimal("1.2") * kept.metrics["fill_count"]


def test_of_very_many_fills_the_first_are_kept_and_the_rest_counted(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.runtime.keeping.FILLS_KEPT_MAX", 3)

    kept = done(team).result

    assert kept is not None
    assert (kept.fills.count(), kept.fills_left_out) == (3, kept.metrics["fill_count"] - 3)


def test_the_same_asked_twice_has_the_same_hashes_and_another_price_of_trading_has_not(team: Team) -> None:
    code = builders.push_code(team, builders.write_artifact(team.bot, body=TRADES))
    parts: dict[str, Any] = {"code_version": code, "parameter_set": builders.push_parameters(team, code)}

    first, again = done(team, **parts).result, done(team, **parts).result
    dearer = done(team, **parts, simulation={"taker_fee_bps": Decimal(50)}).result

    assert first is not None and again is not None and dearer is not None  # noqa: PT018 - for the type checker
    assert (first.intents_hash, first.orders_hash) == (again.intents_hash, again.orders_hash)
    assert first.intents_hash != dearer.intents_hash
    assert dearer.simulation["taker_fee_bps"] == "50"


def test_research_touches_no_account(team: Team) -> None:
    done(team)

    assert not Order.objects.exists()
    assert not Position.objects.exists()


def test_parts_that_do_not_belong_together_are_refused(team: Team) -> None:
    other = builders.make_team("beta")
    foreign = builders.push_parameters(other, builders.push_code(other))
    code = builders.push_code(team)

    with refused("PART_OTHER_BOT"):
        ask(team, code_version=code, parameter_set=foreign)
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"), [({"interval_ms": 60_000}, "BACKTEST_INTERVAL"), ({"instrument": None}, "BACKTEST_INSTRUMENT")]
)
def test_a_dataset_that_the_bot_cannot_read_is_refused(team: Team, changes: dict[str, Any], code: str) -> None:
    dataset = team.feed.dataset
    for name, value in changes.items():
        setattr(dataset, name, value or make_instrument("ETH-USD"))

    with refused(code):
        ask(team, dataset=dataset)
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"seed": -1}, "BACKTEST_SEED"),
        ({"seed": 2**63}, "BACKTEST_SEED"),
        ({"starting_cash": Decimal(0)}, "BACKTEST_CASH"),
        ({"starting_cash": Decimal("NaN")}, "BACKTEST_CASH"),
        ({"starting_cash": Decimal("1e13")}, "BACKTEST_CASH"),
        ({"simulation": {"half_spread_bps": Decimal(-1)}}, "BACKTEST_SETTINGS"),
        ({"simulation": {"participation_cap": Decimal(0)}}, "BACKTEST_SETTINGS"),
        ({"simulation": {"latency_ms": 10**12}}, "BACKTEST_SETTINGS"),
    ],
)
def test_senseless_settings_are_refused(team: Team, asked: dict[str, Any], code: str) -> None:
    with refused(code):
        ask(team, **asked)
    assert not BacktestRun.objects.exists()


def test_a_bot_has_only_so_many_that_have_not_ended(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BACKTESTS_OPEN_MAX", 2)
    first = ask(team)
    ask(team)

    with refused("BACKTESTS_TOO_MANY"):
        ask(team)
    assert BacktestRun.objects.count() == 2
    services.cancel_backtest(run=first, actor=team.engineer, reason="room")
    assert ask(team).state == "queued"


def test_a_bot_that_fails_says_why_and_leaves_no_result(team: Team) -> None:
    run = done(team, RAISES)

    assert (run.state, run.error_code) == ("failed", "BOT_FAILED")
    assert "KeyError" in run.error_message
    assert not Backtest.objects.exists()


def test_a_revoked_signer_fails_it(team: Team) -> None:
    run = ask(team)
    builders.bots.revoke_signer(signer=team.signer, **builders.BY)

    services.run_backtest(claimed())

    assert builders.fresh(run).error_code == "SIGNER_REVOKED"


def test_what_was_cancelled_in_the_queue_is_never_run(team: Team) -> None:
    run = ask(team)

    services.cancel_backtest(run=run, actor=team.engineer, reason="a typo")

    assert claims.claim(BacktestRun.objects.all(), lease_s=1) == []
    assert builders.fresh(run).state == "cancelled"
    with refused("STATE_CONFLICT"):
        services.cancel_backtest(run=run, actor=team.engineer, reason="again")


def test_a_cancel_kills_the_bot_that_runs_within_two_seconds(
    committed_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, pids = ask(committed_team, HANGS), []

    class Seen(host.Child):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            pids.append(self.pid)

    monkeypatch.setattr(host, "Child", Seen)
    worker = threading.Thread(target=_in_thread, args=(services.run_backtest, claimed()))
    worker.start()
    _until(lambda: pids)

    started = time.monotonic()
    services.cancel_backtest(run=run, actor=committed_team.engineer, reason="it hangs")
    worker.join(timeout=5)

    assert time.monotonic() - started < 2
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert builders.fresh(run).state == "cancelled"
    assert not Backtest.objects.exists()


def _in_thread(work: Callable[..., Any], *args: Any) -> None:
    try:
        work(*args)
    finally:
        connection.close()


def test_it_says_how_far_it_is_and_keeps_its_lease(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BATCH_BARS", 2)
    monkeypatch.setattr(services, "BACKTEST_BEAT_S", 0.0)
    seen: list[tuple[int, int]] = []
    run = ask(team)
    monkeypatch.setattr(services, "_hint", lambda row: seen.append(_far(run)))

    services.run_backtest(claimed())

    percents = [percent for percent, _ in seen]
    assert percents == sorted(percents)
    assert {20, 40, 60, 80} <= set(percents)


def _far(run: BacktestRun) -> tuple[int, int]:
    row = builders.fresh(run)
    return row.progress_percent, row.bars_done


def test_a_worker_that_lost_its_lease_writes_nothing(team: Team) -> None:
    ask(team)
    mine = claimed()
    BacktestRun.objects.filter(pk=mine.pk).update(lease_owner="another:1", attempts=mine.attempts + 1)

    services.run_backtest(mine)

    assert builders.fresh(mine).state == "queued"
    assert not Backtest.objects.exists()


def test_another_worker_takes_over_from_a_killed_one_with_the_same_hashes(committed_team: Team, wall: Ahead) -> None:
    code = builders.push_code(committed_team, builders.write_artifact(committed_team.bot, body=SLOW))
    parts: dict[str, Any] = {"code_version": code, "parameter_set": builders.push_parameters(committed_team, code)}
    undisturbed = done(committed_team, **parts).result
    run = ask(committed_team, **parts)
    connections.close_all()
    worker = multiprocessing.get_context("fork").Process(target=_work_and_never_come_back)
    worker.start()
    _until(lambda: builders.fresh(run).state == "running")

    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()

    assert claims.claim(BacktestRun.objects.all(), lease_s=1) == []
    wall.ahead = timedelta(seconds=services.BACKTEST_LEASE_S + 1)
    services.run_backtest(claimed())
    again = builders.fresh(run)
    assert (again.state, again.attempts, BacktestFill.objects.filter(backtest=again.result).count()) == (
        "done", 2, undisturbed.fills.count() if undisturbed else 0,
    )  # fmt: skip
    assert undisturbed is not None
    assert (again.result.intents_hash, again.result.equity) == (undisturbed.intents_hash, undisturbed.equity)


def _work_and_never_come_back() -> None:
    services.run_backtest(claimed())
    os._exit(0)


def test_one_whose_workers_die_again_and_again_fails(team: Team) -> None:
    run = ask(team)
    BacktestRun.objects.filter(pk=run.pk).update(attempts=services.BACKTEST_ATTEMPTS_MAX)

    services.run_backtest(claimed())

    assert (builders.fresh(run).state, builders.fresh(run).error_code) == ("failed", "WORKER_DIED")


def test_the_task_runs_the_oldest_and_asks_for_the_next(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(services, "report_worker", lambda: False)
    first, second = ask(team), ask(team)
    monkeypatch.setattr(tasks.nudges, "wake", woken.append)

    tasks.run_due_backtests()

    assert [builders.fresh(run).state for run in (first, second)] == ["done", "queued"]
    assert woken == [services.SWEEP]


def test_what_has_ended_never_moves_again() -> None:
    ended = set(BacktestState) - OPEN

    assert all(not BACKTEST_TRANSITIONS.get(state) for state in ended)
