"""Disagreements put into the venue's books on purpose, for drills and tests of reconciliation."""

from decimal import Decimal

from django.conf import settings
from django.db import transaction
from quarterdeck.decimals import EXACT

from apps.common.errors import Refused
from apps.common.ids import uuid7
from apps.venues.adapters.base import VenueOrderState
from apps.venues.paper import books, corrections
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition, PaperTrade
from apps.venues.paper.services import lock_account


def _lock(account_name: str) -> PaperAccount:
    if not settings.DEMO_ALLOWED:
        raise Refused("DEMO_ONLY", "the venue's books are only altered where demos are allowed")
    return lock_account(account_name)


def inject_trade(*, account_name: str, symbol: str, side: str, quantity: Decimal, price: Decimal) -> PaperTrade:
    """A whole trade that we never sent: order, execution, position and cash. Refused DEMO_ONLY elsewhere."""
    with transaction.atomic():
        market = PaperMarket.objects.select_for_update().get(symbol=symbol)
        account = _lock(account_name)
        stray = uuid7()
        order = PaperOrder.objects.create(
            account=account,
            client_order_id=f"stray-{stray.hex}",
            symbol=symbol,
            side=side,
            order_type="MARKET",
            time_in_force="IOC",
            quantity=quantity,
            filled_quantity=quantity,
            average_price=price,
            state=VenueOrderState.FILLED,
            eligible_from_ms=market.matched_until_ms,
        )
        return books.book_trade(
            account, market, order, quantity=quantity, price=price, fee=Decimal(0), trade_id=f"stray-{stray.hex}"
        )


def inject_bust(*, account_name: str, trade_id: str | None = None) -> PaperTrade:
    """Undo a trade, the account's last one unless named, as corrections.bust. Refused DEMO_ONLY elsewhere."""
    with transaction.atomic():
        _lock(account_name)
        return corrections.bust(account_name=account_name, trade_id=trade_id)


def inject_position(*, account_name: str, symbol: str, quantity: Decimal) -> None:
    """Change the position by a signed quantity without any trade. Refused DEMO_ONLY elsewhere."""
    with transaction.atomic():
        account = _lock(account_name)
        held, _ = PaperPosition.objects.get_or_create(account=account, symbol=symbol)
        held.quantity = EXACT.add(Decimal(held.quantity), quantity)
        held.save(update_fields=["quantity"])


def inject_cash(*, account_name: str, amount: Decimal) -> None:
    """Change the cash by a signed amount without any trade. Refused DEMO_ONLY elsewhere."""
    with transaction.atomic():
        account = _lock(account_name)
        books.move_cash(account, amount)
