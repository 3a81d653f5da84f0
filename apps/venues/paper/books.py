"""One execution outside matching in the venue's books: position, cash and the trade's own row."""

from decimal import Decimal

from django.db.models import Max
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.runtime.simulator import Holding, apply_fill, cash_delta
from apps.venues.paper import rules
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition, PaperTrade
from apps.venues.paper.states import TradeKind


def last_sequence(account: PaperAccount) -> int:
    """The sequence of the account's newest trade, 0 before the first; the account's row is locked."""
    return PaperTrade.objects.filter(account=account).aggregate(last=Max("sequence"))["last"] or 0


def book_trade(
    account: PaperAccount,
    market: PaperMarket,
    order: PaperOrder,
    *,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal,
    trade_id: str,
) -> PaperTrade:
    """Put an execution of `order` into position, cash and trades; the account's row is locked."""
    side = Side(order.side)
    held, _ = PaperPosition.objects.get_or_create(account=account, symbol=market.symbol)
    holding = Holding(Decimal(held.quantity), Decimal(held.average_price))
    holding = apply_fill(holding, side, quantity, price, fee, market.multiplier)
    held.quantity, held.average_price = holding.quantity, holding.average_price
    held.save()
    move_cash(account, cash_delta(side, quantity, price, fee, market.multiplier))
    return PaperTrade.objects.create(
        order=order,
        account=account,
        sequence=last_sequence(account) + 1,
        trade_id=trade_id,
        symbol=market.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        fee=fee,
        market_ms=market.matched_until_ms,
    )


def move_cash(account: PaperAccount, amount: Decimal) -> None:
    """Add a signed amount to the cash of an account whose row is locked."""
    account.cash = EXACT.add(account.cash, amount)
    account.save(update_fields=["cash"])


def standing_trades(account: PaperAccount, symbol: str) -> list[PaperTrade]:
    """The account's trades of a symbol that were not undone, oldest first."""
    undone = PaperTrade.objects.filter(account=account, kind=TradeKind.BUST).values("refers_to")
    trades = PaperTrade.objects.filter(account=account, symbol=symbol, kind=TradeKind.TRADE)
    return list(trades.exclude(trade_id__in=undone).order_by("sequence"))


def holding_of(trades: list[PaperTrade], multiplier: Decimal) -> Holding:
    """What these trades add up to."""
    holding = Holding()
    for trade in trades:
        holding = apply_fill(holding, Side(trade.side), trade.quantity, trade.price, trade.fee, multiplier)
    return holding


def average_of(trades: list[PaperTrade]) -> Decimal | None:
    """The average price of an order's trades; None without any."""
    filled, price = Decimal(0), None
    for trade in trades:
        price = rules.average(filled, price, trade.quantity, trade.price)
        filled = EXACT.add(filled, trade.quantity)
    return price
