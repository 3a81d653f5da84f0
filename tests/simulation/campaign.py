"""Many seeds over several processes, their outcomes added up."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAILURES_MAX = 20
PROGRESS_S = 30.0


@dataclass
class Total:
    """What all seeds came to so far."""

    started: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)
    seeds: int = 0
    steps: int = 0
    orders: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: dict[str, Any]) -> None:
        """Count one seed, and tell of it when it failed."""
        self.seeds += 1
        self.steps += line["at_step"]
        self.orders += line["orders"]
        self.faults.update(line["faults"])
        self.states.update(line["states"])
        if line["broken"]:
            self.failures.append({name: line[name] for name in ("seed", "profile", "at_step", "broken")})
            tell("\n".join(line["trace"]))
            replay = f"python -m tests.simulation --seed {line['seed']} --steps {line['steps']}"
            tell(f"BROKEN: {line['broken']}\n{replay} --profile {line['profile']}  # step {line['at_step']}")
        if time.monotonic() - self.said > PROGRESS_S:
            self.said = time.monotonic()
            tell(f"{self.seeds} seeds, {len(self.failures)} broken, {self.said - self.started:.0f} s")

    def summary(self) -> dict[str, Any]:
        """The line at the end."""
        seconds = time.monotonic() - self.started
        return {
            "name": "simulate",
            "seeds": self.seeds,
            "steps": self.steps,
            "orders": self.orders,
            "states": dict(self.states),
            "faults": dict(self.faults),
            "failures": self.failures,
            "seconds": round(seconds, 1),
            "steps_per_second": round(self.steps / seconds, 1),
        }


def tell(text: str) -> None:
    """Something for whoever watches; the last line alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def play(arguments: list[str], *, seeds: int, jobs: int, folder: Path) -> int:
    """Play every seed in `jobs` processes and print the sum; 0 when every seed was played and held."""
    total = Total()
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    processes = [
        subprocess.Popen([*command, "--share", f"{job}/{jobs}"], cwd=folder, stdout=subprocess.PIPE, text=True)
        for job in range(jobs)
    ]
    try:
        for line in lines(processes):
            total.add(line)
            if len(total.failures) >= FAILURES_MAX:
                break
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    print(json.dumps(total.summary()))
    return int(bool(total.failures) or total.seeds < seeds)


def lines(processes: list[subprocess.Popen[str]]) -> Iterator[dict[str, Any]]:
    """What the processes say, as they say it, until all have ended."""
    found: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read(process: subprocess.Popen[str]) -> None:
        for text in process.stdout or ():
            found.put(json.loads(text))
        found.put(None)

    for process in processes:
        threading.Thread(target=read, args=(process,), daemon=True).start()
    left = len(processes)
    while left:
        line = found.get()
        if line is None:
            left -= 1
        else:
            yield line
