"""`python -m tests.simulation`: one seed to replay it, or many over several processes with a line of JSON at the end.

python -m tests.simulation --seed 17 --steps 200 --profile unlimited
python -m tests.simulation --seeds 10000 --steps 200 --jobs 2
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.simulation import campaign

ROOT = Path(__file__).resolve().parent.parent.parent
PROFILES = ("repairable", "unlimited")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="play this one seed and print its trace")
    parser.add_argument("--seeds", type=int, default=100, help="play this many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--profile", choices=(*PROFILES, "both"), default="both", help="both: by turns")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--share", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run what is asked for; the exit status."""
    asked = arguments()
    sys.path[:0] = [str(ROOT), str(ROOT / "sdk" / "src")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings.test")
    os.environ.setdefault("QUARTERDECK_TEST_VAR", str(ROOT / "var" / "simulation"))
    from tests import servers  # starts them, unless another process of this run has

    try:
        if asked.share:
            return play_share(asked)
        if asked.seed is not None:
            return play_one(asked)
        return campaign.play(sys.argv[1:], seeds=asked.seeds, jobs=asked.jobs, folder=ROOT)
    finally:
        servers.pytest_unconfigure()


def outcomes(seeds: range, asked: argparse.Namespace) -> Iterator[Any]:
    """Play seeds in this process, in a database of its own; both profiles take turns."""
    import django

    django.setup()
    from tests import databases
    from tests.simulation.runner import runner

    with databases.cloned(), runner() as playing:
        for seed in seeds:
            profile = PROFILES[seed % 2] if asked.profile == "both" else asked.profile
            yield playing.run(seed, asked.steps, profile)


def play_one(asked: argparse.Namespace) -> int:
    """Replay a seed: its whole trace, and what broke."""
    for outcome in outcomes(range(asked.seed, asked.seed + 1), asked):
        print("\n".join(outcome.trace))
        print(f"seed {outcome.seed} {outcome.profile} {outcome.trace_hash}")
        print(f"BROKEN at step {outcome.at_step}: {outcome.broken}" if outcome.broken else "every invariant held")
        return int(bool(outcome.broken))
    return 1


def play_share(asked: argparse.Namespace) -> int:
    """One process of many: every n-th seed, a line of JSON for each."""
    number, jobs = map(int, asked.share.split("/"))
    for outcome in outcomes(range(asked.first + number, asked.first + asked.seeds, jobs), asked):
        shown = {"trace": outcome.tail if outcome.broken else []}
        print(json.dumps(vars(outcome) | shown), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
