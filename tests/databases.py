"""Databases for tests: one template, made once per state of the code, and quick clones of it."""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connections

ROOT = Path(__file__).resolve().parent.parent


def url_of(name: str, variable: str = "DATABASE_URL") -> str:
    """The address of database `name` for the role of `variable`."""
    return urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{name}"))


def owner(sql: str, database: str = "quarterdeck") -> None:
    """Run a statement as the owner."""
    with psycopg.connect(url_of(database, "DATABASE_OWNER_URL"), autocommit=True) as connection:
        connection.execute(sql)


def template() -> str:
    """The name of a migrated, provisioned template database for the code as it is; made when missing."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "apps").rglob("*.py")):
        if "migrations" in path.parts or path.parts[-2] == "audit":
            digest.update(path.read_bytes())
    name = f"qd_template_{digest.hexdigest()[:16]}"
    lock = Path(os.environ["QUARTERDECK_VAR"]) / "template.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not _exists(name):
            _make(name)
    return name


def _exists(name: str) -> bool:
    with psycopg.connect(url_of("quarterdeck", "DATABASE_OWNER_URL"), autocommit=True) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())


def _make(name: str) -> None:
    raw = f"{name}_raw"
    owner(f"DROP DATABASE IF EXISTS {raw} WITH (FORCE)")
    owner(f"CREATE DATABASE {raw}")
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "provision", "-v0"],
        env=os.environ | {"DATABASE_URL": url_of(raw, "DATABASE_OWNER_URL")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    owner(f"ALTER DATABASE {raw} RENAME TO {name}")


def drop(name: str) -> None:
    """Drop a database; a superuser's background worker in it goes away by itself, so it is tried again."""
    for attempt in range(20):
        try:
            owner(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            return
        except psycopg.errors.InsufficientPrivilege:
            if attempt == 19:
                raise
            time.sleep(0.25)


def clone(name: str) -> None:
    """Make database `name` anew from the template."""
    drop(name)
    owner(f"CREATE DATABASE {name} TEMPLATE {template()}")


def point_django_at(name: str) -> None:
    """Make every new connection of this process use database `name`."""
    connections.close_all()
    connections.databases["default"]["NAME"] = name
    connections["default"].settings_dict["NAME"] = name


@contextmanager
def cloned() -> Iterator[str]:
    """A database of its own, with Django pointed at it; dropped afterwards."""
    before = connections["default"].settings_dict["NAME"]
    name = f"qd_case_{uuid.uuid4().hex[:12]}"
    clone(name)
    point_django_at(name)
    try:
        yield name
    finally:
        point_django_at(before)
        drop(name)
