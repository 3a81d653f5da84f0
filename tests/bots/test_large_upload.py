"""A 200 MB artifact through the real web server: it arrives, and the server's memory stays flat."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from quarterdeck.sign import sign

from apps.access import services as access
from controlplane.embedded.ports import free_port
from tests import databases
from tests.bots.archives import BOT_TOML, FILES
from tests.builders import BY, GIT_SHA, Team
from tests.e2e.faults import descendants
from tests.e2e.product import until

MEBIBYTE = 1_048_576
NOISE_MIB = 199
GROWTH_MIB_MAX = 64


@dataclass
class Server:
    """The web server: its process and its address."""

    pid: int
    url: str


@pytest.fixture
def server(committed_team: Team, committed_db: str, tmp_path: Path) -> Iterator[Server]:
    """The product's web process on the test's database."""
    port = free_port()
    arguments = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--no-ws")
    environment = os.environ | {
        "DATABASE_URL": databases.url_of(committed_db),
        "QUARTERDECK_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings.test",
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "granian", *arguments, "--blocking-threads", "2", "controlplane.wsgi:application"]
    process = subprocess.Popen(command, env=environment, cwd=databases.ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: is_up(url))
        yield Server(process.pid, url)
    finally:
        process.terminate()
        process.wait(20)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def peak_mib(server: Server) -> float:
    """The highest memory that any process of the server has had so far."""
    family = [server.pid, *(child.pid for child in descendants(server.pid))]
    lines = [line for pid in family for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def large_artifact(team: Team, path: Path) -> str:
    """Write an artifact of some 199 MiB that packs no tighter; its digest."""
    block = os.urandom(MEBIBYTE)
    files = FILES | {"bot.toml": BOT_TOML.replace("test-bot", team.bot.name)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        with archive.open("weights.bin", "w") as out:
            for _ in range(NOISE_MIB):
                out.write(block)
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def ci_token(team: Team) -> str:
    account = access.make_service_account(username="ci-alpha", display_name="CI", **BY)
    access.grant_role(user=account, role="ci", scope=team.desk.scope, **BY)
    permissions = ["view_scope", "build"]
    return access.make_token(user=account, name="ci", permissions=permissions, expires_in_h=1, **BY)[1]


def test_a_large_artifact_arrives_and_memory_stays_flat(committed_team: Team, server: Server, tmp_path: Path) -> None:
    team, path = committed_team, tmp_path / "large.zip"
    sha256 = large_artifact(team, path)
    fields = {"bot": team.bot.name, "git_sha": GIT_SHA, "artifact_sha256": sha256}
    fields |= sign(team.key, artifact_sha256=sha256, name=team.bot.name, version="1.2.3", git_sha=GIT_SHA)
    headers = {"Authorization": f"Bearer {ci_token(team)}", "Idempotency-Key": "one-large-upload"}
    bots_url, codes_url = f"{server.url}/api/v1/bots/", f"{server.url}/api/v1/code-versions/"
    assert httpx.get(bots_url, headers=headers, timeout=30).status_code == 200
    before = peak_mib(server)

    with path.open("rb") as handle:
        files = {"artifact": ("bot.zip", handle, "application/zip")}
        answer = httpx.post(codes_url, data=fields, files=files, headers=headers, timeout=120)

    assert answer.status_code == 201, answer.text
    assert answer.json()["artifact_bytes"] == path.stat().st_size
    growth = peak_mib(server) - before
    print(f"memory of the server: {before:.0f} MiB at first, {growth:.1f} MiB more at its peak")
    assert growth <= GROWTH_MIB_MAX
