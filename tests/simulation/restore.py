"""Putting a whole database back as it was, quickly: only what the last seed touched, by the owner."""

from dataclasses import dataclass, field

import psycopg
from django.db import connection

from apps.audit.triggers import APP_ROLE
from tests import databases

COPIES = "simulation_base"
VACUUM_EVERY = 25
TABLES = """
    SELECT c.relname, k.attname,
           (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
    FROM pg_class c
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname
"""
# A partition's changes are its table's.
COUNTS = """
    SELECT r.relname, sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del)
    FROM pg_stat_user_tables s
    JOIN pg_class r ON r.oid = coalesce(pg_partition_root(s.relid), s.relid)
    WHERE s.schemaname = 'public' GROUP BY r.relname
"""
GUARDS = """
    SELECT tgname, tgrelid::regclass::text FROM pg_trigger
    WHERE tgname LIKE 'append\\_only\\_%' AND tgparentid = 0
"""
# Which scopes concern what a bot does on an account, from the tree itself.
COVERS = f"""
    CREATE TABLE {COPIES}.covers AS
    SELECT DISTINCT d.bot_id, d.account_id, s.id AS scope_id
    FROM deployments_deployment d
    JOIN bots_bot b ON b.id = d.bot_id
    JOIN venues_account a ON a.id = d.account_id
    JOIN venues_venue v ON v.id = a.venue_id
    JOIN markets_instrument i ON i.id = d.instrument_id
    JOIN access_scope s ON s.id IN (v.scope_id, i.scope_id) OR EXISTS (
        SELECT 1 FROM access_scope x WHERE x.id IN (b.scope_id, a.scope_id) AND x.path LIKE s.path || '%'
    );
    GRANT USAGE ON SCHEMA {COPIES} TO {APP_ROLE};
    GRANT SELECT ON {COPIES}.covers TO {APP_ROLE}
"""


@dataclass
class Keeper:
    """Knows the first state of the database that Django points at; `restore` brings it back.

    The guards of append-only tables are taken away from the tables here (privileges still keep the product
    from changing them): nothing else could be undone.
    """

    owner: psycopg.Connection
    columns: dict[str, tuple[str, list[str]]]
    kept: set[str]
    counts: dict[str, int] = field(default_factory=dict)
    restored: int = 0

    @classmethod
    def remember(cls) -> "Keeper":
        """Copy every table that has rows."""
        name = connection.settings_dict["NAME"]
        owner = psycopg.connect(databases.url_of(name, "DATABASE_OWNER_URL"), autocommit=True)
        owner.execute("SET client_min_messages = error")
        columns = {table: (key, names) for table, key, names in owner.execute(TABLES).fetchall()}
        for trigger, table in owner.execute(GUARDS).fetchall():
            owner.execute(f"DROP TRIGGER {trigger} ON {table}")
        owner.execute(f"CREATE SCHEMA {COPIES}")
        kept = {table for table in columns if owner.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone()}
        for table in sorted(kept):
            owner.execute(f'CREATE TABLE {COPIES}."{table}" AS TABLE "{table}"')
        owner.execute(COVERS)
        keeper = cls(owner, columns, kept)
        keeper.counts = keeper._counted()
        return keeper

    def restore(self) -> None:
        """Bring the first state back."""
        before, now = self.counts, self._counted()
        touched = [table for table in self.columns if now.get(table, 0) != before.get(table, 0)]
        with self.owner.transaction():
            # The histories last: what is undone in other tables writes some more of them.
            for table in sorted(touched, key=lambda name: "_historical" in name):
                self._restore(table)
            for table in [name for name in self.columns if "_historical" in name and name not in touched]:
                if table.replace("_historical", "_") in touched:
                    self._restore(table)
        self.restored += 1
        if self.restored % VACUUM_EVERY == 0:
            self.owner.execute("VACUUM")
        self.counts = self._counted()

    def _restore(self, table: str) -> None:
        if table not in self.kept:
            self.owner.execute(f'DELETE FROM "{table}"')
            return
        key, names = self.columns[table]
        copy, mine = f'{COPIES}."{table}"', ", ".join(names)
        theirs = ", ".join(f"c.{name}" for name in names)
        gone = f"WHERE NOT EXISTS (SELECT 1 FROM {copy} c WHERE c.{key} = t.{key})"
        lost = f'WHERE NOT EXISTS (SELECT 1 FROM "{table}" t WHERE t.{key} = c.{key})'
        other = f"WHERE c.{key} = t.{key} AND t.*::text IS DISTINCT FROM c.*::text"
        self.owner.execute(f'DELETE FROM "{table}" t {gone}')
        self.owner.execute(f'UPDATE "{table}" t SET ({mine}) = ROW({theirs}) FROM {copy} c {other}')
        self.owner.execute(f'INSERT INTO "{table}" ({mine}) SELECT {theirs} FROM {copy} c {lost}')

    def _counted(self) -> dict[str, int]:
        """How often each table was written to so far, the last statement included."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
        self.owner.execute("SELECT pg_stat_force_next_flush()")
        return {table: int(count) for table, count in self.owner.execute(COUNTS).fetchall()}

    def close(self) -> None:
        """End the owner's connection."""
        self.owner.close()
