"""The example bots pass what the demo's policy asks of them."""

from pathlib import Path
from typing import Any

import pytest

from apps.console.demo import bots, market, people
from apps.releases import checks, selectors
from apps.releases.models import Gate, Release
from apps.releases.states import GateState
from tests import builders

# Determinism and the backtest run for seconds; `make run` and the browser story do that.
QUICK = [kind for kind in bots.GATES if kind not in ("deterministic", "backtest")]


@pytest.fixture
def releases(db: None, tmp_path: Path, settings: Any) -> list[Release]:
    """A release of each example, pushed as the demo does."""
    root = settings.DATASET_ROOT
    builders.open_folders(tmp_path, settings)
    settings.DATASET_ROOT = root
    buckets, users = people.make_tree(), people.make_people()
    market.make_markets(buckets, users)
    return [bots.push(demo, bots.make_bot(demo, buckets[demo.desk], users), users) for demo in bots.BOTS]


def test_every_quick_gate_of_the_demo_passes(releases: list[Release]) -> None:
    for release in releases:
        for kind in QUICK:
            gate = Gate(kind=kind, release=release, definition=selectors.definition_in_force(kind))

            verdict = checks.run(gate, release, lambda percent: None)

            assert (kind, verdict.state, verdict.message) == (kind, GateState.PASSED, "")
