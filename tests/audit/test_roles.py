"""What the read role sees, and what `provision` sets."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from apps.audit.kinds import HISTORY, kind_of
from apps.audit.provisioning import SECRET_TABLES
from tests.databases import ROOT, url_of


def test_the_read_role_reads_history_and_records(reader: psycopg.Connection) -> None:
    reader.execute("SELECT * FROM audit_record")
    for model in apps.get_models():
        if kind_of(model) == HISTORY:
            reader.execute(f"SELECT * FROM {model.history.model._meta.db_table}")


@pytest.mark.parametrize("table", sorted(SECRET_TABLES))
def test_the_read_role_sees_no_secret(reader: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO access_role (name, permissions) VALUES ('planted', '[]')",
        "UPDATE bots_bot SET stage = 'live'",
        "DELETE FROM audit_record",
        "CREATE TABLE public.planted (id int)",
    ],
)
def test_the_read_role_writes_nothing(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute(statement)
    reader.rollback()

    reader.execute("SET TRANSACTION READ WRITE")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


def test_provision_refuses_the_application_role(db: None) -> None:
    with pytest.raises(CommandError, match="needs the owner role"):
        call_command("provision")


def test_provisioning_again_is_harmless_and_takes_back_what_was_granted_by_hand(committed_db: str) -> None:
    url = url_of(committed_db, "DATABASE_OWNER_URL")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("INSERT INTO access_role (name, permissions) VALUES ('kept', '[]')")
        owner.execute("GRANT UPDATE, DELETE ON audit_record TO quarterdeck_app")
        owner.execute("GRANT SELECT ON access_user TO quarterdeck_read")

    command = [sys.executable, str(ROOT / "manage.py"), "provision", "-v0"]
    subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=True, capture_output=True)

    with psycopg.connect(url) as owner:
        granted = owner.execute(
            "SELECT has_table_privilege('quarterdeck_app', 'audit_record', 'UPDATE'),"
            " has_table_privilege('quarterdeck_read', 'access_user', 'SELECT'),"
            " (SELECT count(*) FROM access_role WHERE name = 'kept')"
        ).fetchone()
    assert granted == (False, False, 1)
