"""Starting a supervisor from a test, watching it, and looking for what it left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from controlplane.embedded.ports import free_port
from controlplane.supervisor.installation import ROOT

WAIT_SECONDS_MAX = 30.0


class Supervised:
    """One running supervisor and what it wrote about itself."""

    def __init__(self, var: Path, process: subprocess.Popen[str]) -> None:
        self.var = var
        self.process = process

    @property
    def state(self) -> dict[str, Any]:
        """The record it keeps in state.json; empty before there is one."""
        try:
            return dict(json.loads((self.var / "run" / "state.json").read_text()))
        except FileNotFoundError:
            return {}

    def child(self, name: str) -> dict[str, Any]:
        return dict(self.state.get("children", {}).get(name, {}))

    def wait_ready(self) -> None:
        wait_for(lambda: self.state.get("ready") is True)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS_MAX)


@contextlib.contextmanager
def supervised(var: Path, *arguments: str, **environment: str) -> Iterator[Supervised]:
    """Run the small product of these dummies; whatever happens, it ends with the block."""
    with (var.parent / f"{var.name}.out").open("w+") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("small_product.py")), *arguments],
            env=own_environment(var) | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Supervised(var, process)
        finally:
            process.kill()
            process.wait()


def own_environment(var: Path) -> dict[str, str]:
    """The environment of an installation that shares nothing with others."""
    ports = {"PORT": str(free_port()), "LIVE_PORT": str(free_port())}
    return {**os.environ, **ports, "QUARTERDECK_VAR": str(var), "PYTHONPATH": str(ROOT)}


def output_of(var: Path) -> str:
    """What the supervisor showed at its terminal."""
    return (var.parent / f"{var.name}.out").read_text()


def wait_for(condition: Callable[[], bool], *, seconds_max: float = WAIT_SECONDS_MAX) -> None:
    """Wait until the condition holds; fail when it takes too long."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def group_members(pgid: int) -> list[int]:
    """The live processes of a process group."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and is_alive(int(folder.name)):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(int(folder.name)) == pgid:
                    found.append(int(folder.name))
    return found
