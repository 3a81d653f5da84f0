"""Both embedded servers together, for as long as a block of code runs (the test suite, benchmarks)."""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from controlplane.embedded import postgres, redis, secrets
from controlplane.embedded.errors import EmbeddedServerError
from controlplane.processes import Command, signal_group, spawn

STOP_SECONDS_MAX = 20.0


@contextlib.contextmanager
def embedded_servers(folder: Path, *, fast: bool = False) -> Iterator[dict[str, str]]:
    """Run PostgreSQL and Redis on `folder`; yield the environment that product processes need.

    The data stays and is found again next time. `fast` gives up durability: for tests only. Call it
    from the main thread. Raises EmbeddedServerError when a server cannot start or the folder is in use.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder), contextlib.ExitStack() as stack:
        known = secrets.load_or_create(folder)
        cluster = postgres.prepare_cluster(folder, fast=fast)
        cache = redis.prepare_redis(folder, known["redis"])
        cluster_process = stack.enter_context(running(cluster.command(), folder))
        cache_process = stack.enter_context(running(cache.command(), folder))
        postgres.wait_until_ready(cluster, cluster_process)
        postgres.bootstrap(cluster, known)
        redis.wait_until_ready(cache, cache_process)
        yield environment(folder, known, cluster, cache)


def environment(
    folder: Path, known: dict[str, str], cluster: postgres.PostgresCluster, cache: redis.RedisServer
) -> dict[str, str]:
    """The variables by which the product finds these servers and its own secrets."""
    return database_environment(known, cluster) | {
        "REDIS_URL": cache.url,
        "QUARTERDECK_SECRET_KEY": known["django"],
        "QUARTERDECK_VAR": str(folder),
    }


def database_environment(known: dict[str, str], cluster: postgres.PostgresCluster) -> dict[str, str]:
    """The three addresses of the database, one a role."""
    names = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner", "DATABASE_READ_URL": "read"}
    return {
        name: cluster.url_for(f"quarterdeck_{role}", postgres.DATABASE, known[role]) for name, role in names.items()
    }


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder against a second owner; the hold ends with this process, however it ends."""
    handle = os.open(folder / "embedded.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedServerError(f"Another process runs the embedded servers of {folder}.") from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def running(command: Command, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Keep one server running; its output goes to log/<name>.log, written anew each time."""
    log = folder / "log" / f"{command.name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = spawn(command, output)
    try:
        yield process
    finally:
        process.send_signal(command.stop_signal)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, command.orphan_signal)
            process.wait()
