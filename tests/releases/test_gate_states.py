"""States of gates: which moves there are, and that an end counts whether or not anybody swept."""

from datetime import timedelta
from itertools import product

import pytest

from apps.common.states import allows
from apps.releases import services, tasks
from apps.releases.models import Release
from apps.releases.states import GATE_TRANSITIONS, GateState
from tests import builders
from tests.builders import Team, fresh
from tests.promotions.conftest import Ahead
from tests.releases import gates

MOVES = {
    "pending": {"running", "error"},
    "running": {"running", "passed", "failed", "error"},
    "passed": {"pending", "expired"},
    "failed": {"pending", "waived"},
    "error": {"pending", "waived"},
    "expired": {"pending", "waived"},
    "waived": {"pending", "expired"},
}


@pytest.fixture
def release(team: Team) -> Release:
    """A release of the team."""
    return builders.make_release(team)


@pytest.mark.parametrize(("before", "after"), list(product(GateState.values, repeat=2)))
def test_every_move_of_a_gate_is_listed_or_refused(before: str, after: str) -> None:
    assert allows(GATE_TRANSITIONS, before, after) == (after in MOVES[before])


def test_a_pass_past_its_end_is_shut_although_nobody_swept(release: Release, wall: Ahead) -> None:
    gate = gates.judged(release, "config_lint", GateState.PASSED)
    assert services.is_open(gate)

    wall.ahead = timedelta(hours=168, seconds=1)

    assert fresh(gate).state == "passed"
    assert not services.is_open(fresh(gate))


def test_the_sweep_says_that_a_pass_is_over(release: Release, wall: Ahead) -> None:
    gate = gates.judged(release, "config_lint", GateState.PASSED)
    wall.ahead = timedelta(hours=168, seconds=1)

    tasks.expire_gates()

    assert fresh(gate).state == "expired"


def test_the_sweep_leaves_what_is_still_good(release: Release, wall: Ahead) -> None:
    gate = gates.judged(release, "config_lint", GateState.PASSED)
    wall.ahead = timedelta(hours=167)

    tasks.expire_gates()

    assert fresh(gate).state == "passed"


@pytest.mark.parametrize("state", [state for state in GateState.values if state not in ("passed", "waived")])
def test_no_other_state_is_open_whatever_its_end_says(release: Release, wall: Ahead, state: str) -> None:
    gate = gates.judged(release, "config_lint", GateState.PASSED)
    gate.state = state

    assert not services.is_open(gate)
