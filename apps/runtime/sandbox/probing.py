"""Whether the sandbox holds on this machine: found out by a bot that attacks it."""

import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from quarterdeck.events import Bar, Inputs, Instrument

from apps.runtime.host import BotError, BotProcess
from apps.runtime.sandbox.limits import SandboxLimits, SandboxReport

PROBE_DIR = Path(__file__).resolve().parent / "probe"
PROJECT_DIR = Path(__file__).resolve().parents[3]
PLANTED = "planted-by-the-probe"
_ONE = Decimal(1)
_INSTRUMENT = Instrument("PROBE", _ONE, _ONE, _ONE)
_BAR = Bar("PROBE", 0, 3_600_000, _ONE, _ONE, _ONE, _ONE, _ONE)
_LIMITS = SandboxLimits()


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Passed means that every attack was tried and refused and that no wall is missing."""

    passed: bool
    leaks: list[str]
    blocked: list[str]
    report: SandboxReport


def capabilities() -> SandboxReport:
    """Which walls stand on this machine: starts a child that raises them and reports."""
    process = BotProcess(
        PROBE_DIR, parameters={}, instruments=[_INSTRUMENT], checkpoint=None, seed=0, limits=_LIMITS, is_probe=True
    )
    with process:
        return process.report


def probe(extra_secrets: tuple[Path, ...] = (), extra_sockets: tuple[Path, ...] = ()) -> ProbeResult:
    """Attack the sandbox; never raises: a sandbox that cannot even start has not passed.

    extra_secrets and extra_sockets are files and unix sockets of this installation that no bot may open,
    such as the secrets folder's files and the database's socket.
    """
    with _targets(extra_secrets, extra_sockets) as parameters:
        process = BotProcess(
            PROBE_DIR,
            parameters=parameters,
            instruments=[_INSTRUMENT],
            checkpoint=None,
            seed=0,
            limits=_LIMITS,
            is_probe=True,
        )
        try:
            with process:
                outcomes = _outcomes(process.feed([_BAR]).inputs)
        except BotError as error:
            reason = f"not started: {error} {error.context.get('stderr', '')}"[:500]
            return ProbeResult(False, [reason], [], process.report)
        leaks = [name for name, outcome in outcomes.items() if not outcome.startswith("blocked")]
        leaks += _remove_planted([*parameters["writable_folders"], str(PROBE_DIR)])
        leaks += [f"no wall: {name}" for name in process.report.missing()]
    if os.geteuid() == 0 and not process.report.uid:
        leaks.append("no wall: uid")
    blocked = [f"{name}: {outcome}" for name, outcome in outcomes.items() if outcome.startswith("blocked")]
    return ProbeResult(bool(blocked) and not leaks, leaks, blocked, process.report)


@contextmanager
def _targets(extra_secrets: tuple[Path, ...], extra_sockets: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    """Things worth attacking that are surely there: a secret, listening sockets, a folder open to all."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quarterdeck-probe-")))
        folder.chmod(0o777)
        secret = folder / "secret"
        secret.write_text("nobody but the worker reads this")
        secret.chmod(0o644)
        unix = stack.enter_context(_listening(socket.AF_UNIX, str(folder / "socket")))
        os.chmod(unix.getsockname(), 0o777)
        name = f"quarterdeck-probe-{os.getpid()}"
        stack.enter_context(_listening(socket.AF_UNIX, "\0" + name))
        tcp = stack.enter_context(_listening(socket.AF_INET, ("127.0.0.1", 0)))
        secrets = [secret, Path("/etc/passwd"), PROJECT_DIR / "manage.py", Path(__file__), *extra_secrets]
        yield {
            "unix_sockets": [str(folder / "socket"), *map(str, extra_sockets)],
            "tcp_host": "127.0.0.1",
            "tcp_port": tcp.getsockname()[1],
            "abstract_socket": name,
            "secret_files": [str(path) for path in secrets if path.exists()],
            "writable_folders": [str(folder), tempfile.gettempdir(), "/dev/shm"],
            "parent_pid": os.getpid(),
            "memory_bytes": 4 * _LIMITS.memory_bytes_max,
        }


@contextmanager
def _listening(family: socket.AddressFamily, address: Any) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()
        yield server


def _remove_planted(folders: Iterable[str]) -> list[str]:
    """Where the probe managed to write; what it left there is removed."""
    leaks = []
    for folder in folders:
        path = Path(folder) / PLANTED
        if path.exists():
            leaks.append(f"planted in {folder}")
            path.unlink()
    return leaks


def _outcomes(notes: tuple[Inputs, ...]) -> dict[str, str]:
    return {name: outcome for note in notes for name, outcome in note.values.items()}
