"""What must hold at every commit, by SQL over our tables and the venue's own books.

Nothing here calls the code under test: exposure, filled quantities and positions are summed anew from fills and
orders, and what the venue did is read from the venue's orders and trades. Each check yields lines that say what
is wrong; no line means that all is well.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from apps.execution.states import ORDER_TRANSITIONS, TERMINAL, WORKING


class Broken(BaseException):
    """An invariant does not hold; the message says which. No handler of the product may catch it."""


def quoted(values: Any) -> str:
    """SQL's list of texts."""
    return ", ".join(f"'{value}'" for value in sorted(values))


def _moves() -> str:
    """What the product allows, less what follows from people's settlements and from a restore: neither happens here."""
    pairs = {(before, after) for before, afters in ORDER_TRANSITIONS.items() for after in afters}
    pairs -= {(before, after) for before in TERMINAL - {"NOT_SENT"} for after in WORKING}
    pairs -= {("INITIALIZED", "PARTIALLY_FILLED"), ("INITIALIZED", "FILLED")}
    return ", ".join(f"('{before}', '{after}')" for before, after in sorted(pairs))


@lru_cache(maxsize=1)
def _sql() -> str:
    """One statement, so that it is planned once."""
    return _TEMPLATE.format(working=quoted(WORKING), terminal=quoted(TERMINAL), moves=_moves())


_TEMPLATE = """
WITH f AS MATERIALIZED (
    SELECT order_id, bot_id, account_id, instrument_id, trade_id, price,
           quantity * CASE kind WHEN 'BUST' THEN -1 ELSE 1 END AS units,
           quantity * CASE side WHEN 'BUY' THEN 1 ELSE -1 END AS signed
    FROM execution_fill
), o AS MATERIALIZED (
    SELECT o.*, b.scope_id, a.name AS account_name, i.symbol, p.id AS paper_id, p.state AS venue_state,
           p.filled_quantity AS venue_filled, p.quantity AS venue_quantity, p.side AS venue_side,
           coalesce(s.units, 0) AS booked, greatest(o.quantity, coalesce(o.replace_quantity, 0)) AS wanted,
           EXISTS (SELECT 1 FROM paper_papertrade u WHERE u.order_id = p.id AND u.kind = 'bust') AS has_bust
    FROM execution_order o
    JOIN bots_bot b ON b.id = o.bot_id
    JOIN venues_account a ON a.id = o.account_id
    JOIN markets_instrument i ON i.id = o.instrument_id
    LEFT JOIN (SELECT p.*, pa.name FROM paper_paperorder p JOIN paper_paperaccount pa ON pa.id = p.account_id) p
        ON p.client_order_id = replace(o.client_order_id::text, '-', '') AND p.name = a.name
    LEFT JOIN (SELECT order_id, sum(units) AS units FROM f GROUP BY 1) s ON s.order_id = o.id
), e AS MATERIALIZED (
    SELECT order_id, sequence, state, lag(state) OVER w AS before, row_number() OVER w AS number,
           lead(state) OVER w IS NULL AS is_last
    FROM execution_orderevent WINDOW w AS (PARTITION BY order_id ORDER BY sequence)
), t AS MATERIALIZED (
    SELECT t.*, coalesce(sum(signed) OVER (
               PARTITION BY t.account_id, t.symbol ORDER BY t.sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ), 0) AS held
    FROM (SELECT *, quantity * CASE side WHEN 'BUY' THEN 1 ELSE -1 END
                    * CASE kind WHEN 'bust' THEN -1 ELSE 1 END AS signed FROM paper_papertrade) t
)
SELECT 'EXPOSURE_NOT_ORDERS' AS code, x.scope_id AS id,
       format('position %s for %s, buys %s for %s, sells %s for %s',
              x.position, coalesce(h.signed, 0), x.working_buy, coalesce(w.buys, 0), x.working_sell,
              coalesce(w.sells, 0)) AS detail
FROM risk_exposure x
JOIN bots_bot b ON b.scope_id = x.scope_id
LEFT JOIN (SELECT bot_id, instrument_id, sum(signed) AS signed FROM f GROUP BY 1, 2) h
    ON h.bot_id = b.id AND h.instrument_id = x.instrument_id
LEFT JOIN (SELECT bot_id, instrument_id, sum(reserved_quantity) FILTER (WHERE side = 'BUY') AS buys,
                  sum(reserved_quantity) FILTER (WHERE side = 'SELL') AS sells FROM o GROUP BY 1, 2) w
    ON w.bot_id = b.id AND w.instrument_id = x.instrument_id
WHERE x.position <> coalesce(h.signed, 0) OR x.working_buy <> coalesce(w.buys, 0)
   OR x.working_sell <> coalesce(w.sells, 0)
UNION ALL
SELECT 'EXPOSURE_MISSING', o.id, '' FROM o
WHERE o.state <> 'DENIED'
  AND NOT EXISTS (SELECT 1 FROM risk_exposure x WHERE x.scope_id = o.scope_id AND x.instrument_id = o.instrument_id)
UNION ALL
SELECT 'RESERVED_NOT_WORKING', o.id, format('%s reserves %s of %s, %s filled', o.state, reserved_quantity, quantity,
                                            filled_quantity) FROM o
WHERE (o.state IN ({working}) AND reserved_quantity <> greatest(wanted - filled_quantity, 0))
   OR (o.state IN ({terminal}) AND NOT has_bust
       AND reserved_quantity > greatest(coalesce(venue_filled, 0) - filled_quantity, 0))
   OR reserved_quantity < 0
UNION ALL
SELECT 'FILLED_NOT_FILLS', o.id, format('%s for %s', filled_quantity, booked) FROM o WHERE filled_quantity <> booked
UNION ALL
SELECT 'FILLED_MORE_THAN_VENUE', o.id, format('%s for %s', booked, venue_filled) FROM o
WHERE booked > coalesce(venue_filled, 0) AND NOT has_bust
UNION ALL
SELECT 'POSITION_NOT_FILLS', p.id, format('%s for %s', p.quantity, coalesce(h.signed, 0))
FROM execution_position p
LEFT JOIN (SELECT bot_id, account_id, instrument_id, sum(signed) AS signed FROM f GROUP BY 1, 2, 3) h
    ON (h.bot_id, h.account_id, h.instrument_id) = (p.bot_id, p.account_id, p.instrument_id)
WHERE p.quantity <> coalesce(h.signed, 0)
UNION ALL
SELECT 'FILL_NOT_A_TRADE', f.order_id, f.trade_id FROM f
LEFT JOIN t ON t.trade_id = f.trade_id
LEFT JOIN o ON o.id = f.order_id
WHERE t.id IS NULL OR abs(f.units) <> t.quantity OR f.price <> t.price OR t.order_id <> o.paper_id
UNION ALL
SELECT 'EVENTS_WITH_GAP', order_id, format('%s is number %s', sequence, number) FROM e WHERE sequence <> number
UNION ALL
SELECT 'EVENT_NOT_STATE', o.id, format('%s, last event %s', o.state, e.state) FROM o
LEFT JOIN e ON e.order_id = o.id AND e.is_last
WHERE e.state IS DISTINCT FROM o.state
UNION ALL
SELECT 'MOVE_NOT_ALLOWED', order_id, format('%s to %s', before, state) FROM e
WHERE before IS NOT NULL AND before <> state AND (before, state) NOT IN ({moves})
UNION ALL
SELECT 'VENUE_ORDER_NOT_OURS', p.id, p.client_order_id FROM paper_paperorder p
WHERE NOT EXISTS (SELECT 1 FROM o WHERE o.paper_id = p.id)
UNION ALL
SELECT 'VENUE_ORDER_DIFFERS', o.id, format('%s %s', venue_side, venue_quantity) FROM o
WHERE paper_id IS NOT NULL
  AND (venue_side <> side OR venue_quantity NOT IN (quantity, coalesce(replace_quantity, quantity)))
UNION ALL
SELECT 'ENDED_BUT_OPEN', o.id, format('%s here, %s there', o.state, venue_state) FROM o
WHERE (o.state IN ('DENIED', 'CANCELED', 'EXPIRED', 'FILLED', 'REJECTED', 'NOT_SENT') AND venue_state = 'open')
   OR (o.state = 'DENIED' AND paper_id IS NOT NULL)
   OR (o.state = 'REJECTED' AND venue_state IN ('open', 'filled', 'canceled', 'expired'))
UNION ALL
SELECT 'NOBODY_WILL_LOOK', o.id, o.state FROM o
WHERE due_at IS NULL AND (o.state IN ('INITIALIZED', 'SUBMITTING', 'UNKNOWN', 'PENDING_CANCEL', 'PENDING_REPLACE')
                       OR (o.state IN ('ACCEPTED', 'PARTIALLY_FILLED') AND cancel_requested))
UNION ALL
SELECT 'EXIT_CROSSED_ZERO', o.id, format('%s on %s', t.signed, t.held) FROM t
JOIN o ON o.paper_id = t.order_id
WHERE o.purpose IN ('EXIT', 'PROTECTIVE') AND t.kind = 'trade'
  AND (t.signed * t.held >= 0 OR abs(t.signed) > abs(t.held))
UNION ALL
SELECT 'VENUE_BOOKS', p.id, format('%s for %s', p.quantity, h.signed) FROM paper_paperposition p
JOIN (SELECT account_id, symbol, sum(signed) AS signed FROM t GROUP BY 1, 2) h
    ON h.account_id = p.account_id AND h.symbol = p.symbol
WHERE p.quantity <> h.signed
UNION ALL
SELECT 'BOOK_NOT_ORDERS', k.scope_id,
       format('%s open for %s, buying %s for %s, selling %s for %s, net %s for %s', k.open_orders,
              coalesce(n.opened, 0), k.buying, coalesce(n.buying, 0), k.selling, coalesce(n.selling, 0), k.net,
              coalesce(v.net, 0))
FROM risk_scopebook k
LEFT JOIN (
    SELECT c.scope_id, count(*) FILTER (WHERE o.state IN ({working})) AS opened,
           sum(round(reserved_quantity * unit_base, 18)) FILTER (WHERE side = 'BUY') AS buying,
           sum(round(reserved_quantity * unit_base, 18)) FILTER (WHERE side = 'SELL') AS selling
    FROM o JOIN simulation_base.covers c ON (c.bot_id, c.account_id) = (o.bot_id, o.account_id) GROUP BY 1
) n ON n.scope_id = k.scope_id
LEFT JOIN (
    SELECT c.scope_id, sum(value_base) AS net, sum(abs(value_base)) AS gross, sum(pnl_base) AS pnl
    FROM execution_position p JOIN simulation_base.covers c ON (c.bot_id, c.account_id) = (p.bot_id, p.account_id)
    GROUP BY 1
) v ON v.scope_id = k.scope_id
WHERE k.open_orders <> coalesce(n.opened, 0) OR k.buying <> coalesce(n.buying, 0)
   OR k.selling <> coalesce(n.selling, 0) OR k.net <> coalesce(v.net, 0) OR k.gross <> coalesce(v.gross, 0)
   OR k.pnl <> coalesce(v.pnl, 0)
"""

ORDERS = """
    SELECT id, replace(client_order_id::text, '-', ''), state, purpose, side, quantity, filled_quantity, codes::text,
           cancel_requested, by_person
    FROM execution_order ORDER BY id
"""


TAKEN = """
    SELECT 1 FROM risk_hold h JOIN simulation_base.covers c ON c.scope_id = h.scope_id
    JOIN execution_order o ON (o.bot_id, o.account_id) = (c.bot_id, c.account_id)
    WHERE h.cancels = 'all' AND o.id = %s LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as the last look found it."""

    pk: UUID
    client_id: str
    state: str
    purpose: str
    side: str
    quantity: Decimal
    filled: Decimal
    codes: str
    cancel_requested: bool
    by_person: bool


@dataclass
class Excuses:
    """What faults have done to single orders, so that what follows from it is no fault of ours."""

    late: set[str] = field(default_factory=set)
    late_terms: set[str] = field(default_factory=set)
    asked: set[UUID] = field(default_factory=set)


def orders() -> dict[str, Seen]:
    """All orders of ours, by client order id as the venue knows it."""
    found = connection.connection.execute(ORDERS, prepare=True).fetchall()
    return {row[1]: Seen(*row) for row in found}


def check(excuses: Excuses, seen: dict[str, Seen]) -> None:
    """Everything that one look at the database shows. Raises Broken."""
    clients = {order.pk: order.client_id for order in seen.values()}
    for code, pk, detail in connection.connection.execute(_sql(), prepare=True).fetchall():
        client_id = clients.get(pk, "")
        if code == "ENDED_BUT_OPEN" and client_id in excuses.late:
            continue
        if code in ("VENUE_ORDER_DIFFERS", "RESERVED_NOT_WORKING") and client_id in excuses.late_terms:
            continue
        raise Broken(f"{code}: {clients.get(pk, pk)} {detail}".strip())


def check_no_doubt_ended_unasked(seen: dict[str, Seen], before: dict[str, Seen], line: Any) -> None:
    """An order that was sent ends as REJECTED or NOT_SENT only when the venue has said so."""
    for client_id, order in seen.items():
        old = before.get(client_id)
        if old is not None and old.state == order.state:
            continue
        was_sent = line.submitted[client_id] > 0
        has_said = line.looked_up[client_id] > 0 or client_id in line.rejected
        if was_sent and order.state in ("REJECTED", "NOT_SENT") and not has_said:
            raise Broken(f"ENDED_WITHOUT_LOOKUP: {client_id} is {order.state} and the venue never said so")


def check_sent_once(line: Any) -> None:
    """No order is submitted a second time, under whatever id."""
    twice = [client_id for client_id, times in line.submitted.items() if times > 1]
    if twice:
        raise Broken(f"SENT_TWICE: {twice[0]}")


def check_guards(excuses: Excuses, seen: dict[str, Seen]) -> None:
    """Nobody but those who may ask has asked to cancel a protective order or an exit."""
    for order in seen.values():
        is_asked = order.pk in excuses.asked or order.client_id in excuses.late
        if order.cancel_requested and order.purpose in ("PROTECTIVE", "EXIT") and not is_asked and not _is_all(order):
            raise Broken(f"PROTECTION_CANCELED: {order.client_id} ({order.purpose}) by nobody who may")


def _is_all(order: Seen) -> bool:
    """Whether some hold over the order was told to take everything."""
    return connection.connection.execute(TAKEN, [order.pk], prepare=True).fetchone() is not None
