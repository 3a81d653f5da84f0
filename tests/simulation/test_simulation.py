"""The real order path, played by seeds against a venue, a queue, workers and a clock that all fail."""

from tests.simulation.runner import Runner
from tests.simulation.sim import REPAIRABLE, UNLIMITED, Outcome

SEEDS, STEPS = 12, 100


def held(outcome: Outcome) -> None:
    """Every invariant held; if not, how to see it again."""
    replay = f"python -m tests.simulation --seed {outcome.seed} --steps {outcome.steps} --profile {outcome.profile}"
    assert not outcome.broken, "\n".join([*outcome.tail, outcome.broken, replay])


def test_when_faults_end_every_order_ends_and_both_books_agree(playing: Runner) -> None:
    played = [playing.run(seed, STEPS, REPAIRABLE) for seed in range(SEEDS)]

    for outcome in played:
        held(outcome)
    faults = sum((outcome.faults for outcome in played), start=played[0].faults.copy())
    assert faults.keys() >= {"drop_request", "drop_reply", "duplicate", "delay", "kill", "interrupt", "clock_step"}
    states = sum((outcome.states for outcome in played), start=played[0].states.copy())
    assert states.keys() >= {"FILLED", "CANCELED", "DENIED", "NOT_SENT"}


def test_faults_without_end_break_no_invariant(playing: Runner) -> None:
    for seed in range(SEEDS):
        held(playing.run(1_000 + seed, STEPS, UNLIMITED))


def test_the_same_seed_leaves_the_same_trace(playing: Runner) -> None:
    first = playing.run(7, STEPS, REPAIRABLE)
    playing.run(8, 20, UNLIMITED)
    again = playing.run(7, STEPS, REPAIRABLE)

    assert first.trace == again.trace
    assert first.trace_hash == again.trace_hash
    assert playing.run(9, STEPS, REPAIRABLE).trace_hash != first.trace_hash
