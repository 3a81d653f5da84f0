"""Facts stay: by missing privileges for the application, by triggers for the owner, on every partition."""

from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.utils import DatabaseError, ProgrammingError

from apps.access.models import Role
from apps.audit import provisioning
from apps.audit.context import acting
from apps.audit.kinds import APPEND_ONLY, HISTORY, kind_of
from apps.audit.models import Record
from apps.promotions.models import Policy
from tests.api.world import World

FACTS = sorted(model._meta.db_table for model in apps.get_models() if kind_of(model) == APPEND_ONLY)
STATEMENTS = {
    "UPDATE": "UPDATE {} SET id = id",
    "DELETE": "DELETE FROM {}",
    "TRUNCATE": "TRUNCATE {}",
}


def _rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _partitions(table: str) -> list[str]:
    return [
        name
        for (name,) in _rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", table)
    ]


@pytest.mark.parametrize("word", STATEMENTS)
def test_the_application_role_may_not_change_a_fact(world: World, word: str) -> None:
    for table in FACTS:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            _rows(STATEMENTS[word].format(table))


def test_the_application_role_has_no_right_on_any_partition(db: None) -> None:
    for table in FACTS:
        for partition in _partitions(table):
            rights = _rows("SELECT has_table_privilege(%s, 'INSERT, UPDATE, DELETE, TRUNCATE')", partition)
            assert rights == [(False,)], partition


@pytest.mark.parametrize("model", [Record, Policy])
@pytest.mark.parametrize("word", STATEMENTS)
def test_the_owner_is_stopped_by_a_trigger(owner: psycopg.Connection, model: Any, word: str) -> None:
    owner.execute(
        "INSERT INTO audit_record (act, actor, reason, object_kind, object_id, request_id)"
        " VALUES ('a', 'b', 'c', 'd', uuidv7(), '')"
    )
    owner.execute(
        "INSERT INTO promotions_policy (stage, environment, version, gates, slots) VALUES ('s', 'e', 1, '[]', '[]')"
    )

    with pytest.raises(psycopg.Error, match="the table is append-only"):
        owner.execute(STATEMENTS[word].format(model._meta.db_table) + " CASCADE" * (word == "TRUNCATE"))


@pytest.mark.parametrize("word", STATEMENTS)
def test_the_owner_cannot_change_history(owner: psycopg.Connection, word: str) -> None:
    owner.execute("INSERT INTO access_role (name, permissions) VALUES ('planted', '[]')")
    written = owner.execute("SELECT history_user_id FROM access_historicalrole WHERE name = 'planted'").fetchone()
    assert written == ("db:quarterdeck_owner",)

    with pytest.raises(psycopg.Error, match="the table is append-only"):
        owner.execute(STATEMENTS[word].format("access_historicalrole"))


def test_every_fact_and_every_partition_has_both_guards_always_on(db: None) -> None:
    for table in FACTS:
        for name in [table, *_partitions(table)]:
            guards = _rows(
                "SELECT tgname, tgenabled::text FROM pg_trigger"
                " WHERE tgrelid = %s::regclass AND tgname LIKE 'append_only_%%' ORDER BY 1",
                name,
            )
            assert guards == [("append_only_rows", "A"), ("append_only_table", "A")], name


def test_the_owner_cannot_empty_one_partition(owner: psycopg.Connection) -> None:
    for name in _partitions("audit_record"):
        with pytest.raises(psycopg.Error, match="the table is append-only"), owner.transaction():
            owner.execute(f"TRUNCATE {name}")


def test_no_role_of_ours_may_switch_triggers_off(owner: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("SET session_replication_role = replica")
    for statement in (
        "SET session_replication_role = replica",
        "SET ROLE quarterdeck_owner",
        "ALTER TABLE access_role DISABLE TRIGGER ALL",
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
            _rows(statement)


def test_the_trigger_librarys_own_switch_does_nothing(world: World) -> None:
    role = Role.objects.earliest("name")
    known = role.history.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'access_role'::regclass AND tgname ~ 'history'")
        cursor.execute(f"SET LOCAL pgtrigger.ignore = '{{{cursor.fetchone()[0]}}}'")

    with pytest.raises(DatabaseError, match="without an actor"), transaction.atomic():
        Role.objects.filter(pk=role.pk).update(name="renamed in silence")
    with acting("job:tests", "rename"):
        Role.objects.filter(pk=role.pk).update(name="renamed")

    assert role.history.count() == known + 1


def test_a_temporary_table_of_the_same_name_catches_no_history(world: World) -> None:
    role = Role.objects.earliest("name")
    known = _rows("SELECT count(*) FROM public.access_historicalrole")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE access_historicalrole (LIKE public.access_historicalrole)")

    with acting("job:tests", "rename"):
        Role.objects.filter(pk=role.pk).update(name="renamed")

    assert _rows("SELECT count(*) FROM public.access_historicalrole") == [(known[0][0] + 1,)]
    assert _rows("SELECT count(*) FROM pg_temp.access_historicalrole") == [(0,)]


def test_the_application_role_can_make_nothing_that_stands_in_the_way(db: None) -> None:
    for statement in ("CREATE SCHEMA planted", "CREATE TABLE public.planted (id int)", "DROP TABLE audit_record"):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
            _rows(statement)


def test_history_and_records_have_a_default_and_the_coming_months(db: None) -> None:
    partitioned = [model for model in apps.get_models() if provisioning.is_partitioned(model)]
    assert len(partitioned) == 1 + sum(kind_of(model) == HISTORY for model in apps.get_models())

    for model in partitioned:
        found = _partitions(model._meta.db_table)
        assert f"{model._meta.db_table}_default" in found
        assert len(found) >= 1 + provisioning.MONTHS_AHEAD, model._meta.label


def test_a_row_of_a_coming_month_lands_in_that_months_partition(owner: psycopg.Connection) -> None:
    month = provisioning._month(provisioning.wall_now(), 1)
    owner.execute(
        "INSERT INTO audit_record (id, act, actor, reason, object_kind, object_id, request_id)"
        " VALUES (%s, 'a', 'b', 'c', 'd', uuidv7(), '')",
        [provisioning._first_id(month)],
    )

    home = owner.execute("SELECT tableoid::regclass::text FROM audit_record WHERE actor = 'b'").fetchone()

    assert home == (f"audit_record_{month:%Y%m}",)


def test_the_application_role_cannot_forge_history(db: None) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        _rows(
            "INSERT INTO access_historicalrole (id, created_at, name, permissions, history_id, history_date,"
            " history_type, history_change_reason, history_user_id, request_id)"
            " VALUES (uuidv7(), now(), 'x', '[]', uuidv7(), now(), '+', '', 'user:x', '')"
        )

    assert not Role.history.exists()
