"""Running seeds: a world and a database once a process, then one seed after the other."""

import random
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from django.db import connection
from django.test import override_settings

from apps.common import nudges
from tests.simulation import steps
from tests.simulation.invariants import Broken
from tests.simulation.restore import Keeper
from tests.simulation.settle import settle
from tests.simulation.sim import REPAIRABLE, UNLIMITED, Outcome, Simulation
from tests.simulation.sources import Clock, Ids, injected
from tests.simulation.world import World, make_world

WARM_STEPS = 40


@dataclass
class Runner:
    """A database with a world in it, and what puts it back between two seeds."""

    world: World
    keeper: Keeper
    is_fresh: bool = True

    def run(
        self,
        seed: int,
        steps_max: int,
        profile: str,
        *,
        is_harsh: bool = False,
        weights: Mapping[str, int] = steps.WEIGHTS,
    ) -> Outcome:
        """Play one seed; `is_harsh` has faults of every kind, `weights` say which acts there are and how often."""
        if not self.is_fresh:
            self.keeper.restore()
        self.is_fresh = False
        connection.ensure_connection()
        sim, error = Simulation(self.world, seed, profile), None
        with sim.open():
            try:
                play(sim, steps_max, weights, is_harsh=is_harsh)
            except Broken as broken:
                error = broken
            except Exception as failure:
                sim.trace += traceback.format_exc().splitlines()
                error = Broken(f"CRASHED: {type(failure).__name__}: {failure}")
            return sim.outcome(steps_max, error)


def play(sim: Simulation, steps_max: int, weights: Mapping[str, int], *, is_harsh: bool) -> None:
    """All steps of a run, each followed by a look at every invariant. Raises Broken."""
    sim.world.begin(sim.choices)
    sim.set_faults(is_harsh)
    sim.stage.interrupt = lambda: steps.interrupt(sim)
    sim.stage.stall = lambda: steps.pass_time(sim, sim.choice_of(steps.STALLS_S))
    for sim.step in range(1, steps_max + 1):
        steps.step(sim, weights)
        sim.look()
    if sim.profile == REPAIRABLE:
        settle(sim)


@contextmanager
def quiet() -> Iterator[None]:
    """Nudges and hints go nowhere."""
    with patch.object(nudges, "_send", lambda task: None), patch.object(nudges, "_publish", lambda topics: None):
        yield


@contextmanager
def runner() -> Iterator[Runner]:
    """A runner on the database that Django points at, which it keeps for itself."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clock = Clock()
        stack.enter_context(override_settings(DATASET_ROOT=folder, RECONCILE_CONFIRM_S=0.0))
        with injected(clock, Ids(clock, random.Random("the world"))), quiet():
            world = make_world(folder)
        keeper = Keeper.remember()
        stack.callback(keeper.close)
        made = Runner(world, keeper)
        # What a process reads once and keeps is read now, so that every seed finds it so.
        made.run(-1, WARM_STEPS, UNLIMITED)
        yield made
