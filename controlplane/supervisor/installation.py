"""One installation: its folders, ports, lock and the record of what runs."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controlplane.embedded import ports
from controlplane.embedded.secrets import write_privately

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000


class RefusedError(Exception):
    """The product cannot be started; the message is a sentence for a person."""


@dataclass
class Installation:
    """Where an installation keeps its files and which ports it serves."""

    var: Path
    port: int
    live_port: int
    _lock: int = field(default=-1, repr=False)

    @property
    def run_folder(self) -> Path:
        return self.var / "run"

    @property
    def state_file(self) -> Path:
        return self.run_folder / "state.json"

    @property
    def environment_file(self) -> Path:
        return self.run_folder / "environment.json"

    @property
    def pid_file(self) -> Path:
        return self.run_folder / "supervisor.pid"

    def take(self) -> None:
        """Become the one supervisor of this installation; the claim ends with this process."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.pid_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise RefusedError(self._already_running()) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._lock = handle

    def running_pid(self) -> int | None:
        """The process id of the supervisor that holds this installation, if one does."""
        try:
            handle = os.open(self.pid_file, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.pread(handle, 32, 0) or 0) or None
        finally:
            os.close(handle)
        return None

    def check_ports(self) -> None:
        """Refuse, with what to do about it, when another program serves one of our ports."""
        for port in (self.port, self.live_port):
            if not ports.is_free(port):
                raise RefusedError(
                    f"Port {port} is already in use by another program. "
                    f"End that program, or choose another port: make run PORT={self.port + 100}"
                )

    def write_state(self, children: Mapping[str, Mapping[str, Any]], *, ready: bool) -> None:
        """Record what runs, for `make stop`, tests and people."""
        state = {
            "pid": os.getpid(),
            "port": self.port,
            "live_port": self.live_port,
            "ready": ready,
            "written_at": time.time(),
            "children": children,
        }
        write_privately(self.state_file, json.dumps(state, indent=1))

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Keep the variables with which commands can join the running installation."""
        write_privately(self.environment_file, json.dumps(dict(environment), indent=1))

    def clear(self) -> None:
        """Remove the record: nothing runs any more."""
        self.state_file.unlink(missing_ok=True)
        self.environment_file.unlink(missing_ok=True)

    def _already_running(self) -> str:
        pid = self.running_pid()
        try:
            port = json.loads(self.state_file.read_text())["port"]
        except (OSError, ValueError, KeyError):
            port = self.port
        return f"Quarterdeck already runs here (pid {pid}, http://127.0.0.1:{port}/). Stop it with: make stop"


def from_environment(environment: Mapping[str, str]) -> Installation:
    """The installation that PORT, LIVE_PORT and QUARTERDECK_VAR describe."""
    port = _port(environment, "PORT", DEFAULT_PORT)
    live_port = _port(environment, "LIVE_PORT", port + 1)
    if port == live_port:
        raise RefusedError(f"PORT and LIVE_PORT are both {port}; they must differ.")
    return Installation(Path(environment.get("QUARTERDECK_VAR") or ROOT / "var").resolve(), port, live_port)


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise RefusedError(f"{name}={text} is not a port number (1 to 65535).")
    return int(text)
