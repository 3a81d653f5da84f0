"""What venues do after the fact: undo a trade, or trade an order that they have just called cancelled."""

from decimal import Decimal

from django.db import transaction
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.common.errors import NotFound
from apps.common.nudges import wake
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.runtime.simulator import SimConfig, cash_delta, fee_for
from apps.venues.adapters.base import VenueOrderState
from apps.venues.paper import books
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition, PaperTrade
from apps.venues.paper.services import cancel, lock_account, position_of
from apps.venues.paper.states import TradeKind

ZERO = Decimal(0)
SYNC_TASK = "execution.sync_due_accounts"


def bust(*, account_name: str, trade_id: str | None = None) -> PaperTrade:
    """Undo a trade, the account's last one unless named: position, cash and the order's filled quantity go back.

    What is left of its order is cancelled. The report is a trade of kind bust with the next sequence. Raises
    NotFound TRADE_UNKNOWN when there is none that stands, VenueRejected ACCOUNT_UNKNOWN.
    """
    with transaction.atomic():
        account = lock_account(account_name)
        trade = _standing(account, trade_id)
        market = PaperMarket.objects.get(symbol=trade.symbol)
        report = PaperTrade.objects.create(
            order=trade.order,
            account=account,
            sequence=books.last_sequence(account) + 1,
            trade_id=f"{trade.trade_id}-bust",
            symbol=trade.symbol,
            side=trade.side,
            quantity=trade.quantity,
            price=trade.price,
            fee=trade.fee,
            market_ms=market.matched_until_ms,
            kind=TradeKind.BUST,
            refers_to=trade.trade_id,
        )
        delta = cash_delta(Side(trade.side), trade.quantity, trade.price, trade.fee, market.multiplier)
        books.move_cash(account, EXACT.minus(delta))
        _undo_position(account, market, trade)
        _undo_order(trade)
        wake(SYNC_TASK)
    return report


def _standing(account: PaperAccount, trade_id: str | None) -> PaperTrade:
    undone = PaperTrade.objects.filter(account=account, kind=TradeKind.BUST).values("refers_to")
    trades = PaperTrade.objects.filter(account=account, kind=TradeKind.TRADE).exclude(trade_id__in=undone)
    if trade_id is not None:
        trades = trades.filter(trade_id=trade_id)
    trade = trades.select_related("order").order_by("-sequence").first()
    if trade is None:
        raise NotFound("TRADE_UNKNOWN", "the account has no such trade that stands")
    return trade


def _undo_position(account: PaperAccount, market: PaperMarket, trade: PaperTrade) -> None:
    """The quantity moves back; the average is that of the trades that still stand."""
    held = PaperPosition.objects.get(account=account, symbol=trade.symbol)
    move_back = EXACT.subtract if trade.side == Side.BUY else EXACT.add
    held.quantity = move_back(held.quantity, trade.quantity)
    trades = books.standing_trades(account, trade.symbol)
    held.average_price = books.holding_of(trades, market.multiplier).average_price
    held.save(update_fields=["quantity", "average_price"])


def _undo_order(trade: PaperTrade) -> None:
    order = PaperOrder.objects.get(pk=trade.order_id)
    standing = [other for other in books.standing_trades(trade.account, trade.symbol) if other.order_id == order.pk]
    order.filled_quantity = EXACT.subtract(order.filled_quantity, trade.quantity)
    order.average_price = books.average_of(standing)
    if order.state in (VenueOrderState.OPEN, VenueOrderState.FILLED):
        order.state, order.reject_code, order.reserved = VenueOrderState.CANCELED, "TRADE_BUSTED", ZERO
    order.save()


def cancel_then_fill(*, account_name: str, client_order_id: str) -> PaperOrder:
    """Answer a cancel, and only then let the rest of the order trade; the answer knows nothing of that.

    Trades at the limit price, else at the market's last close, and never more than a sell or a reduction may.
    Raises VenueRejected as a cancel does.
    """
    with transaction.atomic():
        account = lock_account(account_name)
        order = PaperOrder.objects.filter(account=account, client_order_id=client_order_id).first()
        answer = cancel(account_name=account_name, client_order_id=client_order_id)
        if order is not None and order.state == VenueOrderState.OPEN:
            _fill_rest(account, order)
    return answer


def _fill_rest(account: PaperAccount, order: PaperOrder) -> None:
    market = PaperMarket.objects.get(symbol=order.symbol)
    config = SimConfig.from_json(market.simulation)
    quantity = min(EXACT.subtract(order.quantity, order.filled_quantity), _may_trade(account, order, config))
    price = order.limit_price or _last_close(market)
    order.state, order.reserved = VenueOrderState.CANCELED, ZERO
    if quantity > 0 and price is not None:
        fee = fee_for(quantity, price, "TAKER", market.instrument(), config)
        books.book_trade(
            account, market, order, quantity=quantity, price=price, fee=fee, trade_id=f"{order.pk.hex}-late"
        )
        order.filled_quantity = EXACT.add(order.filled_quantity, quantity)
        order.average_price = books.average_of(list(order.trades.order_by("sequence")))
        if order.filled_quantity == order.quantity:
            order.state = VenueOrderState.FILLED
        wake(SYNC_TASK)
    order.save()


def _may_trade(account: PaperAccount, order: PaperOrder, config: SimConfig) -> Decimal:
    held = position_of(account, order.symbol)
    closable = max(ZERO, held if order.side == Side.SELL else EXACT.minus(held))
    may_only_close = order.is_reduce_only or (order.side == Side.SELL and not config.allow_short)
    return closable if may_only_close else order.quantity


def _last_close(market: PaperMarket) -> Decimal | None:
    bar = markets.last_bar(Feed.objects.select_related("dataset", "instrument").get(name=market.feed))
    return bar.close if bar else None
