"""Cycles whose worker dies, is overtaken or is doubled: one commit, the same orders, nothing lost."""

import threading
from collections import UserDict
from pathlib import Path
from uuid import UUID

import pytest

from apps.alerts.models import Alert
from apps.bots import services as bots
from apps.common import claims
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution import tasks, warm
from apps.execution.models import Cycle, Order
from apps.execution.services import cycles
from apps.execution.states import CycleState
from apps.risk.models import Exposure
from tests.execution.bots import ScriptedBot, buy_each_bar, use_scripted_bots
from tests.execution.builders import Floor, together
from tests.markets.builders import BY


class Killed(BaseException):
    """The worker's end."""


@pytest.fixture
def bot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[ScriptedBot]:
    """A bot that buys on every bar, with one bar to work on, on the floor that the test uses."""
    scripted = use_scripted_bots(monkeypatch, buy_each_bar)
    used = request.getfixturevalue("real_floor" if "real_floor" in request.fixturenames else "floor")
    execution.open_missing_cycles()
    used.pass_time(1)
    return scripted


def claim_due() -> Cycle:
    """The due cycle, as a worker takes it."""
    return claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=15)[0]


@pytest.mark.parametrize("step", ["_finish", "_mark", "_open_next"])
def test_a_kill_at_the_commit_leaves_neither_checkpoint_nor_orders(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(cycles, step, killed)
        with pytest.raises(Killed):
            execution.run_cycle(claim_due())

    assert Cycle.objects.get().state == CycleState.DUE
    assert Cycle.objects.get().checkpoint is None
    assert not Order.objects.exists()
    assert not Exposure.objects.exclude(working_buy=0).exists()


def test_a_cycle_that_runs_again_makes_the_same_orders(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids of the run that was lost and of the run that counts are compared."""
    made = []
    place = cycles.orders.place

    def remember(*, ticket: object, actor: object, reason: str) -> Order:
        made.append(ticket.client_order_id)
        if len(made) == 1:
            raise Killed
        return place(ticket=ticket, actor=actor, reason=reason)

    monkeypatch.setattr(cycles.orders, "place", remember)
    with pytest.raises(Killed):
        execution.run_cycle(claim_due())
    floor.wall.advance(1)
    assert claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=15) == []

    floor.wall.advance(15)
    tasks.run_due_cycles()

    order = Order.objects.get(intent_sequence=1)
    assert made[:2] == [order.client_order_id] * 2
    assert len(set(made)) == len(made) - 1 == Order.objects.count()
    assert Cycle.objects.get(sequence=1).attempts == 2


class WarmByWorker(UserDict[UUID, warm.Warm]):
    """Workers are processes and share no bots: here each thread has its own."""

    def __init__(self) -> None:
        self._mine = threading.local()

    @property
    def data(self) -> dict[UUID, warm.Warm]:
        """The bots of this thread."""
        found: dict[UUID, warm.Warm] = self._mine.__dict__
        return found


def test_two_workers_on_one_cycle_are_one_commit(
    real_floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker stalls past its lease; the second takes over; both come to the end."""
    monkeypatch.setattr(warm, "_warm", WarmByWorker())
    first = claim_due()
    real_floor.wall.advance(16)
    second = claim_due()
    assert second.pk == first.pk

    together(lambda: execution.run_cycle(second), lambda: execution.run_cycle(first))

    done = Cycle.objects.get(state=CycleState.DONE)
    assert Order.objects.count() == done.bars == done.checkpoint["bars"]
    assert set(Order.objects.values_list("cycle", flat=True)) == {done.pk}


def test_a_worker_that_lost_its_lease_commits_nothing(floor: Floor, bot: type[ScriptedBot]) -> None:
    first = claim_due()
    floor.wall.advance(16)
    claim_due()

    execution.run_cycle(first)

    assert Cycle.objects.get().state == CycleState.DUE
    assert not Order.objects.exists()
    assert bot.started[0].is_closed


def test_a_due_cycle_is_claimed_by_one_worker(real_floor: Floor, bot: type[ScriptedBot]) -> None:
    claimed = together(*[lambda: claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=15)] * 8)

    assert sum(len(rows) for rows in claimed) == 1
    assert Cycle.objects.get().attempts == 1


def test_missing_cycles_opened_at_once_are_one(real_floor: Floor) -> None:
    assert sum(together(*[execution.open_missing_cycles] * 6)) == 1
    assert Cycle.objects.count() == 1


def test_a_cycle_whose_workers_keep_dying_fails_its_deployment(floor: Floor, bot: type[ScriptedBot]) -> None:
    for _ in range(5):
        claim_due()
        floor.wall.advance(16)

    tasks.run_due_cycles()

    assert Cycle.objects.get().error.startswith("CYCLE_KEEPS_DYING")
    assert Deployment.objects.get().observed == "failed"
    assert bot.started == []


def test_a_slow_start_keeps_its_lease(floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch) -> None:
    """A start of 19 s is within what the sandbox allows; nobody may take the cycle meanwhile."""
    taken = []

    def slow(self: ScriptedBot) -> None:
        floor.wall.advance(19)
        taken.append(claims.claim(Cycle.objects.filter(state=CycleState.DUE), lease_s=15))

    monkeypatch.setattr(ScriptedBot, "start", slow)

    execution.run_cycle(claim_due())

    assert taken == [[]]
    assert Cycle.objects.get(sequence=1).state == CycleState.DONE


def test_a_bot_of_a_deployment_that_moved_on_is_ended(floor: Floor, bot: type[ScriptedBot]) -> None:
    execution.run_cycle(claim_due())
    assert floor.deployment.pk in warm._warm
    stale = claim_stale(floor)

    execution.run_cycle(stale)

    assert Cycle.objects.get(pk=stale.pk).state == CycleState.FENCED
    assert bot.started[0].is_closed


def claim_stale(floor: Floor) -> Cycle:
    """The next cycle, claimed just before the deployment is paused."""
    floor.pass_time(1)
    cycle = claim_due()
    deployments.pause(deployment=floor.deployment, **BY)
    return cycle


def test_a_worker_that_runs_another_artifact_is_fenced_and_sends_nothing(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's copy is of another artifact than the release's at the commit."""
    unpack = warm.Unpacked
    monkeypatch.setattr(warm, "Unpacked", lambda folder, _: unpack(folder, "f" * 64))

    tasks.run_due_cycles()

    cycle = Cycle.objects.get()
    assert (cycle.state, cycle.checkpoint) == (CycleState.FENCED, None)
    assert cycle.error.startswith("BUILD_MISMATCH")
    assert not Order.objects.exists()
    assert Alert.objects.get(code="WORKER_FENCED").tier == "critical"
    assert bot.started[0].is_closed


def test_a_worker_whose_files_were_changed_under_a_warm_bot_is_fenced(
    floor: Floor, bot: type[ScriptedBot], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "bot.py").write_text("BUY = 1")
    monkeypatch.setattr(bots, "launchable", lambda code: build)
    monkeypatch.setattr(warm, "MEASURED_S", 0.0)
    tasks.run_due_cycles()
    assert Order.objects.count() == 1

    (build / "bot.py").write_text("BUY = 100")
    floor.pass_time(1)
    tasks.run_due_cycles()

    assert Order.objects.count() == 1
    assert Cycle.objects.get(state=CycleState.FENCED).error.startswith("BUILD_MISMATCH")
    assert Alert.objects.filter(code="WORKER_FENCED").count() == 1
