"""What stands around an order at one moment, read in one statement: the gateway's hot path."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.common.clocks import to_ms, wall_now
from apps.execution.states import WORKING
from apps.risk import rules

REPEAT_WINDOW = timedelta(seconds=60)
WORKING_STATES = sorted(WORKING)
WORKING_LIST = ", ".join(f"'{state}'" for state in WORKING_STATES)
NOBODY = UUID(int=0)
# What was said further ahead was said before the clock was set back, and is not fresh.
AHEAD_MAX = timedelta(seconds=5)
# An untriggered stop trades with nobody, so it crosses nothing. Of terms that were asked for either may hold.
CROSSING = """EXISTS (
        SELECT FROM execution_order AS resting JOIN venues_account AS held ON held.id = resting.account_id
        WHERE resting.instrument_id = %(instrument)s AND resting.side = %(other_side)s
            AND resting.state = ANY(%(working)s) AND resting.bot_id <> %(bot)s AND held.venue_id = %(venue)s
            AND resting.order_type IN ('MARKET', 'LIMIT') AND %(order_type)s IN ('MARKET', 'LIMIT')
            AND (resting.limit_price IS NULL OR %(limit_price)s::numeric IS NULL
                OR (resting.limit_price - %(limit_price)s::numeric) * %(direction)s <= 0
                OR (resting.replace_limit_price - %(limit_price)s::numeric) * %(direction)s <= 0))"""
STANDING = f"""
SELECT json_build_object(
    'limits', (
        SELECT json_agg(json_build_array(
            scope_id, kind,
            trim_scale(CASE WHEN expires_at <= %(now)s THEN reverts_to ELSE value END)::text))
        FROM risk_limit WHERE scope_id = ANY(%(scopes)s)),
    'holds', (
        SELECT json_agg(DISTINCT level) FROM risk_hold WHERE scope_id = ANY(%(scopes)s) AND state = 'active'),
    'base_currency', (SELECT base_currency FROM access_firm),
    'books', (
        SELECT json_agg(json_build_array(
            scope_id, scope.kind || ' ' || scope.name, gross::text, net::text, buying::text, selling::text,
            open_orders, (pnl_at_open - pnl)::text, (pnl_peak - pnl)::text,
            coalesce(marked_at > %(books_since)s AND marked_at < %(ahead)s, false)))
        FROM risk_scopebook JOIN access_scope AS scope ON scope.id = scope_id
        WHERE scope_id = ANY(%(scopes)s) AND mode = %(mode)s),
    'is_throttled', EXISTS (
        SELECT FROM risk_throttle WHERE scope_id = %(bot_scope)s AND enabled_at IS NULL),
    'market', (
        SELECT json_build_array(state, limit_up::text, limit_down::text)
        FROM markets_marketstatus WHERE instrument_id = %(instrument)s),
    'reference', (
        SELECT json_build_array(price::text, seen_at > %(reference_since)s AND seen_at < %(ahead)s)
        FROM markets_referenceprice WHERE instrument_id = %(instrument)s
            AND source = %(source)s ORDER BY seen_at DESC LIMIT 1),
    'circuit', (SELECT state FROM venues_venuehealth WHERE venue_id = %(venue)s),
    'maintenance', (
        SELECT json_build_array(starts_at, ends_at)
        FROM markets_maintenancewindow
        WHERE scope_id = ANY(%(scopes)s) AND ends_at > %(now)s AND cancelled_at IS NULL
            AND (instrument_id IS NULL OR instrument_id = %(instrument)s)
        ORDER BY greatest(starts_at, %(now)s), ends_at DESC LIMIT 1),
    'cash', (
        SELECT cash::text FROM execution_accountsync
        WHERE account_id = %(account)s AND cash_at > %(cash_since)s AND cash_at < %(ahead)s),
    'repeats', (
        SELECT count(*) FROM execution_order
        WHERE bot_id = %(bot)s AND id >= %(since_id)s AND id <> %(besides)s AND instrument_id = %(instrument)s
            AND side = %(side)s AND order_type = %(order_type)s AND quantity = %(quantity)s AND state <> 'DENIED'),
    'is_duplicate', EXISTS (
        SELECT FROM execution_order
        WHERE bot_id = %(bot)s AND id >= %(since_id)s AND id <> %(besides)s AND created_at > %(duplicate_since)s
            AND instrument_id = %(instrument)s AND side = %(side)s AND order_type = %(order_type)s
            AND quantity = %(quantity)s AND limit_price IS NOT DISTINCT FROM %(limit_price)s
            AND stop_price IS NOT DISTINCT FROM %(stop_price)s AND purpose = %(purpose)s AND state <> 'DENIED'),
    'crosses_own', {CROSSING},
    'of_parent', (
        SELECT json_build_array(
            sum(CASE WHEN state = ANY(%(working)s) THEN quantity ELSE filled_quantity END)::text,
            min(parent_quantity)::text)
        FROM execution_order WHERE parent_id = %(parent)s AND bot_id = %(bot)s AND id <> %(besides)s)
)::text
"""
# Units of the instrument in the account's bucket and, second, on the account alone. What an ended order still
# reserves is filled at the venue and not booked here: of the last minute it counts, so that many exits add up.
HEDGES = f"""
SELECT coalesce(bool_or(is_against), false), sum(held), sum(leaving),
    coalesce(bool_or(is_against) FILTER (WHERE account_id = %(account)s), false),
    sum(held) FILTER (WHERE account_id = %(account)s), sum(leaving) FILTER (WHERE account_id = %(account)s)
FROM (
    SELECT account_id, quantity AS held, 0 AS leaving,
        bot_id <> %(bot)s AND sign(quantity) = %(direction)s AS is_against
    FROM execution_position WHERE instrument_id = %(instrument)s AND quantity <> 0
    UNION ALL
    SELECT account_id, 0, reserved_quantity, false FROM execution_order
    WHERE instrument_id = %(instrument)s AND side = %(side)s AND purpose = 'EXIT' AND state IN ({WORKING_LIST})
    UNION ALL
    SELECT account_id, 0, reserved_quantity, false FROM execution_order
    WHERE bot_id IN (SELECT bot_id FROM execution_position WHERE instrument_id = %(instrument)s)
        AND id >= %(since_id)s AND instrument_id = %(instrument)s AND side = %(side)s AND purpose = 'EXIT'
        AND state NOT IN ({WORKING_LIST}) AND reserved_quantity > 0
) AS units JOIN venues_account AS account ON account.id = account_id
WHERE account.bucket_id = %(bucket)s AND account.mode = %(mode)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and where; the parameters of the statement. `besides` is an order that is replaced."""

    scopes: list[UUID]
    bot: UUID
    bot_scope: UUID
    account: UUID
    bucket: UUID
    mode: str
    venue: UUID
    instrument: UUID
    side: str
    order_type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    purpose: str
    parent: UUID | None
    source: str
    besides: UUID = NOBODY


@dataclass(frozen=True, slots=True)
class Book:
    """The sums of one scope, in base currency; losses are None when nobody marked them recently."""

    scope_id: UUID
    name: str
    gross: Decimal
    net: Decimal
    buying: Decimal
    selling: Decimal
    open_orders: int
    daily_loss: Decimal | None
    drawdown: Decimal | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What an order is judged by, read at one moment."""

    limits: dict[UUID, dict[str, Decimal]]
    holds: frozenset[str]
    base_currency: str
    books: list[Book]
    is_throttled: bool
    is_halted: bool
    limit_up: Decimal | None
    limit_down: Decimal | None
    venue_price: Decimal | None
    is_venue_price_fresh: bool
    is_venue_up: bool
    maintenance: tuple[datetime, datetime] | None
    cash: Decimal | None
    repeats: int
    is_duplicate: bool
    crosses_own: bool
    parent_used: Decimal
    parent_quantity: Decimal | None


def around(asked: Asked) -> Standing:
    """Limits, holds, sums, prices and neighbours of an order that is asked for."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, _parameters(asked, wall_now()))
        (text,) = cursor.fetchone()
    return _read(json.loads(text))


def is_known(client_order_id: UUID) -> bool:
    """Whether there is an order of that name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM execution_order WHERE client_order_id = %s)", [client_order_id])
        (is_there,) = cursor.fetchone()
    return bool(is_there)


def crosses_own(asked: Asked) -> bool:
    """Whether an order of another bot of ours stands at the venue that this one would trade with."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {CROSSING}", _parameters(asked, wall_now()))
        (is_crossing,) = cursor.fetchone()
    return bool(is_crossing)


def hedges(asked: Asked) -> tuple[rules.HedgeFacts | None, rules.HedgeFacts | None]:
    """What the bots of the bucket, and of the account, hold and leave of the exit's instrument, in the account's mode.

    None where no other bot of theirs holds the opposite of what the exit closes: nothing there is hedged by it. Only
    an exit of a bot asks for it, so what opens does not wait for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(HEDGES, _parameters(asked, wall_now()))
        in_bucket, held, leaving, on_account, held_there, leaving_there = cursor.fetchone()
    return (
        rules.HedgeFacts(held=held, leaving=leaving) if in_bucket else None,
        rules.HedgeFacts(held=held_there, leaving=leaving_there) if on_account else None,
    )


def _parameters(asked: Asked, now: datetime) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Asked.__slots__} | {
        "now": now,
        "ahead": now + AHEAD_MAX,
        "books_since": now - timedelta(seconds=settings.BOOKS_STALE_S),
        "reference_since": now - timedelta(seconds=settings.REFERENCE_STALE_S),
        "cash_since": now - timedelta(seconds=settings.CASH_STALE_S),
        "duplicate_since": now - timedelta(seconds=settings.DUPLICATE_WINDOW_S),
        "since_id": first_id(now - REPEAT_WINDOW),
        "other_side": "SELL" if asked.side == "BUY" else "BUY",
        "direction": 1 if asked.side == "BUY" else -1,
        "working": WORKING_STATES,
    }


def first_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: ids grow with time, so an index on them finds what is recent."""
    return UUID(int=to_ms(moment) << 80)


def _read(row: dict[str, Any]) -> Standing:
    limits: dict[UUID, dict[str, Decimal]] = {}
    for scope_id, kind, value in row["limits"] or ():
        limits.setdefault(UUID(scope_id), {})[kind] = Decimal(value)
    state, limit_up, limit_down = row["market"] or (None, None, None)
    price, is_price_fresh = row["reference"] or (None, False)
    used, parent_quantity = row["of_parent"] or (None, None)
    return Standing(
        limits=limits,
        holds=frozenset(row["holds"] or ()),
        base_currency=row["base_currency"] or "",
        books=[_book(*fields) for fields in row["books"] or ()],
        is_throttled=row["is_throttled"],
        is_halted=state is not None and state != "trading",
        limit_up=_decimal(limit_up),
        limit_down=_decimal(limit_down),
        venue_price=_decimal(price),
        is_venue_price_fresh=is_price_fresh,
        is_venue_up=row["circuit"] != "open",
        maintenance=_period(row["maintenance"]),
        cash=_decimal(row["cash"]),
        repeats=row["repeats"],
        is_duplicate=row["is_duplicate"],
        crosses_own=row["crosses_own"],
        parent_used=_decimal(used) or Decimal(0),
        parent_quantity=_decimal(parent_quantity),
    )


def _book(
    scope_id: str,
    name: str,
    gross: str,
    net: str,
    buying: str,
    selling: str,
    open_orders: int,
    lost_today: str,
    below_peak: str,
    is_marked: bool,
) -> Book:
    lost = (Decimal(lost_today), Decimal(below_peak)) if is_marked else (None, None)
    sums = (Decimal(gross), Decimal(net), Decimal(buying), Decimal(selling))
    return Book(UUID(scope_id), name, *sums, open_orders, *lost)


def _period(texts: list[str] | None) -> tuple[datetime, datetime] | None:
    return None if texts is None else (datetime.fromisoformat(texts[0]), datetime.fromisoformat(texts[1]))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
