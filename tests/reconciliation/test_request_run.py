"""Asking for runs: one due run per account, on schedule for accounts that trade or hold something."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from apps.audit.context import acting
from apps.common import clocks
from apps.common.errors import Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution.models import Position
from apps.reconciliation import services
from apps.reconciliation.models import Break, ReconciliationRun
from tests.api.world import World, make_world
from tests.reconciliation.builders import BY


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks, each with a running deployment and an old run."""
    settings.DATASET_ROOT = tmp_path
    return make_world(tmp_path)


def test_asking_twice_is_one_run(world: World) -> None:
    account = world.own.account

    first = services.request_run(account=account, trigger="person", **BY)
    second = services.request_run(account=account, trigger="schedule", **BY)

    assert first == second
    assert ReconciliationRun.objects.filter(account=account, state="due").count() == 1


def test_asking_at_once_is_one_run(committed_db: str, tmp_path: Path, settings: Any) -> None:
    settings.DATASET_ROOT = tmp_path
    world = make_world(tmp_path)
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        services.request_run(account=world.own.account, trigger="person", **BY)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ReconciliationRun.objects.filter(account=world.own.account, state="due").count() == 1


def test_every_trading_account_gets_its_run_when_the_last_is_old(world: World) -> None:
    assert services.schedule_runs() == 0

    with clocks.clock(lambda: clocks._system() + timedelta(minutes=10)):
        assert services.schedule_runs() == 2
        assert services.schedule_runs() == 0

    due = ReconciliationRun.objects.filter(state="due")
    assert {(run.account, run.trigger) for run in due} == {
        (world.own.account, "schedule"),
        (world.other.account, "schedule"),
    }


def test_an_account_that_neither_trades_nor_holds_is_left_alone(world: World) -> None:
    with acting(**BY):
        Deployment.objects.update(desired="stopped")

    with clocks.clock(lambda: clocks._system() + timedelta(minutes=10)):
        assert services.schedule_runs() == 0


def test_an_account_that_still_holds_something_is_reconciled(world: World) -> None:
    with acting(**BY):
        Deployment.objects.update(desired="stopped")
        Position.objects.filter(account=world.own.account).update(quantity=1)

    with clocks.clock(lambda: clocks._system() + timedelta(minutes=10)):
        assert services.schedule_runs() == 1


def test_a_resolution_says_what_was_done(world: World) -> None:
    found = Break.objects.get(account=world.own.account)

    with pytest.raises(Invalid) as refusal:
        services.resolve_break(break_=found, resolution=" ", **BY)

    assert refusal.value.code == "RESOLUTION_MISSING"
    assert Break.objects.get(pk=found.pk).state == "open"


def test_a_break_is_resolved_once(world: World) -> None:
    found = Break.objects.get(account=world.own.account)
    services.resolve_break(break_=found, resolution="booked by hand", **BY)

    with pytest.raises(Refused) as refusal:
        services.resolve_break(break_=found, resolution="again", **BY)

    assert refusal.value.code == "STATE_CONFLICT"
    assert Break.objects.get(pk=found.pk).resolution == "booked by hand"
