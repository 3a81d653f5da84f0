"""Privileges of the database roles and the partitions of history (design §3, §8)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.apps import apps
from django.db import models

from apps.audit.kinds import APPEND_ONLY, kind_of
from apps.audit.triggers import APP_ROLE
from apps.common.clocks import to_ms, wall_now

CACHE_TABLE = "quarterdeck_cache"  # settings.CACHES; Django's own table, without a model
READ_ROLE = "quarterdeck_read"
MONTHS_AHEAD = 3
# What a reader of the database must not see: password hashes, token digests, sessions, stored answers.
SECRET_TABLES = frozenset({"access_user", "access_token", "access_idempotencyrecord", "django_session"})

# pgtrigger lets any session switch its triggers off by a setting; history must not have such a switch.
NO_IGNORING = """
CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name NAME) RETURNS BOOLEAN
    LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""

# History is written with the owner's rights by the triggers alone: the application role cannot forge a row.
AS_OWNER = """
DO $$
DECLARE _function regprocedure;
BEGIN
    FOR _function IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'pgtrigger\\_history\\_%'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, public', _function);
    END LOOP;
END $$
"""


def statements() -> Iterator[str]:
    """The SQL that sets privileges and makes the coming months' partitions; repeatable."""
    yield NO_IGNORING
    yield AS_OWNER
    yield f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {READ_ROLE}"
    yield f"GRANT SELECT ON django_migrations TO {APP_ROLE}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {CACHE_TABLE} TO {APP_ROLE}"
    for model in apps.get_models(include_auto_created=True):
        yield from _grants(model)
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}"
    for model in apps.get_models():
        if is_partitioned(model):
            yield from _partitions(model._meta.db_table)


def is_partitioned(model: type[models.Model]) -> bool:
    """Whether the model's table is partitioned: history and the record of acts."""
    return model._meta.label == "audit.Record" or hasattr(model, "history_date")


def _grants(model: type[models.Model]) -> Iterator[str]:
    table = f'"{model._meta.db_table}"'
    rights = "SELECT, INSERT" if kind_of(model) == APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
    if hasattr(model, "history_date"):
        rights = "SELECT"
    yield f"REVOKE ALL ON {table} FROM {APP_ROLE}, {READ_ROLE}"
    yield f"GRANT {rights} ON {table} TO {APP_ROLE}"
    if model._meta.db_table not in SECRET_TABLES:
        yield f"GRANT SELECT ON {table} TO {READ_ROLE}"


def _partitions(table: str) -> Iterator[str]:
    now = wall_now()
    for ahead in range(1, MONTHS_AHEAD + 1):
        start, end = _month(now, ahead), _month(now, ahead + 1)
        name = f"{table}_{start:%Y%m}"
        yield (
            f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table}"'
            f" FOR VALUES FROM ('{_first_id(start)}') TO ('{_first_id(end)}')"
        )
        # Row triggers are inherited from the table; a trigger on TRUNCATE is each partition's own.
        yield (
            f'CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON "{name}"'
            " FOR EACH STATEMENT EXECUTE FUNCTION quarterdeck_append_only()"
        )
        yield f'ALTER TABLE "{name}" ENABLE ALWAYS TRIGGER append_only_table'


def _month(now: datetime, ahead: int) -> datetime:
    months = now.year * 12 + now.month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _first_id(moment: datetime) -> str:
    """The smallest UUIDv7 of that millisecond."""
    text = f"{to_ms(moment):012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"
