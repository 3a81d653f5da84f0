"""The product's web server as `make run` starts it, and the same server around the bare view."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from controlplane.embedded.ports import free_port
from controlplane.embedded.servers import running
from controlplane.processes import Command
from controlplane.supervisor import plan
from controlplane.supervisor.installation import Installation
from controlplane.supervisor.startup import ask

BARE = "benchmarks.bare:application"
BARE_TABLE = "bench_bare"
BARE_TABLE_SQL = f"""
    DROP TABLE IF EXISTS {BARE_TABLE};
    CREATE TABLE {BARE_TABLE} (id uuid PRIMARY KEY DEFAULT uuidv7(), body text NOT NULL);
    GRANT SELECT, INSERT ON {BARE_TABLE} TO quarterdeck_app;
"""
ANSWER_SECONDS_MAX = 60.0


def product_command(environment: Mapping[str, str], folder: Path) -> Command:
    """The web process of the supervisor's plan, on a free port."""
    installation = Installation(folder, free_port(), free_port())
    ports = {"PORT": str(installation.port), "LIVE_PORT": str(installation.live_port)}
    commands = plan.product(installation, {**os.environ, **environment, **ports})
    return next(command for command in commands if command.name == "web")


def bare_command(environment: Mapping[str, str], folder: Path) -> Command:
    """The same server with the same options, serving `benchmarks.bare`."""
    command = product_command(environment, folder)
    return replace(command, name="bare", argv=(*command.argv[:-1], BARE))


@contextlib.contextmanager
def serving(command: Command, folder: Path, path: str) -> Iterator[int]:
    """Run the server until the block ends; yields its port once `path` answers 200."""
    with running(command, folder) as process:
        assert command.port is not None
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while ask(command.port, path)[0] != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command.name} does not answer {path}; see log/{command.name}.log")
            time.sleep(0.02)
        yield command.port
