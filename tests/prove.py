"""`python -m tests.prove [NAME ...]`: the proofs at the size that the goals ask for, a line of JSON for each.

`make test` plays the same tests smaller. What a proof says on its way goes to standard error; the lines say what was
asked, with which seed (null: threads that race have none) and whether it held. Those at the end take hours or processes
of their own and have commands of their own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_261_123
STDERR = 2


@dataclass(frozen=True, slots=True)
class Proof:
    """Tests at full size: `n` is what they are asked for, `knobs` are the variables that ask for it."""

    name: str
    goal: int
    n: Mapping[str, int]
    tests: Sequence[str]
    knobs: Mapping[str, int]
    is_seeded: bool = False

    def command(self) -> list[str]:
        """The tests, one after the other, without a bound on their time."""
        return [sys.executable, "-m", "pytest", "-q", "-s", "--timeout", "0", "--durations", "0", *self.tests]

    def environment(self, seed: int) -> dict[str, str]:
        """The variables that the tests read."""
        seeds = dict.fromkeys(("RISK_SEED", "SIGNALS_SEED", "FUZZ_SEED"), seed) if self.is_seeded else {}
        return {name: str(value) for name, value in {**self.knobs, **seeds}.items()}


LAST_UNIT = "tests/execution/test_last_unit.py"
PROOFS = (
    Proof(
        "oracle",
        5,
        {"orders": 100_000},
        ("tests/risk/test_check_oracle.py",),
        {"RISK_ORDERS": 100_000},
        is_seeded=True,
    ),
    Proof(
        "sequences",
        5,
        {"sequences": 300, "steps": 20},
        ("tests/execution/test_gateway_stateful.py",),
        {"HYPOTHESIS_EXAMPLES": 300},
    ),
    Proof(
        "last-unit",
        6,
        {"limits": 3, "rounds": 1_000, "clients": 64},
        (LAST_UNIT, "-k", "last_unit_of"),
        {"LAST_UNIT_CLIENTS": 64, "LAST_UNIT_ROUNDS": 1_000},
    ),
    Proof("one-key", 7, {"posts": 100}, (LAST_UNIT, "-k", "hundred_posts"), {}),
    Proof("artifacts", 12, {"artifacts_min": 50}, ("tests/bots/test_hostile_artifacts.py",), {}),
    Proof("signals", 11, {"messages": 10_000}, ("tests/signals/test_hostile_messages.py",), {}, is_seeded=True),
    Proof("fuzz", 13, {"calls": 50_000}, ("tests/api/test_fuzz.py",), {"FUZZ_CALLS": 50_000}, is_seeded=True),
)
# What a proof of its own is run by: goal and command.
ELSEWHERE = (
    ("simulate", 1, "make simulate SEEDS=10000 STEPS=200"),
    ("crash", 2, "make simulate CRASH=1"),
    ("latch", 4, "make bench ONLY=latch LATCHES_PER_KIND=20"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when all of it held."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(proof.name for proof in PROOFS))
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.names) - {proof.name for proof in PROOFS}):
        parser.error(f"there is no proof named {', '.join(unknown)}")
    chosen = [proof for proof in PROOFS if not asked.names or proof.name in asked.names]
    held = [prove(proof, asked.seed) for proof in chosen]
    for name, goal, command in ELSEWHERE if not asked.names else ():
        tell(name=name, goal=goal, run=command)
    return 0 if all(held) else 1


def prove(proof: Proof, seed: int) -> bool:
    """Run one proof and print its line; whether it held."""
    knobs = proof.environment(seed)
    began = time.monotonic()
    done = subprocess.run(proof.command(), cwd=ROOT, env=os.environ | knobs, stdout=STDERR, check=False)
    tell(
        name=proof.name,
        goal=proof.goal,
        n=dict(proof.n),
        seed=seed if proof.is_seeded else None,
        held=done.returncode == 0,
        seconds=round(time.monotonic() - began, 1),
        knobs=knobs,
    )
    return done.returncode == 0


def tell(**fields: Any) -> None:
    """One line of JSON."""
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    sys.exit(main())
