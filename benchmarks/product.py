"""What benchmarks run against: durable embedded servers of their own, and a fresh database."""

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg

from benchmarks.measuring import say
from controlplane.embedded.servers import embedded_servers
from controlplane.supervisor.installation import ROOT

VAR = ROOT / "var" / "bench"
DATABASE = "quarterdeck_bench"
URL_NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READ_URL")
SETTINGS = "controlplane.settings.dev"


@dataclass(slots=True)
class Bench:
    """One run of the benchmarks: its seed, and what was started for it, ended with `stack`."""

    stack: contextlib.ExitStack
    seed: int
    _environment: dict[str, str] = field(default_factory=dict)
    _folder: Path | None = None

    def folder(self) -> Path:
        """A scratch folder that every account may enter, removed at the end."""
        if self._folder is None:
            self._folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="quarterdeck-bench-")))
            self._folder.chmod(0o755)
        return self._folder

    def product(self) -> dict[str, str]:
        """Start servers, make the database anew and set Django up, once; the product's environment."""
        if not self._environment:
            say("product: PostgreSQL and Redis of the benchmarks start")
            found = self.stack.enter_context(embedded_servers(VAR))
            self._environment = found | {name: _renamed(found[name]) for name in URL_NAMES}
            self._environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
            self._environment["LOG_LEVEL"] = "ERROR"
            _make_database(found["DATABASE_OWNER_URL"], self._environment)
            os.environ.update(self._environment)
            django.setup()
        return self._environment


def _renamed(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}"))


def _make_database(owner_url: str, environment: dict[str, str]) -> None:
    say("product: migrating a fresh database")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "provision", "-v0"],
        env=os.environ | environment | {"DATABASE_URL": environment["DATABASE_OWNER_URL"]},
        stdout=subprocess.DEVNULL,
        check=True,
    )
