"""Whether a call that opens or changes an order at the venue may start: holds, permits, epochs, exits.

Everything is read from the histories that the database keeps, in the order of transactions: a permit is older
than a hold exactly when its transaction id is smaller. The code under test is not asked.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.common.clocks import wall_now
from tests.simulation.invariants import Broken

# The transaction that gave the permit, and what the order is.
PERMIT = """
    SELECT o.id, o.purpose, o.by_person, o.send_before, o.epoch, o.deployment_id, o.build_id, o.side,
           o.quantity - o.filled_quantity, o.bot_id, o.account_id, a.name, i.symbol, o.state,
           coalesce(o.purpose = 'OPENING' AND o.replace_quantity < o.quantity
                    AND o.replace_limit_price IS NOT DISTINCT FROM o.limit_price
                    AND o.replace_stop_price IS NOT DISTINCT FROM o.stop_price, false),
           (SELECT max(e.xmin::text::bigint) FROM execution_orderevent e WHERE e.order_id = o.id AND e.state = %s)
    FROM execution_order o
    JOIN venues_account a ON a.id = o.account_id
    JOIN markets_instrument i ON i.id = o.instrument_id
    WHERE o.client_order_id = %s
"""
# The holds that stood when the permit was given: of each hold its newest version that is older than the permit.
HELD = """
    SELECT level FROM (
        SELECT DISTINCT ON (h.id) h.id, h.level, h.state, h.scope_id
        FROM risk_historicalhold h WHERE h.xmin::text::bigint < %s
        ORDER BY h.id, h.xmin::text::bigint DESC, h.history_id DESC
    ) h
    JOIN simulation_base.covers c ON c.scope_id = h.scope_id
    WHERE h.state = 'active' AND c.bot_id = %s AND c.account_id = %s
"""
FENCED = """
    SELECT d.epoch, d.desired, r.build_id FROM deployments_historicaldeployment d
    JOIN releases_release r ON r.id = d.release_id
    WHERE d.id = %s AND d.xmin::text::bigint < %s
    ORDER BY d.xmin::text::bigint DESC, d.history_id DESC LIMIT 1
"""
COVERED = """
    SELECT count(*) FROM risk_hold h
    JOIN simulation_base.covers c ON c.scope_id = h.scope_id
    JOIN execution_order o ON (o.bot_id, o.account_id) = (c.bot_id, c.account_id)
    WHERE h.state = 'active' AND o.id = %s
"""
ANY_DRAINED = "SELECT 1 FROM risk_hold WHERE drain_state = 'drained' AND state = 'active' LIMIT 1"
DRAINED = """
    SELECT h.id, replace(o.client_order_id::text, '-', '') FROM risk_hold h
    JOIN simulation_base.covers c ON c.scope_id = h.scope_id
    JOIN execution_order o ON (o.bot_id, o.account_id) = (c.bot_id, c.account_id)
    JOIN paper_paperorder p ON p.client_order_id = replace(o.client_order_id::text, '-', '')
    WHERE h.drain_state = 'drained' AND h.state = 'active' AND o.purpose = 'OPENING' AND p.state = 'open'
"""
# What the venue holds now, and what is on the way out there by other exits of ours.
EXITS = """
    SELECT coalesce((SELECT h.quantity FROM paper_paperposition h WHERE h.account_id = pa.id AND h.symbol = %s), 0),
           coalesce((SELECT sum(p.quantity - p.filled_quantity) FROM paper_paperorder p
                     JOIN execution_order o ON replace(o.client_order_id::text, '-', '') = p.client_order_id
                     WHERE p.account_id = pa.id AND p.symbol = %s AND p.state = 'open' AND p.side = %s
                       AND o.purpose = 'EXIT'), 0)
    FROM paper_paperaccount pa WHERE pa.name = %s
"""
WORST = """
    SELECT coalesce((SELECT sum(CASE side WHEN 'BUY' THEN f.quantity ELSE -f.quantity END) FROM execution_fill f
                     WHERE f.bot_id = o.bot_id AND f.instrument_id = o.instrument_id), 0),
           coalesce((SELECT sum(reserved_quantity) FROM execution_order w WHERE w.bot_id = o.bot_id
                     AND w.instrument_id = o.instrument_id AND w.side = o.side), 0)
    FROM execution_order o WHERE o.id = %s
"""


@dataclass(frozen=True, slots=True)
class Permit:
    """What the database says of an order that is about to be sent."""

    pk: UUID
    purpose: str
    by_person: bool
    send_before: Any
    epoch: int
    deployment_id: UUID
    build_id: str
    side: str
    left: Decimal
    bot_id: UUID
    account_id: UUID
    account: str
    symbol: str
    state: str
    is_less: bool
    given_in: int | None


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def check_send(name: str, client_order_id: str) -> Permit:
    """A submit or replace starts now; the permit under which it does. Raises Broken when it must not."""
    state = "SUBMITTING" if name == "submit" else "PENDING_REPLACE"
    found = _rows(PERMIT, [state, UUID(client_order_id)])
    if not found:
        raise Broken(f"SENT_UNKNOWN: {client_order_id} is no order of ours")
    permit = Permit(*found[0])
    if permit.given_in is None:
        raise Broken(f"SENT_WITHOUT_PERMIT: {client_order_id} in {permit.state}")
    if permit.send_before is None or wall_now() > permit.send_before:
        raise Broken(f"SENT_LATE: {client_order_id} after {permit.send_before}")
    if name == "submit" or not permit.is_less:  # less of an opening order that works is a cancel of a part
        _check_holds(permit, client_order_id)
        _check_fence(permit, client_order_id)
    return permit


def _check_holds(permit: Permit, client_order_id: str) -> None:
    levels = {level for (level,) in _rows(HELD, [permit.given_in, permit.bot_id, permit.account_id])}
    if not levels or (permit.purpose == "EXIT" and permit.by_person):
        return
    if permit.purpose != "EXIT" or "HALTED" in levels:
        raise Broken(f"SENT_AFTER_LATCH: {client_order_id} ({permit.purpose}) while {sorted(levels)}")


def _check_fence(permit: Permit, client_order_id: str) -> None:
    if permit.by_person:
        return
    epoch, desired, build_id = _rows(FENCED, [permit.deployment_id, permit.given_in])[0]
    if (epoch, desired, build_id) != (permit.epoch, "running", permit.build_id):
        raise Broken(f"SENT_FENCED: {client_order_id} of epoch {permit.epoch} while {desired} in epoch {epoch}")


def is_covered(order_pk: UUID) -> bool:
    """Whether any hold stands over an order now."""
    return bool(_rows(COVERED, [order_pk])[0][0])


def check_drained(excused: set[str]) -> None:
    """Below a drained hold no opening order of a bot is open at the venue."""
    if not connection.connection.execute(ANY_DRAINED, prepare=True).fetchone():
        return
    for _, client_order_id in connection.connection.execute(DRAINED, prepare=True).fetchall():
        if client_order_id not in excused:
            raise Broken(f"NOT_DRAINED: {client_order_id} is open below a drained hold")


def check_exit(permit: Permit, client_order_id: str, confirmed: dict[str, Decimal] | None) -> None:
    """An exit fits into what the venue has just stated, less the exits that work there.

    When the venue has traded since it stated its positions, nobody could have known; its reduce-only remains.
    """
    if permit.purpose != "EXIT":
        return
    if confirmed is None:
        raise Broken(f"EXIT_UNCONFIRMED: {client_order_id} is sent and the venue never said what it holds")
    held, leaving = _rows(EXITS, [permit.symbol, permit.symbol, permit.side, permit.account])[0]
    if held != confirmed.get(permit.symbol, Decimal(0)):
        return
    closable = (held if permit.side == "SELL" else -held) - leaving
    if permit.left > max(closable, Decimal(0)):
        raise Broken(f"EXIT_TOO_LARGE: {client_order_id} {permit.left} of {held}, {leaving} on the way out")


def check_accepted(order_pk: UUID, side: str, bound: Decimal) -> None:
    """An accepted order could not take the position past its limit if everything on its side were filled."""
    position, working = _rows(WORST, [order_pk])[0]
    worst = position + working if side == "BUY" else working - position
    if worst > bound:
        raise Broken(f"POSITION_ABOVE_LIMIT: {position} with {working} to {side}, at most {bound}")
