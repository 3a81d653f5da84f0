"""From nothing to the first fill, from stopped to ready, and how much memory that takes."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import clones, processes, web
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, say
from benchmarks.product import Bench
from controlplane.embedded.servers import embedded_servers

SETTLE_SECONDS = 15.0
FILLS_MORE = 2
MEBIBYTE = 1_048_576
FLOOR = "the same PostgreSQL, Redis and web server around a bare Django view"
INSTALLED = "the part until requirements and browser assets are installed"


@dataclass(slots=True)
class Starts:
    """Both sides, and the memory that each start came to."""

    clone: Path
    floor: Path
    ours_mib: list[float] = field(default_factory=list)
    floor_mib: list[float] = field(default_factory=list)

    def cold(self) -> tuple[float, float]:
        """Seconds from `make run` in a fresh clone to the first fill, and to the end of the installation."""
        with clones.make_run(self.clone) as running:
            installed = running.seconds_until(running.is_installed)
            say(f"start: installed after {installed:.1f} s")
            first_fill = running.seconds_until(lambda: running.fills() > 0)
        say(f"start: first fill after {first_fill:.1f} s")
        return first_fill, installed

    def warm(self) -> float:
        """Seconds from `make run` to /readyz 200; the memory is taken later, when the bots trade again."""
        with clones.make_run(self.clone) as running:
            seconds = running.seconds_until(running.is_ready)
            before = running.fills()
            running.seconds_until(lambda: running.fills() >= before + FILLS_MORE)
            time.sleep(SETTLE_SECONDS)
            self.ours_mib.append(processes.memory_bytes(processes.family(running.process.pid)) / MEBIBYTE)
        say(f"start: ready after {seconds:.1f} s, {self.ours_mib[-1]:.0f} MiB")
        return seconds

    def bare(self) -> float:
        """Seconds until a bare view answers behind the same servers."""
        others = processes.family(os.getpid())
        started = time.monotonic()
        with (
            embedded_servers(self.floor) as environment,
            web.serving(web.bare_command(environment, self.floor), self.floor, "/"),
        ):
            seconds = time.monotonic() - started
            new = processes.family(os.getpid()) - others
            self.floor_mib.append(processes.memory_bytes(new) / MEBIBYTE)
        return seconds


def run(bench: Bench) -> Iterator[Line]:
    """Cold once, since it installs everything; warm starts in turns with the bare floor."""
    clone = clones.copy_tree(bench.folder() / "clone")
    starts = Starts(clone, bench.folder() / "floor")
    seed = bench.seed
    first_fill, installed = starts.cold()
    yield line("start.cold", "s", [first_fill], INSTALLED, [installed], goal="value <= 300", seed=seed)
    ours, floor = alternate(starts.warm, starts.bare)
    yield line("start.warm", "s", ours, FLOOR, floor, goal="value <= 30", seed=seed)
    yield line("start.memory", "MiB", starts.ours_mib[1:], FLOOR, starts.floor_mib[1:], goal="value <= 1536", seed=seed)
