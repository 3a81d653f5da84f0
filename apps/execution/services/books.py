"""Our books: what the venue says of orders, and its trades, each booked exactly once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Sum
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.common import claims, nudges
from apps.common.clocks import from_ms, wall_now
from apps.execution.models import AccountSync, Anomaly, Fill, Order, Position
from apps.execution.services import anomalies, doubts, ledger, valuing
from apps.execution.states import (
    AT_VENUE,
    RESTING,
    TERMINAL,
    WORKING,
    AnomalyKind,
    FillKind,
    OrderState,
    Remainder,
)
from apps.risk import services as risk
from apps.runtime.simulator import Holding, apply_fill
from apps.venues import services as venues
from apps.venues.adapters.base import Adapter, TradeKind, VenueOrder, VenueOrderState, VenueTrade
from apps.venues.models import Account

ACTOR = job("sync")
TRADES_PER_CALL = 500
# How long a venue may take to list a trade behind one that it has listed already.
LISTED_LATE = timedelta(seconds=30)
# A sync makes about four calls; it may use a quarter of what the venue allows the account.
SYNC_CALLS = 4
SYNC_SHARE = 0.25
PRICE_STEP = Decimal(1).scaleb(-18)
ZERO = Decimal(0)
NOT_DUE: dict[str, Any] = {"due_at": None, "lease_until": None, "lease_owner": ""}
ENDED = {
    VenueOrderState.REJECTED: OrderState.REJECTED,
    VenueOrderState.CANCELED: OrderState.CANCELED,
    VenueOrderState.EXPIRED: OrderState.EXPIRED,
}
# Whether the venue has it is not known; its first answer tells.
UNANSWERED = (OrderState.SUBMITTING, OrderState.UNKNOWN)
# Of these our books do not know that the venue has them; a restored database may even say that they were never sent.
UNHEARD = (OrderState.INITIALIZED, *UNANSWERED)
OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}
THE_VENUE_SAID = "the venue has said what became of it"


@dataclass(frozen=True, slots=True)
class Listing:
    """The venue's trades after `cursor`, and when and how long it was asked for them."""

    cursor: int
    asked_at: datetime
    took_ms: float
    trades: list[VenueTrade]


def absorb(order: Order, answer: VenueOrder, *, reason: str, are_terms_final: bool = False) -> None:
    """Take over what the venue says of an order. Fills themselves are booked from trades only.

    `are_terms_final` says that the answer comes after a change of terms that was asked for: what it states
    holds from now on, whether or not it is what we asked for.
    """
    with acting(ACTOR, reason):
        row = ledger.locked(order)
        if row.state in TERMINAL:
            return
        if row.state in UNANSWERED and answer.state != VenueOrderState.REJECTED:
            ledger.advance(row, _working_state(row), reason=reason, venue_order_id=answer.venue_order_id, **NOT_DUE)
            doubts.end(row, reason=THE_VENUE_SAID)
        if are_terms_final or answer.state != VenueOrderState.OPEN:
            take_terms(row, answer.quantity, answer.limit_price, answer.stop_price, reason=reason)
        if row.state in TERMINAL:
            doubts.end(row, reason=THE_VENUE_SAID)
            return
        if answer.state in ENDED:
            unbooked = max(ZERO, answer.filled_quantity - row.filled_quantity - _busted(row))
            codes = [answer.reject_code] if answer.reject_code else row.codes
            ledger.advance(row, ENDED[answer.state], reason=reason, codes=codes, keep_reserved=unbooked)
            doubts.end(row, reason=THE_VENUE_SAID)
        elif answer.state == VenueOrderState.FILLED and _is_used_up(row):
            ledger.advance(row, OrderState.CANCELED, reason="the venue took fills back; nothing works any more")
            doubts.end(row, reason=THE_VENUE_SAID)
        elif row.state in RESTING and (are_terms_final or row.state != OrderState.PENDING_REPLACE):
            keep_working(row)
        nudges.hint("fleet")


def rest(order: Order) -> None:
    """Nothing is due of an order at the venue, unless somebody wants it cancelled."""
    with acting(ACTOR, "nothing is due"):
        row = ledger.locked(order)
        if row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            keep_working(row)


def _working_state(row: Order) -> str:
    return OrderState.PARTIALLY_FILLED if row.filled_quantity else OrderState.ACCEPTED


def keep_working(row: Order) -> None:
    """A locked order at the venue has nothing due, unless somebody wants it cancelled."""
    if row.cancel_requested and row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        ledger.advance(row, OrderState.PENDING_CANCEL, due_at=wall_now(), lease_until=None, lease_owner="")
        nudges.wake("execution.send_due_orders")
    elif (row.due_at, row.lease_until, row.lease_owner) != tuple(NOT_DUE.values()):
        Order.objects.filter(pk=row.pk).update(**NOT_DUE)


def take_terms(
    row: Order, quantity: Decimal, limit_price: Decimal | None, stop_price: Decimal | None, *, reason: str
) -> None:
    """End a change of terms of a locked order: these hold, and exactly what they leave to fill is reserved.

    A price that is None was not stated and stays. An order that waits for its cancel goes on waiting.
    """
    if row.replace_quantity is None:
        return
    row.quantity = quantity if quantity > 0 else row.quantity
    row.limit_price = limit_price or row.limit_price
    row.stop_price = stop_price or row.stop_price
    row.replace_quantity = row.replace_limit_price = row.replace_stop_price = None
    row.save(
        update_fields=[
            "quantity", "limit_price", "stop_price", "replace_quantity", "replace_limit_price", "replace_stop_price",
        ]
    )  # fmt: skip
    if row.filled_quantity >= row.quantity:
        ledger.advance(row, OrderState.FILLED, reason=reason)
        return
    if row.state == OrderState.PENDING_REPLACE:
        ledger.advance(row, _working_state(row), reason=reason)
    ledger.set_reserved(row, row.quantity - row.filled_quantity)


def sync_account(account: Account) -> int:
    """Book the venue's new trades of an account, the ends of its orders and its cash; how many trades were new.

    Each trade is one transaction, so a killed worker loses and doubles nothing. The cursor follows only once a
    trade was known for LISTED_LATE: what the venue lists behind its back is still found. What ends at a venue
    without lookup goes before people. Raises venues' NoAnswer; what was booked until then stays, and nothing that
    was not answered counts as not there.
    """
    with acting(ACTOR, "first sync"):
        sync, _ = AccountSync.objects.get_or_create(account=account, defaults={"due_at": wall_now()})
    adapter, asked_at = venues.adapter_for(account), wall_now()
    still_open = {order.client_order_id: order for order in adapter.open_orders()}
    booked = _book_new(sync, adapter)
    for order in _asked_about(account, still_open):
        absorb(order, still_open[order.client_order_id.hex], reason="the venue lists it as open")
    if venues.capabilities_of(account).has_lookup:
        for order in _ended_elsewhere(account, still_open):
            found = adapter.order_by_client_id(order.client_order_id.hex)
            if found is not None and found.state != VenueOrderState.OPEN:
                absorb(order, found, reason="no longer open at the venue")
    else:
        doubts.compare(account, still_open, asked_at=asked_at)
    for order in _given_up(account, still_open, asked_at):
        _take_back(order, still_open[order.client_order_id.hex])
    cash = next((held.amount for held in adapter.balances() if held.currency == account.currency), ZERO)
    now = wall_now()
    AccountSync.objects.filter(pk=sync.pk).update(answered_at=now, failures=0, cash=cash, cash_at=now)
    return booked


def _book_new(sync: AccountSync, adapter: Adapter) -> int:
    """Book what the venue lists after the cursor; how many trades were new."""
    account, after, booked, is_passing = sync.account, sync.cursor, 0, True
    while trades := (listing := _listed(adapter, after)).trades:
        done, seen = _known(account, trades)
        for trade in sorted(trades, key=lambda trade: trade.sequence):
            if trade.trade_id not in done:
                booked += _book(account, trade, listing)
            known_at = done.get(trade.trade_id) or seen.get(trade.trade_id)
            is_passing = is_passing and known_at is not None and known_at <= wall_now() - LISTED_LATE
            if is_passing:
                sync.cursor = trade.sequence
        before, after = after, max(trade.sequence for trade in trades)
        if len(trades) < TRADES_PER_CALL or after <= before:
            break
    AccountSync.objects.filter(pk=sync.pk, cursor__lt=sync.cursor).update(cursor=sync.cursor)
    return booked


def _listed(adapter: Adapter, cursor: int) -> Listing:
    asked_at, started = wall_now(), time.perf_counter()
    trades = adapter.trades_since(cursor, TRADES_PER_CALL)
    return Listing(cursor, asked_at, (time.perf_counter() - started) * 1000, trades)


def _known(account: Account, trades: Iterable[VenueTrade]) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """When each of these trades was dealt with, and when one that still waits for another was seen first."""
    ids = [trade.trade_id for trade in trades]
    fills = Fill.objects.filter(account=account, trade_id__in=ids).values_list("trade_id", "created_at")
    noted = Anomaly.objects.filter(account=account, key__in=ids)
    unknown = noted.filter(kind=AnomalyKind.UNKNOWN_TRADE).values_list("key", "created_at")
    busts = noted.filter(kind=AnomalyKind.BUST).values_list("key", "created_at")
    return dict(unknown) | dict(fills), dict(busts)


def _asked_about(account: Account, still_open: dict[str, VenueOrder]) -> list[Order]:
    """Orders that a person was asked about and that the venue lists as open."""
    asked = Order.objects.filter(account=account, needs_person=True, state=OrderState.UNKNOWN)
    return [ledger.known(order) for order in asked if order.client_order_id.hex in still_open]


def _given_up(account: Account, still_open: Iterable[str], asked_at: datetime) -> list[Order]:
    """Orders that were over by our books, never sent or settled by people, when the venue listed them as open."""
    ids = [found for found in map(_as_id, still_open) if found is not None]
    over = Q(state=OrderState.NOT_SENT) | Q(state__in=ENDED.values(), codes=[doubts.SETTLED])
    ours = Order.objects.filter(over, account=account, client_order_id__in=ids)
    return [ledger.known(order) for order in ours.exclude(settlements__applied_at__gte=asked_at)]


def _take_back(order: Order, found: VenueOrder) -> None:
    """An order that works there after all: count it again and tell people.

    One that we had given up is cancelled there. One that people had settled works on, unless its cancel was asked for.
    """
    with acting(ACTOR, "the venue lists it as open after all"):
        row = ledger.locked(order)
        if (row.state, row.codes) != (order.state, order.codes):
            return
        is_lost = row.state == OrderState.NOT_SENT
        cancels = is_lost or row.cancel_requested
        what = "we had given up" if is_lost else f"people had settled as {row.state}"
        reason = f"the venue holds an order that {what}; it {'is being cancelled' if cancels else 'works again'}"
        state = OrderState.PENDING_CANCEL if cancels else _working_state(row)
        back: dict[str, Any] = {
            "venue_order_id": found.venue_order_id,
            "cancel_requested": cancels,
            "codes": [],
            "unlisted_at": None,
        }
        ledger.advance(row, state, reason=reason, due_at=wall_now() if cancels else None, **back)
        ledger.set_reserved(row, max(ZERO, row.quantity - row.filled_quantity))
        _tell(row, "ORDER_ARRIVED_LATE" if is_lost else "ORDER_OPEN_AFTER_ALL", reason)
        nudges.wake("execution.send_due_orders")


def _tell(row: Order, code: str, reason: str) -> None:
    alerts.raise_alert(
        tier=Tier.CRITICAL,
        code=code,
        title=f"{row.bot}: {reason}",
        scope=row.bot.scope,
        target=row,
        dedup_key=f"{code.lower().replace('_', '-')}:{row.pk}",
        actor=ACTOR,
        reason=reason,
    )


def _ended_elsewhere(account: Account, still_open: Iterable[str]) -> list[Order]:
    """Orders that we hold for working and the venue does not list as open."""
    ours = Order.objects.filter(account=account, state__in=doubts.HELD)
    return [ledger.known(order) for order in ours if order.client_order_id.hex not in still_open]


def _book(account: Account, trade: VenueTrade, listing: Listing) -> int:
    """Book one trade in one transaction, its raw report with it; 1 when it was new and ours."""
    with acting(ACTOR, f"trade {trade.trade_id}"):
        order = _order_of(account, trade)
        if order is None or (trade.symbol, trade.side) != (order.instrument.symbol, order.side):
            if anomalies.note(account=account, order=None, kind=AnomalyKind.UNKNOWN_TRADE, trade=trade):
                _keep_report(account, order, trade, listing)
            return 0
        row = ledger.locked(order)
        if Fill.objects.filter(account=account, trade_id=trade.trade_id).exists():
            return 0
        if trade.kind == TradeKind.BUST:
            if anomalies.note(account=account, order=row, kind=AnomalyKind.BUST, trade=trade):
                _keep_report(account, row, trade, listing)
            return _bust(row, trade)
        _keep_report(account, row, trade, listing)
        _fill(row, trade)
    return 1


def _keep_report(account: Account, order: Order | None, trade: VenueTrade, listing: Listing) -> None:
    """Keep what the venue reported of a trade that is new to us: once a trade, not once a poll."""
    venues.keep_report(
        account=account,
        client_order_id=trade.client_order_id if order is None else order.client_order_id.hex,
        trade=trade,
        request={"cursor": listing.cursor, "limit": TRADES_PER_CALL},
        sent_at=listing.asked_at,
        took_ms=listing.took_ms,
    )


def _order_of(account: Account, trade: VenueTrade) -> Order | None:
    client_order_id = _as_id(trade.client_order_id)
    if client_order_id is None:
        return None
    orders = Order.objects.filter(account=account, client_order_id=client_order_id)
    return orders.select_related("bot__scope", "instrument").first()


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(hex=text)
    except ValueError:
        return None


def _fill(row: Order, trade: VenueTrade) -> None:
    _note_unexpected(row, trade)
    _store(row, trade, FillKind.TRADE)
    _move_position(row, trade)
    _advance_filled(row, trade)
    _cancel_remainder(row)
    nudges.hint("fleet", f"bot:{row.bot_id}")


def _store(row: Order, trade: VenueTrade, kind: FillKind, corrects: Fill | None = None) -> None:
    Fill.objects.create(
        account=row.account,
        order=row,
        bot=row.bot,
        instrument=row.instrument,
        trade_id=trade.trade_id,
        kind=kind,
        corrects=corrects,
        venue_sequence=trade.sequence,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        market_at=from_ms(trade.market_ms),
    )


def _note_unexpected(row: Order, trade: VenueTrade) -> None:
    """A fill beyond what is reserved came after the end; one beyond the quantity is too much.

    One of an order that was never sent, by our books, is of no order of ours.
    """
    if row.state == OrderState.INITIALIZED:
        anomalies.note(account=row.account, order=row, kind=AnomalyKind.UNKNOWN_TRADE, trade=trade)
    if row.state in TERMINAL and row.state != OrderState.FILLED and trade.quantity > row.reserved_quantity:
        anomalies.note(account=row.account, order=row, kind=AnomalyKind.LATE_FILL, trade=trade)
    if row.filled_quantity + trade.quantity > _bound(row):
        anomalies.note(account=row.account, order=row, kind=AnomalyKind.OVERFILL, trade=trade)


def _bound(row: Order) -> Decimal:
    """The most that may fill: new terms that the venue was asked for may hold there already."""
    return max(row.quantity, row.replace_quantity or ZERO)


def _advance_filled(row: Order, trade: VenueTrade) -> None:
    before = row.filled_quantity
    filled = before + trade.quantity
    paid = (row.average_price or ZERO) * before + trade.price * trade.quantity
    state = OrderState.FILLED if filled >= _bound(row) else _partial_state(row)
    reserved = row.reserved_quantity - min(row.reserved_quantity, trade.quantity)
    _follow(row, state, trade, filled=filled, paid=paid, reserved=reserved)


def _follow(row: Order, state: str, trade: VenueTrade, *, filled: Decimal, paid: Decimal, reserved: Decimal) -> None:
    """Store what is filled and reserved now and append the event, whether or not the state changes."""
    changes: dict[str, Any] = {
        "filled_quantity": filled,
        "average_price": EXACT.divide(paid, filled).quantize(PRICE_STEP, context=EXACT) if filled > 0 else None,
        "venue_order_id": row.venue_order_id or trade.venue_order_id,
    }
    detail = {"trade_id": trade.trade_id, "quantity": str(trade.quantity), "price": str(trade.price)}
    if trade.kind == TradeKind.BUST:
        detail["refers_to"] = trade.refers_to
    if state == OrderState.FILLED and row.replace_quantity is not None:
        changes["quantity"] = min(filled, _bound(row))
    was_unheard = row.state in UNHEARD
    if state == row.state or (row.state == OrderState.FILLED and trade.kind == TradeKind.TRADE):
        Order.objects.filter(pk=row.pk).update(**changes)
        row.filled_quantity, row.average_price = filled, changes["average_price"]
        ledger.append(row, detail=detail)
    else:
        ledger.advance(row, state, detail=detail, **changes)
    if was_unheard or row.state in TERMINAL:
        doubts.end(row, reason=THE_VENUE_SAID)
    if row.reserved_quantity > reserved or row.state in WORKING:
        ledger.set_reserved(row, reserved)
    if was_unheard and row.state not in TERMINAL:
        keep_working(row)


def _partial_state(row: Order) -> str:
    """A fill of part of an order does not undo a pending cancel or an end."""
    working = row.state in (*UNHEARD, OrderState.ACCEPTED)
    return OrderState.PARTIALLY_FILLED if working else row.state


def _cancel_remainder(row: Order) -> None:
    """Ask for the cancel of what a partial fill has left over at the venue, where the order says so."""
    is_working = row.state in AT_VENUE and row.state != OrderState.PENDING_CANCEL
    if row.remainder != Remainder.CANCEL or row.cancel_requested or not is_working:
        return
    row.cancel_requested = True
    Order.objects.filter(pk=row.pk).update(cancel_requested=True)
    if row.state == OrderState.PENDING_REPLACE:
        due: dict[str, Any] = {"due_at": wall_now(), "lease_until": None, "lease_owner": ""}
        ledger.advance(row, OrderState.PENDING_CANCEL, reason="the rest is not wanted", **due)
        nudges.wake("execution.send_due_orders")
    else:
        keep_working(row)


def _bust(row: Order, trade: VenueTrade) -> int:
    """Take a booked trade back by its opposite; one whose trade is not booked yet waits for it.

    What an order that works still may fill grows again by the units: the venue may or may not work them, so
    the worst case stays reserved. Nothing of a filled order works any more: it becomes CANCELED.
    """
    original = Fill.objects.filter(order=row, trade_id=trade.refers_to, kind=FillKind.TRADE).first()
    if original is None or original.corrections.exists():
        return 0
    undone = changed(trade, side=OPPOSITE[original.side], fee=-trade.fee)
    _store(row, undone, FillKind.BUST, corrects=original)
    _move_position(row, undone)
    reserved = row.reserved_quantity + (trade.quantity if row.state in WORKING else ZERO)
    filled = row.filled_quantity - trade.quantity
    paid = (row.average_price or ZERO) * row.filled_quantity - trade.price * trade.quantity
    is_undone = row.state == OrderState.FILLED and filled < row.quantity
    state = OrderState.CANCELED if is_undone else row.state
    _follow(row, state, trade, filled=filled, paid=paid, reserved=reserved)
    nudges.hint("fleet", f"bot:{row.bot_id}")
    return 1


def _busted(row: Order) -> Decimal:
    """The units of the order's fills that the venue took back."""
    return Fill.objects.filter(order=row, kind=FillKind.BUST).aggregate(total=Sum("quantity"))["total"] or ZERO


def _is_used_up(row: Order) -> bool:
    """Whether all of the order has filled and the venue took a part of it back: the rest works no more."""
    busted = _busted(row)
    return row.state in WORKING and busted > 0 and row.filled_quantity + busted >= row.quantity


def _move_position(row: Order, trade: VenueTrade) -> None:
    """Let exposure and position follow a fill."""
    risk.adjust_position(scope=row.bot.scope, instrument=row.instrument, side=trade.side, quantity=trade.quantity)
    position, _ = Position.objects.select_for_update().get_or_create(
        bot=row.bot, account=row.account, instrument=row.instrument
    )
    before = Holding(position.quantity, position.average_price, position.realised_pnl, position.fees)
    after = apply_fill(before, Side(trade.side), trade.quantity, trade.price, trade.fee, row.instrument.multiplier)
    position.quantity, position.average_price = after.quantity, after.average_price
    position.realised_pnl, position.fees = after.realised_pnl, after.fees
    position.save(update_fields=["quantity", "average_price", "realised_pnl", "fees"])
    valuing.revalue(position, price=trade.price, order=row)


def due_again(sync: AccountSync, *, has_answered: bool, retry_in_s: float | None = None) -> None:
    """Make the next sync due: soon, with back-off while the venue does not answer, or when it may be called again."""
    if retry_in_s is not None:
        claims.settle(sync, due_in_s=retry_in_s)
    elif has_answered:
        claims.settle(sync, due_in_s=_sync_every_s(sync.account))
    else:
        AccountSync.objects.filter(pk=sync.pk).update(failures=F("failures") + 1)
        claims.settle(sync, due_in_s=min(30, 2 ** min(sync.failures, 5)))


def _sync_every_s(account: Account) -> float:
    """Seconds between syncs: one, or what their share of the venue's bound on calls allows."""
    per_minute = venues.capabilities_of(account).requests_per_minute * SYNC_SHARE
    return max(1.0, 60 * SYNC_CALLS / per_minute)
