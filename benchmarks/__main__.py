"""`python -m benchmarks [NAME ...]`: measure, and print one JSON object a line."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from benchmarks.lines import Line
from benchmarks.measuring import say
from benchmarks.product import Bench

NAMES = ("gateway", "check", "submit", "latch", "history", "backtest", "start")
ON_PRODUCT = {
    "gateway",
    "submit",
    "latch",
    "history",
}  # these need the product's servers and Django before they are loaded
SEED = 20_170_701
Benchmark = Callable[[Bench], Iterator[Line]]


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; the exit status says whether they ran, never how fast they were."""
    if unknown := [name for name in arguments if name not in NAMES]:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, seed=int(os.environ.get("BENCH_SEED", SEED)))
        for name in arguments or NAMES:
            say(f"{name}: starts")
            if name in ON_PRODUCT:
                bench.product()
            for line in benchmark(name)(bench):
                print(line.as_json(), flush=True)
    return 0


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name, loaded only when asked for."""
    run: Benchmark = import_module(f"benchmarks.{name}").run
    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
