"""Migration operations of the audit kinds: partitioned history, append-only tables."""

from typing import Any

from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation

REFUSE = """
CREATE OR REPLACE FUNCTION quarterdeck_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'QD002';
END $$;
"""


def guard(table: str) -> str:
    """SQL that refuses UPDATE, DELETE and TRUNCATE on `table`, whatever the session's settings."""
    return f"""
        CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON "{table}"
            FOR EACH ROW EXECUTE FUNCTION quarterdeck_append_only();
        ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER append_only_rows;
        CREATE TRIGGER append_only_table BEFORE TRUNCATE ON "{table}"
            FOR EACH STATEMENT EXECUTE FUNCTION quarterdeck_append_only();
        ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER append_only_table;
    """


class CreatePartitioned(CreateModel):
    """CreateModel for an append-only table partitioned by range of its UUIDv7 key."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the partitioned table, its default partition and its guards."""
        model = to_state.apps.get_model(app_label, self.name)
        table, key = model._meta.db_table, model._meta.pk.column
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = plain + f' PARTITION BY RANGE ("{key}")'
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
        schema_editor.execute(f'CREATE TABLE "{table}_default" PARTITION OF "{table}" DEFAULT')
        schema_editor.execute(REFUSE + guard(table), None)
        schema_editor.execute(
            f'CREATE TRIGGER append_only_table BEFORE TRUNCATE ON "{table}_default"'
            " FOR EACH STATEMENT EXECUTE FUNCTION quarterdeck_append_only()"
        )
        schema_editor.execute(f'ALTER TABLE "{table}_default" ENABLE ALWAYS TRIGGER append_only_table')


class AppendOnly(Operation):
    """Guards the table of an existing append-only model."""

    reversible = True

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No change of state: guards are invisible to the ORM."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Install the guards."""
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute(REFUSE + guard(table), None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the guards."""
        table = from_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute(f'DROP TRIGGER append_only_rows ON "{table}"')
        schema_editor.execute(f'DROP TRIGGER append_only_table ON "{table}"')

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Make {self.name} append-only"
