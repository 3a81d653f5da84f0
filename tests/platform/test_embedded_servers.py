"""The embedded servers: rights of the roles, starting again on the same data, never left behind."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import errors
from redis.backoff import NoBackoff
from redis.retry import Retry

from controlplane.embedded.errors import EmbeddedServerError
from controlplane.embedded.servers import embedded_servers
from controlplane.supervisor.installation import ROOT
from tests.platform.running import is_alive, wait_for


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="quarterdeck-test-", dir="/var/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[dict[str, str]]:
    with embedded_servers(folder / "shared", fast=True) as environment:
        yield environment


def test_server_is_postgresql_18(servers: dict[str, str]) -> None:
    assert int(_ask(servers["DATABASE_URL"], "SHOW server_version_num")) // 10_000 == 18


@pytest.mark.parametrize(
    ("name", "role", "may_create_databases"),
    [
        ("DATABASE_OWNER_URL", "quarterdeck_owner", True),
        ("DATABASE_URL", "quarterdeck_app", False),
        ("DATABASE_READ_URL", "quarterdeck_read", False),
    ],
)
def test_role_has_no_more_than_its_stated_rights(
    servers: dict[str, str], name: str, role: str, may_create_databases: bool
) -> None:
    with psycopg.connect(servers[name]) as connection:
        found = connection.execute(
            "SELECT rolname, rolcreatedb, rolsuper, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert found == (role, may_create_databases, False, False, False, False)


def test_owner_owns_the_database(servers: dict[str, str]) -> None:
    owner = _ask(
        servers["DATABASE_OWNER_URL"],
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()",
    )
    assert owner == "quarterdeck_owner"


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_READ_URL"])
def test_other_roles_cannot_create_tables(servers: dict[str, str], name: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        _ask(servers[name], "CREATE TABLE intruder (id int)")
    assert _ask(servers["DATABASE_OWNER_URL"], "SELECT to_regclass('intruder')") is None


def test_wrong_password_is_refused(servers: dict[str, str]) -> None:
    intruder = psycopg.conninfo.make_conninfo(servers["DATABASE_URL"], password="guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(intruder)


def test_redis_wants_its_password(servers: dict[str, str]) -> None:
    address = redis.connection.parse_url(servers["REDIS_URL"])
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host=address["host"], port=address["port"], retry=Retry(NoBackoff(), 0)).ping()
    assert redis.Redis.from_url(servers["REDIS_URL"]).ping()


def test_redis_writes_nothing_to_disk(servers: dict[str, str]) -> None:
    client = redis.Redis.from_url(servers["REDIS_URL"])
    assert client.config_get("save", "appendonly") == {"save": "", "appendonly": "no"}


def test_servers_do_not_run_as_root(folder: Path, servers: dict[str, str]) -> None:
    assert os.stat(f"/proc/{_postmaster_pid(folder / 'shared')}").st_uid != 0


def test_secrets_and_data_are_private(folder: Path, servers: dict[str, str]) -> None:
    shared = folder / "shared"
    assert stat.S_IMODE((shared / "secrets" / "embedded.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((shared / "postgres").stat().st_mode) == 0o700


def test_passwords_are_not_on_any_command_line(folder: Path, servers: dict[str, str]) -> None:
    secrets = (folder / "shared" / "secrets" / "embedded.json").read_text().split('"')[3::4]
    lines = _command_lines()
    assert lines
    assert not [line for line in lines for secret in secrets if secret in line]


def test_second_owner_of_a_folder_is_refused(folder: Path, servers: dict[str, str]) -> None:
    with pytest.raises(EmbeddedServerError, match="Another process"), embedded_servers(folder / "shared"):
        pass
    assert _ask(servers["DATABASE_URL"], "SELECT 1") == 1


def test_data_is_found_again_and_servers_end_with_the_block(folder: Path) -> None:
    place = folder / "again"
    with embedded_servers(place, fast=True) as environment:
        _ask(environment["DATABASE_OWNER_URL"], "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = _postmaster_pid(place)
    assert not is_alive(pid)

    with embedded_servers(place, fast=True) as environment:
        assert _ask(environment["DATABASE_OWNER_URL"], "SELECT answer FROM kept") == 42


def test_servers_die_with_a_killed_owner_and_start_again_on_its_data(folder: Path) -> None:
    place = folder / "killed"
    pid = _run_and_kill_owner(place)
    wait_for(lambda: not is_alive(pid))

    with embedded_servers(place) as environment:
        assert _ask(environment["DATABASE_OWNER_URL"], "SELECT answer FROM kept") == 42


def test_pid_file_naming_another_program_is_not_believed(folder: Path) -> None:
    place = folder / "stale"
    with embedded_servers(place, fast=True):
        pass
    pid_file = place / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{place}\n")

    with embedded_servers(place, fast=True) as environment:
        assert _ask(environment["DATABASE_URL"], "SELECT 1") == 1


OWNER = """
import os, pathlib, psycopg, signal, sys
from controlplane.embedded.servers import embedded_servers
with embedded_servers(pathlib.Path(sys.argv[1])) as environment:
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _run_and_kill_owner(place: Path) -> int:
    ended = subprocess.run([sys.executable, "-c", OWNER, str(place)], cwd=ROOT, env=os.environ, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    log = (place / "log" / "postgres.log").read_text()
    return int(log.split("[", 1)[1].split("]", 1)[0])


def _ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def _postmaster_pid(place: Path) -> int:
    return int((place / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def _command_lines() -> list[str]:
    """Of every process; one that ends while we look has none any more."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if path.name.isdecimal() and is_alive(int(path.name)):
                found.append((path / "cmdline").read_bytes().decode(errors="replace"))
    return found
