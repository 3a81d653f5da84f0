"""A fresh clone of the working tree, and the product that `make run` starts in it."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from controlplane.embedded.ports import free_port
from controlplane.supervisor.installation import ROOT
from controlplane.supervisor.startup import ask

POLL_SECONDS = 0.05
COLD_SECONDS_MAX = 900.0
# What a person's shell does not have; the product's own variables and make's must not leak into the clone.
INHERITED = ("DATABASE_", "REDIS_URL", "QUARTERDECK_", "DJANGO_", "PORT", "LIVE_PORT", "MAKE", "MFLAGS", "VIRTUAL_ENV")


def copy_tree(target: Path) -> Path:
    """What git would clone, with the changes of the working tree: no installed, built or ignored files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


class Running:
    """`make run` in a clone, from the moment it was started."""

    def __init__(self, clone: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.clone = clone
        self.process = process
        self.port = port
        self._started = time.monotonic()

    def seconds_until(self, condition: Callable[[], bool]) -> float:
        """Seconds from the start until the condition holds; RuntimeError when `make run` ended before."""
        while not condition():
            waited = time.monotonic() - self._started
            if self.process.poll() is not None or waited > COLD_SECONDS_MAX:
                raise RuntimeError(f"`make run` did not get there in {waited:.0f} s; see {self.clone}/make.log")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - self._started

    def is_installed(self) -> bool:
        """Whether the requirements and the browser assets are in place."""
        return (self.clone / "static/vendor/.stamp").exists()

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        return ask(self.port, "/readyz")[0] == 200

    def fills(self) -> int:
        """Fills that the product has booked, read from its database; 0 before there is one."""
        try:
            known = json.loads((self.clone / "var/run/environment.json").read_text())
            with psycopg.connect(known["DATABASE_READ_URL"], connect_timeout=2) as connection:
                row = connection.execute("SELECT count(*) FROM execution_fill").fetchone()
        except (OSError, ValueError, psycopg.Error):
            return 0
        return int(row[0]) if row else 0


@contextlib.contextmanager
def make_run(clone: Path) -> Iterator[Running]:
    """`make run` on free ports until the block ends; then `make stop`."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(INHERITED)}
    environment |= {"PORT": str(port), "LIVE_PORT": str(free_port())}
    with (clone / "make.log").open("ab") as log:
        process = subprocess.Popen(["make", "run"], cwd=clone, env=environment, stdout=log, stderr=log)
    try:
        yield Running(clone, process, port)
    finally:
        subprocess.run(["make", "-s", "stop"], cwd=clone, env=environment, stdout=subprocess.DEVNULL, check=False)
        if process.poll() is None:
            process.terminate()
        process.wait()
