"""Our books: what the venue says of orders, and its trades, each booked exactly once."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Case, DecimalField, F, Sum, When
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.alerts import services as alerts
from apps.alerts.states import Tier
from apps.audit.context import acting, job
from apps.common import claims, nudges
from apps.common.clocks import from_ms, wall_now
from apps.execution.models import AccountSync, Fill, Order, Position
from apps.execution.services import ledger
from apps.execution.states import TERMINAL, WORKING, OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.runtime.simulator import Holding, apply_fill
from apps.venues import services as venues
from apps.venues.adapters.base import VenueOrder, VenueOrderState, VenueTrade
from apps.venues.models import Account

log = structlog.get_logger(__name__)
ACTOR = job("sync")
TRADES_PER_CALL = 500
PRICE_STEP = Decimal(1).scaleb(-18)
ENDED = {
    VenueOrderState.REJECTED: OrderState.REJECTED,
    VenueOrderState.CANCELED: OrderState.CANCELED,
    VenueOrderState.EXPIRED: OrderState.EXPIRED,
}


def absorb(order: Order, answer: VenueOrder, *, reason: str) -> None:
    """Take over what the venue says of an order. Fills themselves are booked from trades only."""
    with acting(ACTOR, reason):
        row = ledger.locked(order)
        if row.state in TERMINAL:
            return
        if row.state in (OrderState.SUBMITTING, OrderState.UNKNOWN) and answer.state != VenueOrderState.REJECTED:
            ledger.advance(row, _working_state(row), reason=reason, venue_order_id=answer.venue_order_id, due_at=None)
        if answer.state in ENDED:
            unbooked = max(Decimal(0), answer.filled_quantity - row.filled_quantity)
            codes = [answer.reject_code] if answer.reject_code else row.codes
            ledger.advance(row, ENDED[answer.state], reason=reason, codes=codes, keep_reserved=unbooked)
        elif row.state != OrderState.PENDING_CANCEL:
            _keep_working(row)
        nudges.hint("fleet")


def rest(order: Order) -> None:
    """Nothing is due of an order at the venue, unless somebody wants it cancelled."""
    with acting(ACTOR, "nothing is due"):
        row = ledger.locked(order)
        if row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            _keep_working(row)


def _working_state(row: Order) -> str:
    return OrderState.PARTIALLY_FILLED if row.filled_quantity else OrderState.ACCEPTED


def _keep_working(row: Order) -> None:
    """An order at the venue has nothing due, unless somebody wants it cancelled."""
    if row.cancel_requested and row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        ledger.advance(row, OrderState.PENDING_CANCEL, due_at=wall_now(), lease_until=None, lease_owner="")
        nudges.wake("execution.send_due_orders")
    else:
        Order.objects.filter(pk=row.pk).update(due_at=None, lease_until=None, lease_owner="")


def sync_account(account: Account) -> int:
    """Book the venue's new trades of an account and the ends of its orders; how many trades were new.

    The cursor moves with each trade in one transaction, so a killed worker loses and doubles nothing.
    Raises venues' NoAnswer; what was booked until then stays.
    """
    with acting(ACTOR, "first sync"):
        sync, _ = AccountSync.objects.get_or_create(account=account, defaults={"due_at": wall_now()})
    adapter, booked = venues.adapter_for(account), 0
    still_open = {order.client_order_id for order in adapter.open_orders()}
    while trades := adapter.trades_since(sync.cursor, TRADES_PER_CALL):
        for trade in trades:
            booked += _book(account, trade)
        sync.cursor = trades[-1].sequence
    for order in _ended_elsewhere(account, still_open):
        found = adapter.order_by_client_id(order.client_order_id.hex)
        if found is not None and found.state != VenueOrderState.OPEN:
            absorb(order, found, reason="no longer open at the venue")
    for order in _given_up(account, still_open):
        found = adapter.order_by_client_id(order.client_order_id.hex)
        if found is not None and found.state == VenueOrderState.OPEN:
            _take_back(order, found)
    AccountSync.objects.filter(pk=sync.pk).update(answered_at=wall_now(), failures=0)
    return booked


def _given_up(account: Account, still_open: set[str]) -> list[Order]:
    """Orders that we hold for never sent and the venue lists as open."""
    ids = [found for found in map(_as_id, still_open) if found is not None]
    ours = Order.objects.filter(account=account, client_order_id__in=ids, state=OrderState.NOT_SENT)
    return list(ours.select_related(*ledger.RELATED))


def _take_back(order: Order, found: VenueOrder) -> None:
    """An order that arrived after we had given it up: count it again, cancel it there, and tell people."""
    reason = "the venue holds an order that we had given up"
    with acting(ACTOR, reason):
        exposure = risk.lock_exposure(scope=order.bot.scope, instrument=order.instrument)
        row = ledger.locked(order)
        if row.state != OrderState.NOT_SENT:
            return
        left = row.quantity - row.filled_quantity
        risk.reserve(exposure=exposure, side=row.side, quantity=left)
        ledger.advance(
            row,
            OrderState.PENDING_CANCEL,
            reason=reason,
            venue_order_id=found.venue_order_id,
            reserved_quantity=left,
            cancel_requested=True,
            due_at=wall_now(),
        )
        alerts.raise_alert(
            tier=Tier.CRITICAL,
            code="ORDER_ARRIVED_LATE",
            title=f"{row.bot}: {reason}; it is being cancelled",
            scope=row.bot.scope,
            target=row,
            dedup_key=f"order-arrived-late:{row.pk}",
            actor=ACTOR,
            reason=reason,
        )
        nudges.wake("execution.send_due_orders")


def _ended_elsewhere(account: Account, still_open: set[str]) -> list[Order]:
    """Orders that we hold for working and the venue does not list as open."""
    ours = Order.objects.filter(
        account=account,
        state__in=(OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL),
    ).select_related(*ledger.RELATED)
    return [order for order in ours if order.client_order_id.hex not in still_open]


def _book(account: Account, trade: VenueTrade) -> int:
    """Book one trade and move the cursor in one transaction; 1 when it was new and ours."""
    with acting(ACTOR, f"trade {trade.trade_id}"):
        order = _order_of(account, trade)
        row = None if order is None else ledger.locked(order)
        moved = AccountSync.objects.filter(account=account, cursor__lt=trade.sequence).update(cursor=trade.sequence)
        if row is None:
            log.warning("trade.not_ours", account=account.name, trade=trade.trade_id)
            return 0
        if not moved or Fill.objects.filter(account=account, trade_id=trade.trade_id).exists():
            return 0
        _fill(row, trade)
    return 1


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
    Fill.objects.create(
        account=row.account,
        order=row,
        bot=row.bot,
        instrument=row.instrument,
        trade_id=trade.trade_id,
        venue_sequence=trade.sequence,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        market_at=from_ms(trade.market_ms),
    )
    freed = min(row.reserved_quantity, trade.quantity)
    scope, instrument = row.bot.scope, row.instrument
    risk.unreserve(scope=scope, instrument=instrument, side=row.side, quantity=freed)
    risk.adjust_position(scope=scope, instrument=instrument, side=trade.side, quantity=trade.quantity)
    _advance_filled(row, trade, freed)
    _move_position(row, trade)
    nudges.hint("fleet", f"bot:{row.bot_id}")


def _advance_filled(row: Order, trade: VenueTrade, freed: Decimal) -> None:
    before = row.filled_quantity
    filled = before + trade.quantity
    paid = (row.average_price or Decimal(0)) * before + trade.price * trade.quantity
    state = OrderState.FILLED if filled >= row.quantity else _partial_state(row)
    row.reserved_quantity -= freed
    changes: dict[str, Any] = {
        "filled_quantity": filled,
        "average_price": EXACT.divide(paid, filled).quantize(PRICE_STEP, context=EXACT),
        "reserved_quantity": row.reserved_quantity,
        "venue_order_id": row.venue_order_id or trade.venue_order_id,
    }
    detail = {"trade_id": trade.trade_id, "quantity": str(trade.quantity), "price": str(trade.price)}
    if state == row.state or row.state == OrderState.FILLED:
        Order.objects.filter(pk=row.pk).update(**changes)
        ledger.append(row, detail=detail)
    else:
        ledger.advance(row, state, detail=detail, **changes)


def _partial_state(row: Order) -> str:
    """A fill of part of an order does not undo a pending cancel or an end."""
    working = row.state in (OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.ACCEPTED)
    return OrderState.PARTIALLY_FILLED if working else row.state


def _move_position(row: Order, trade: VenueTrade) -> None:
    position, _ = Position.objects.select_for_update().get_or_create(
        bot=row.bot, account=row.account, instrument=row.instrument
    )
    before = Holding(position.quantity, position.average_price, position.realised_pnl, position.fees)
    after = apply_fill(before, Side(trade.side), trade.quantity, trade.price, trade.fee, row.instrument.multiplier)
    position.quantity, position.average_price = after.quantity, after.average_price
    position.realised_pnl, position.fees = after.realised_pnl, after.fees
    position.save(update_fields=["quantity", "average_price", "realised_pnl", "fees"])


def rebuild_exposure(*, exposure: Exposure) -> Exposure:
    """Compute an exposure row anew from orders and fills, under its lock; it must agree with what stood."""
    with acting(job("rebuild"), "rebuild exposure"):
        row = Exposure.objects.select_for_update().get(pk=exposure.pk)
        fills = Fill.objects.filter(bot__scope=row.scope_id, instrument=row.instrument_id)
        orders = Order.objects.filter(bot__scope=row.scope_id, instrument=row.instrument_id)
        bought = fills.filter(side="BUY").aggregate(total=Sum("quantity"))["total"] or Decimal(0)
        sold = fills.filter(side="SELL").aggregate(total=Sum("quantity"))["total"] or Decimal(0)
        # An order that has ended still counts for fills that the venue has reported and we have not booked.
        left = Case(
            When(state__in=WORKING, then=F("quantity") - F("filled_quantity")),
            default=F("reserved_quantity"),
            output_field=DecimalField(),
        )
        working = dict(orders.values_list("side").annotate(total=Sum(left)))
        row.position = bought - sold
        row.working_buy = working.get("BUY", Decimal(0))
        row.working_sell = working.get("SELL", Decimal(0))
        row.save(update_fields=["position", "working_buy", "working_sell"])
    return row


def due_again(sync: AccountSync, *, has_answered: bool) -> None:
    """Make the next sync due: soon, or with back-off while the venue does not answer."""
    if has_answered:
        claims.settle(sync, due_in_s=1)
        return
    AccountSync.objects.filter(pk=sync.pk).update(failures=F("failures") + 1)
    claims.settle(sync, due_in_s=min(30, 2 ** min(sync.failures, 5)))
