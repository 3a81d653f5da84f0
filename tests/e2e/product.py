"""The real product as `make run` starts it, in a folder of its own: supervisor, servers, every process."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

from controlplane.embedded.ports import free_port
from controlplane.processes import Command, spawn
from controlplane.supervisor.installation import ROOT
from tests.platform.running import group_members, is_alive

# Bounds on waiting are wide: a test machine may be busy with much else. Nothing waits when it need not.
POLL_SECONDS = 0.1
WAIT_SECONDS_MAX = 120.0
START_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 60.0
# What the test run itself has in its environment and the product must not see.
OWN_NAMES = ("DATABASE_", "REDIS_URL", "QUARTERDECK_", "DJANGO_", "PYTEST_")


def until(condition: Callable[[], bool], *, seconds_max: float = WAIT_SECONDS_MAX) -> None:
    """Wait until the condition holds; fail when it takes too long."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came"
        time.sleep(POLL_SECONDS)


class Product:
    """One installation; `start` and `stop` as often as a test likes, on the same data."""

    def __init__(self, var: Path, **settings: str) -> None:
        self.var = var
        self.port, self.live_port = free_port(), free_port()
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the supervisor showed at its terminal."""
        return (self.var / "terminal.txt").read_text(errors="replace")

    def start(self) -> None:
        """Start the supervisor; it dies with the test run, and everything else with it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_NAMES)} | {
            "QUARTERDECK_VAR": str(self.var),
            "PORT": str(self.port),
            "LIVE_PORT": str(self.live_port),
            "DJANGO_SETTINGS_MODULE": "controlplane.settings.dev",
            **self.settings,
        }
        argv = (sys.executable, "-m", "controlplane.supervisor", "run")
        with (self.var / "terminal.txt").open("ab") as output:
            self.process = spawn(Command("supervisor", argv, environment, ROOT), output)

    def stop(self) -> int:
        """End it in good order; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)

    @property
    def children(self) -> dict[str, dict[str, Any]]:
        """What the supervisor wrote of its children, by name; empty while nothing runs."""
        try:
            record = json.loads((self.var / "run" / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return dict(record["children"])

    def pid(self, name: str) -> int:
        """The process id of a child that runs; waits while it is being started again."""
        until(lambda: self.children.get(name, {}).get("pid") is not None)
        return int(self.children[name]["pid"])

    def is_running(self, name: str, *, instead_of: int) -> bool:
        """Whether a child runs again under another process id."""
        pid = self.children.get(name, {}).get("pid")
        return pid not in (None, instead_of) and is_alive(pid)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which commands join the running installation."""
        return dict(json.loads((self.var / "run" / "environment.json").read_text()))

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for(self, condition: Callable[[], bool], what: str, *, seconds_max: float = WAIT_SECONDS_MAX) -> None:
        """Wait for something; fail with what the product showed when it does not come or the product ends."""
        try:
            until(self._unless_ended(condition), seconds_max=seconds_max)
        except AssertionError as error:
            raise AssertionError(f"{what}: did not come; the product said:\n{self.output[-4000:]}") from error

    def _unless_ended(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        def ask() -> bool:
            assert self.process is None or self.process.poll() is None, "the product ended"
            return condition()

        return ask

    def wait_ready(self, *, seconds_max: float = START_SECONDS_MAX) -> None:
        """Until /readyz answers 200."""
        self.wait_for(self.is_ready, "ready", seconds_max=seconds_max)

    def wait_seeded(self) -> None:
        """Until the demo is complete: its bots trade."""
        self.wait_for(self._is_seeded, "the demo", seconds_max=START_SECONDS_MAX)

    def _is_seeded(self) -> bool:
        seed = self.children.get("seed", {})
        assert seed.get("exit_code") in (None, 0), "seeding failed"
        return seed.get("exit_code") == 0

    def manage(self, *arguments: str) -> str:
        """Run a management command beside the product, as `make seed` does; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "controlplane.supervisor", "manage", *arguments],
            env={**os.environ, "QUARTERDECK_VAR": str(self.var)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the product's database by plain SQL; waits out a server that is being started again."""
        found: list[tuple[Any, ...]] = []

        def ask() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                with psycopg.connect(self.environment["DATABASE_READ_URL"], connect_timeout=5) as connection:
                    found[:] = connection.execute(query, values).fetchall()
                return True
            return False

        until(ask)
        return found

    def value(self, query: str, *values: Any) -> Any:
        """The one value that a query answers with."""
        return self.rows(query, *values)[0][0]

    def left_over(self, groups: list[int]) -> list[int]:
        """The processes of these groups that still live."""
        return [pid for group in groups for pid in group_members(group)]


@contextlib.contextmanager
def running_product(**settings: str) -> Iterator[Product]:
    """A product on a fresh folder, started and seeded with the demo; ended and removed afterwards.

    `settings` are environment variables of the product.
    """
    var = Path(tempfile.mkdtemp(prefix="quarterdeck-e2e-"))
    var.chmod(0o755)  # the servers run as another account when the tests run as root
    product = Product(var, **settings)
    try:
        product.start()
        product.wait_ready()
        product.wait_seeded()
        yield product
    finally:
        if product.process is not None and product.process.poll() is None:
            product.stop()
        shutil.rmtree(var, ignore_errors=True)
