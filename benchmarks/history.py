"""An UPDATE of a tracked row, with actor, reason and history, against the same UPDATE on a bare copy."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
from django.db import connection, transaction

from apps.access.models import Firm
from apps.audit.context import acting
from apps.audit.triggers import history_table
from apps.console.demo import people
from apps.markets import services as markets
from apps.markets.models import Instrument
from benchmarks.lines import Line
from benchmarks.measuring import alternate, line, timed
from benchmarks.product import Bench

UPDATES = 1_000
RUNS = 7
SYMBOL = "HISTORY-USD"
COPY = "bench_instrument"
SAME = "the same transaction on a copy of the table without the trigger"
PLAIN = "the same UPDATE on that copy, without naming actor and reason"


def run(bench: Bench) -> Iterator[Line]:
    """Microseconds of one committed UPDATE by the application role: the trigger's share, then all that is asked."""
    environment = bench.product()
    table = Instrument._meta.db_table
    _make_row()
    with psycopg.connect(environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(_copy_sql(table))
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # waiting for the disk would hide what history costs
    ours = _updates(table, _acting)
    for name, reference, theirs in (
        ("history", SAME, _updates(COPY, _acting)),
        ("history.actor", PLAIN, _updates(COPY, transaction.atomic)),
    ):
        measured, bare = alternate(ours, theirs, runs=RUNS)
        yield line(name, "us", measured, reference, bare, goal="ratio <= 2", seed=bench.seed)
    _check_history()


def _acting() -> AbstractContextManager[object]:
    return acting("job:bench", "measured")


def _make_row() -> None:
    if not Firm.objects.exists():
        people.make_tree()
    markets.add_instrument(
        symbol=SYMBOL,
        asset_class="crypto_spot",
        base_currency="BTC",
        quote_currency="USD",
        lot_size="1",
        tick_size="1",
        actor=people.ACTOR,
        reason=people.REASON,
    )


def _copy_sql(table: str) -> str:
    return f"""
        DROP TABLE IF EXISTS {COPY};
        CREATE TABLE {COPY} (LIKE {table} INCLUDING ALL);
        INSERT INTO {COPY} SELECT * FROM {table};
        GRANT SELECT, UPDATE ON {COPY} TO quarterdeck_app;
    """


def _updates(table: str, block: Callable[[], AbstractContextManager[object]]) -> Callable[[], float]:
    """Microseconds an UPDATE over UPDATES of them, each in a transaction of its own."""
    sql = f"UPDATE {table} SET base_currency = %s WHERE symbol = %s"

    def once(number: int) -> None:
        with block(), connection.cursor() as cursor:
            cursor.execute(sql, [f"C{number}", SYMBOL])

    def all_of_them() -> None:
        for number in range(UPDATES):
            once(number)

    return lambda: timed(all_of_them) / UPDATES * 1e6


def _check_history() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {history_table(Instrument)} WHERE symbol = %s", [SYMBOL])
        kept = cursor.fetchone()[0]
    if kept <= RUNS * UPDATES:
        raise RuntimeError(f"{kept} rows of history for {RUNS * UPDATES} updates")
