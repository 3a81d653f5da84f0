"""A gate's life: due, claimed, measured, decided; what does not pass opens nothing."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from apps.audit.context import acting
from apps.audit.models import Record
from apps.common import claims
from apps.common.clocks import wall_now
from apps.common.errors import Unavailable
from apps.releases import checks, services, tasks
from apps.releases.models import Gate, Release
from apps.releases.states import GATE_TRANSITIONS, GateState
from apps.runtime import services as runtime
from tests import builders
from tests.builders import BY, FAILED, PASSED, Team, verdicts
from tests.promotions.conftest import Ahead

GATE_VALID = timedelta(hours=168)


@pytest.fixture
def release(team: Team) -> Release:
    """A release with the lint gate due."""
    made = builders.make_release(team)
    services.request_gates(release=made, kinds=["config_lint"], **BY)
    return made


@pytest.fixture(autouse=True)
def _no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers report what their sandbox is worth; that has tests of its own."""
    monkeypatch.setattr(runtime, "report_worker", lambda: None)


def _claimed(lease_s: float = 60) -> Gate:
    return claims.claim(Gate.objects.all(), lease_s=lease_s)[0]


def _gate() -> Gate:
    return Gate.objects.get()


def test_a_pass_opens_for_a_week_and_is_recorded(release: Release) -> None:
    with verdicts(PASSED):
        gate = services.run_gate(_claimed())

    assert services.is_open(gate)
    assert (gate.due_at, gate.lease_owner) == (None, "")
    assert gate.valid_until is not None
    assert gate.valid_until - wall_now() > timedelta(days=6)
    assert Record.objects.filter(act="gate.passed", object_id=gate.pk).exists()


def test_what_was_measured_is_in_the_digest(release: Release) -> None:
    with verdicts(PASSED):
        first = services.run_gate(_claimed()).evidence_digest
    services.request_gates(release=release, kinds=["backtest"], **BY)
    other = checks.Verdict(GateState.PASSED, {"fills": 21}, {"fills": 20})
    with verdicts(other):
        second = services.run_gate(_claimed()).evidence_digest

    assert len(first) == len(second) == 64
    assert first != second


def test_a_failure_keeps_its_figures_and_opens_nothing(release: Release) -> None:
    with verdicts(FAILED):
        gate = services.run_gate(_claimed())

    assert (gate.state, gate.figures, gate.message) == ("failed", {"problems": ["a"]}, "a problem")
    assert gate.valid_until is None
    assert not services.is_open(gate)


def test_an_error_while_measuring_is_no_pass(release: Release) -> None:
    with patch.object(checks, "run", side_effect=Unavailable("BOT_TIMEOUT", "the bot did not answer")):
        gate = services.run_gate(_claimed())

    assert (gate.state, gate.message) == ("error", "BOT_TIMEOUT: the bot did not answer")
    assert not services.is_open(gate)


def test_a_crash_leaves_it_to_the_next_worker_once_the_lease_ends(release: Release, wall: Ahead) -> None:
    with patch.object(checks, "run", side_effect=MemoryError), pytest.raises(MemoryError):
        services.run_gate(_claimed())
    assert _gate().state == "running"
    assert claims.claim(Gate.objects.all(), lease_s=60) == []

    wall.ahead = timedelta(seconds=61)
    with verdicts(PASSED):
        tasks.run_due_gates()

    assert (_gate().state, _gate().attempts) == ("passed", 2)


@pytest.mark.parametrize("started", [True, False])
def test_a_worker_that_dies_again_and_again_is_an_error(release: Release, wall: Ahead, started: bool) -> None:
    for attempt in range(services.ATTEMPTS_MAX):
        wall.ahead = timedelta(seconds=61 * attempt)
        gate = _claimed()
        if started:
            with patch.object(checks, "run", side_effect=MemoryError), pytest.raises(MemoryError):
                services.run_gate(gate)
    wall.ahead = timedelta(seconds=61 * services.ATTEMPTS_MAX)

    with verdicts(PASSED):
        tasks.run_due_gates()

    assert _gate().state == "error"
    assert "died" in _gate().message
    assert _gate().due_at is None


def test_a_worker_that_lost_its_lease_decides_nothing(release: Release, wall: Ahead) -> None:
    slow = _claimed()
    wall.ahead = timedelta(seconds=61)
    quick = _claimed()
    with verdicts(FAILED):
        services.run_gate(quick)

    with verdicts(PASSED):
        found = services.run_gate(slow)

    assert (found.state, _gate().state) == ("failed", "failed")


def test_a_worker_that_loses_its_lease_while_measuring_decides_nothing(release: Release, wall: Ahead) -> None:
    def overtaken(*_: object) -> checks.Verdict:
        wall.ahead = timedelta(seconds=61)
        _claimed()
        return PASSED

    with patch.object(checks, "run", side_effect=overtaken):
        services.run_gate(_claimed())

    assert _gate().state == "running"
    assert not Record.objects.filter(act="gate.passed").exists()


def test_an_expired_pass_is_not_open(release: Release, wall: Ahead) -> None:
    with verdicts(PASSED):
        gate = services.run_gate(_claimed())
    wall.ahead = GATE_VALID + timedelta(seconds=1)

    assert gate.state == "passed"
    assert not services.is_open(gate)


def test_a_standing_pass_is_not_run_again(release: Release) -> None:
    with verdicts(PASSED):
        services.run_gate(_claimed())

    services.request_gates(release=release, kinds=["config_lint"], **BY)

    assert (_gate().state, _gate().due_at) == ("passed", None)


@pytest.mark.parametrize("verdict", [FAILED, checks.Verdict(GateState.ERROR, message="x"), PASSED])
def test_what_did_not_pass_or_has_expired_is_run_again(release: Release, wall: Ahead, verdict: checks.Verdict) -> None:
    with verdicts(verdict):
        services.run_gate(_claimed())
    wall.ahead = GATE_VALID + timedelta(seconds=1)

    services.request_gates(release=release, kinds=["config_lint"], **BY)

    assert (_gate().state, _gate().attempts) == ("pending", 0)
    assert not services.is_open(_gate())
    with verdicts(PASSED):
        assert services.is_open(services.run_gate(_claimed()))


def test_asking_again_does_not_disturb_a_gate_that_runs(release: Release) -> None:
    gate = _claimed()
    with acting(**BY):
        Gate.objects.filter(pk=gate.pk).update(state="running")

    services.request_gates(release=release, kinds=["config_lint"], **BY)

    assert (_gate().state, _gate().lease_owner) == ("running", gate.lease_owner)


def test_only_what_runs_can_pass() -> None:
    ways = {before for before, after in GATE_TRANSITIONS.items() if GateState.PASSED in after}

    assert ways == {GateState.RUNNING}
