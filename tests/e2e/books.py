"""A checker that knows nothing of the product's code: it compares our book with the venue's by plain SQL.

The venue's books are the `paper_*` tables, ours the `execution_*` tables. All questions are asked of one
snapshot, so that nothing moves between them.
"""

from typing import Any

import psycopg

from tests.e2e.product import Product

# Orders of ours that were sent, as our book has it: a denied one never was, nor one cancelled before its permit.
OURS = """
ours AS (
    SELECT o.*, replace(o.client_order_id::text, '-', '') AS hex, a.name AS account_name, i.symbol,
        o.state NOT IN ('INITIALIZED', 'DENIED', 'NOT_SENT') AND EXISTS (
            SELECT FROM execution_orderevent e WHERE e.order_id = o.id AND e.state = 'SUBMITTING') AS was_sent
    FROM execution_order o
    JOIN venues_account a ON a.id = o.account_id
    JOIN markets_instrument i ON i.id = o.instrument_id)
"""
VENUE = """
venue AS (
    SELECT p.*, a.name AS account_name FROM paper_paperorder p JOIN paper_paperaccount a ON a.id = p.account_id)
"""
FILLS = """
fills AS (
    SELECT f.*, a.name AS account_name, i.symbol, replace(o.client_order_id::text, '-', '') AS hex
    FROM execution_fill f
    JOIN execution_order o ON o.id = f.order_id
    JOIN venues_account a ON a.id = f.account_id
    JOIN markets_instrument i ON i.id = f.instrument_id)
"""
TRADES = """
trades AS (
    SELECT t.*, a.name AS account_name, p.client_order_id
    FROM paper_papertrade t
    JOIN paper_paperorder p ON p.id = t.order_id
    JOIN paper_paperaccount a ON a.id = t.account_id)
"""
# What bots have at the venue since a latch, but for calls whose permit is from before it: those may still arrive.
BOT_ORDERS_AFTER = """
    SELECT count(*) FROM paper_paperorder p JOIN execution_order o
        ON replace(o.client_order_id::text, '-', '') = p.client_order_id
    CROSS JOIN (SELECT %s::timestamptz AS at) latched
    WHERE p.created_at > latched.at AND NOT o.by_person AND NOT EXISTS (
        SELECT FROM execution_orderevent e
        WHERE e.order_id = o.id AND e.state = 'SUBMITTING' AND e.created_at <= latched.at)"""
CHECKS = {
    "an order that was sent is at the venue exactly once": f"""
        WITH {OURS}, {VENUE}
        SELECT o.hex, o.state, count(v.id) FROM ours o
        LEFT JOIN venue v ON v.client_order_id = o.hex AND v.account_name = o.account_name
        WHERE o.was_sent AND o.state NOT IN ('SUBMITTING', 'UNKNOWN')
        GROUP BY 1, 2 HAVING count(v.id) <> 1""",
    "the venue has no order that we did not send": f"""
        WITH {OURS}, {VENUE}
        SELECT v.client_order_id, v.state FROM venue v
        WHERE NOT EXISTS (SELECT FROM ours o WHERE o.hex = v.client_order_id
            AND o.account_name = v.account_name AND o.was_sent)""",
    "both books have the same terms": f"""
        WITH {OURS}, {VENUE}
        SELECT o.hex FROM ours o JOIN venue v ON v.client_order_id = o.hex
        WHERE (o.side, o.quantity, o.symbol, o.order_type) <> (v.side, v.quantity, v.symbol, v.order_type)""",
    "both books have the same outcome": f"""
        WITH {OURS}, {VENUE}
        SELECT o.hex, o.state, v.state, o.filled_quantity, v.filled_quantity
        FROM ours o JOIN venue v ON v.client_order_id = o.hex
        WHERE o.state <> 'UNKNOWN' AND (o.filled_quantity <> v.filled_quantity OR v.state <>
            CASE WHEN o.state IN ('ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL') THEN 'open'
            ELSE lower(o.state) END)""",
    "fills and trades are one to one": f"""
        WITH {FILLS}, {TRADES}
        SELECT f.trade_id, t.trade_id, f.quantity, t.quantity FROM fills f
        FULL JOIN trades t ON t.trade_id = f.trade_id AND t.account_name = f.account_name
        WHERE f.id IS NULL OR t.id IS NULL OR (f.quantity, f.price, f.fee, f.side, f.symbol, f.hex)
            <> (t.quantity, t.price, t.fee, t.side, t.symbol, t.client_order_id)""",
    "nothing is filled beyond its quantity": f"""
        WITH {OURS}, {VENUE}
        SELECT v.client_order_id, v.quantity, sum(t.quantity) FROM venue v
        LEFT JOIN paper_papertrade t ON t.order_id = v.id
        GROUP BY v.client_order_id, v.quantity, v.filled_quantity
        HAVING coalesce(sum(t.quantity), 0) <> v.filled_quantity OR v.filled_quantity > v.quantity
        UNION ALL
        SELECT o.hex, o.quantity, sum(f.quantity) FROM ours o
        LEFT JOIN execution_fill f ON f.order_id = o.id
        GROUP BY o.hex, o.quantity, o.filled_quantity
        HAVING coalesce(sum(f.quantity), 0) <> o.filled_quantity OR o.filled_quantity > o.quantity""",
    "positions agree": f"""
        WITH {FILLS}, {TRADES}, ours AS (
            SELECT a.name AS account_name, i.symbol, sum(p.quantity) AS quantity FROM execution_position p
            JOIN venues_account a ON a.id = p.account_id JOIN markets_instrument i ON i.id = p.instrument_id
            GROUP BY 1, 2),
        theirs AS (
            SELECT a.name AS account_name, p.symbol, p.quantity FROM paper_paperposition p
            JOIN paper_paperaccount a ON a.id = p.account_id),
        traded AS (
            SELECT account_name, symbol, sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) AS quantity
            FROM trades GROUP BY 1, 2)
        SELECT * FROM ours FULL JOIN theirs USING (account_name, symbol) FULL JOIN traded USING (account_name, symbol)
        WHERE coalesce(ours.quantity, 0) <> coalesce(theirs.quantity, 0)
            OR coalesce(traded.quantity, 0) <> coalesce(theirs.quantity, 0)""",
    "cash agrees": f"""
        WITH {FILLS}, spent AS (
            SELECT account_name, sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END * price + fee) AS amount
            FROM fills GROUP BY 1)
        SELECT p.name, p.cash, a.opening_cash - coalesce(s.amount, 0) FROM paper_paperaccount p
        JOIN venues_account a ON a.name = p.name LEFT JOIN spent s ON s.account_name = p.name
        WHERE p.cash <> a.opening_cash - coalesce(s.amount, 0)""",
    "what is reserved is what works": f"""
        WITH {OURS}, working AS (
            SELECT b.scope_id, o.instrument_id,
                sum(o.quantity - o.filled_quantity) FILTER (WHERE o.side = 'BUY') AS buy,
                sum(o.quantity - o.filled_quantity) FILTER (WHERE o.side = 'SELL') AS sell
            FROM ours o JOIN bots_bot b ON b.id = o.bot_id
            WHERE o.state NOT IN ('DENIED', 'NOT_SENT', 'REJECTED', 'FILLED', 'CANCELED', 'EXPIRED')
            GROUP BY 1, 2)
        SELECT e.scope_id, e.working_buy, w.buy, e.working_sell, w.sell FROM risk_exposure e
        LEFT JOIN working w USING (scope_id, instrument_id)
        WHERE e.working_buy <> coalesce(w.buy, 0) OR e.working_sell <> coalesce(w.sell, 0)""",
    "no order waits for a worker that is gone": """
        SELECT id, state FROM execution_order WHERE state IN ('INITIALIZED', 'SUBMITTING')""",
    "no market event was skipped or seen twice": """
        SELECT * FROM (
            SELECT deployment_id, epoch, sequence, from_ms,
                lag(until_ms) OVER (PARTITION BY deployment_id ORDER BY epoch, sequence) AS before
            FROM execution_cycle WHERE state = 'done') AS cycles
        WHERE before IS NOT NULL AND before <> from_ms""",
}


def complaints(product: Product) -> list[str]:
    """Every disagreement between the two books at one moment; empty when they agree."""
    found = []
    with psycopg.connect(product.environment["DATABASE_READ_URL"], connect_timeout=5) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for name, query in CHECKS.items():
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
            found += [f"{name}: {row}" for row in rows]
    return found


def unknown_orders(product: Product) -> list[str]:
    """Orders whose state at the venue is in doubt, as our book lists them."""
    return [row[0] for row in product.rows("SELECT id::text FROM execution_order WHERE state = 'UNKNOWN'")]
