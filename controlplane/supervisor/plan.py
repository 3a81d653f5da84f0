"""Which processes make up the product, and how each one is started."""

import sys
from collections.abc import Mapping

from controlplane.embedded.ports import LOOPBACK
from controlplane.processes import Command
from controlplane.supervisor.installation import ROOT, Installation

WEB_WORKERS = 2
WEB_THREADS = 8
QUEUES = {"orders": 2, "cycles": 1, "gates": 1, "default": 1}  # queue -> pool processes
OWNER_ONLY = ("DATABASE_OWNER_URL",)


def product(installation: Installation, environment: Mapping[str, str]) -> list[Command]:
    """Web, live, one worker a queue, and beat."""
    workers = [_worker(queue, size, environment) for queue, size in QUEUES.items()]
    return [
        _web(installation, environment),
        _live(installation, environment),
        *workers,
        _beat(installation, environment),
    ]


def provision(environment: Mapping[str, str]) -> Command:
    """Migrates and grants, as the owner of the database."""
    as_owner = dict(environment) | {"DATABASE_URL": environment["DATABASE_OWNER_URL"]}
    argv = (sys.executable, "manage.py", "provision")
    return Command("provision", argv, as_owner | {"QUARTERDECK_PROCESS": "provision"}, ROOT)


def seed(environment: Mapping[str, str]) -> Command:
    """Fills an empty database with the demo, by the same paths that people use."""
    return _python("seed", ("manage.py", "seed_demo", "--if-empty"), environment)


def served(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what only the owner of the database may have."""
    return {name: value for name, value in environment.items() if name not in OWNER_ONLY}


def _web(installation: Installation, environment: Mapping[str, str]) -> Command:
    arguments = (
        *("-m", "granian", "--interface", "wsgi", "--host", LOOPBACK, "--port", str(installation.port)),
        *("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS)),
        *("--http", "1", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5"),
        "controlplane.wsgi:application",
    )
    return _python("web", arguments, environment, port=installation.port)


def _live(installation: Installation, environment: Mapping[str, str]) -> Command:
    arguments = (
        *("-m", "uvicorn", "--host", LOOPBACK, "--port", str(installation.live_port)),
        *("--log-level", "warning", "--timeout-graceful-shutdown", "3"),
        "controlplane.asgi:application",
    )
    return _python("live", arguments, environment, port=installation.live_port)


def _worker(queue: str, processes: int, environment: Mapping[str, str]) -> Command:
    arguments = (
        *("-m", "celery", "-A", "controlplane", "--quiet", "worker", "-Q", queue, "-n", f"{queue}@%h"),
        *("--pool", "prefork", "-c", str(processes), "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    return _python(f"worker-{queue}", arguments, environment)


def _beat(installation: Installation, environment: Mapping[str, str]) -> Command:
    schedule = installation.run_folder / "beat-schedule"
    arguments = ("-m", "celery", "-A", "controlplane", "--quiet", "beat", "--loglevel", "WARNING")
    return _python("beat", (*arguments, "--schedule", str(schedule)), environment)


def _python(
    name: str, arguments: tuple[str, ...], environment: Mapping[str, str], *, port: int | None = None
) -> Command:
    own = served(environment) | {"QUARTERDECK_PROCESS": name}
    return Command(name, (sys.executable, *arguments), own, ROOT, port=port)
