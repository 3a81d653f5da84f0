"""The same order, trade, position and cash in our books and in the venue's, by hand."""

from decimal import Decimal
from typing import Any

from apps.audit.context import acting
from apps.common.clocks import to_ms
from apps.execution.models import Order, Position
from apps.reconciliation import services
from apps.reconciliation.models import Break, ReconciliationRun
from apps.venues.models import Account
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition, PaperTrade
from tests.api.world import START, Side

BY = {"actor": "job:tests", "reason": "arranged by a test"}


def make_both_books(side: Side) -> None:
    """Our 0.1 BTC-USD at 60,000 with a fee of 1 from opening cash of 100,000, and the same at the venue."""
    with acting(**BY):
        Break.objects.all().delete()
        ReconciliationRun.objects.all().delete()
        Account.objects.filter(pk=side.account.pk).update(opening_cash=Decimal(100_000))
        Order.objects.filter(pk=side.order.pk).update(
            state="PARTIALLY_FILLED", filled_quantity=Decimal("0.1"), venue_order_id="v-1"
        )
        Position.objects.filter(pk=side.position.pk).update(quantity=Decimal("0.1"))
    PaperMarket.objects.create(
        symbol="BTC-USD",
        feed=side.feed.name,
        matched_until_ms=to_ms(START),
        simulation={},
        lot_size=Decimal("0.0001"),
        tick_size=Decimal("0.01"),
        currency="USD",
    )
    account, _ = PaperAccount.objects.update_or_create(
        name=side.account.name,
        defaults={"currency": "USD", "opening_cash": Decimal(100_000), "cash": Decimal(93_999)},
    )
    order = PaperOrder.objects.create(
        account=account,
        client_order_id=side.order.client_order_id.hex,
        symbol="BTC-USD",
        side="BUY",
        order_type="LIMIT",
        time_in_force="GTC",
        quantity=side.order.quantity,
        limit_price=side.order.limit_price,
        filled_quantity=Decimal("0.1"),
        average_price=Decimal(60_000),
        state="open",
        eligible_from_ms=to_ms(START),
    )
    make_trade(order, trade_id="t-1", fee=Decimal(1))
    PaperPosition.objects.create(
        account=account, symbol="BTC-USD", quantity=Decimal("0.1"), average_price=Decimal(60_000)
    )


def make_trade(order: PaperOrder, **overrides: Any) -> PaperTrade:
    """A trade of 0.1 at 60,000 at the venue."""
    fields: dict[str, Any] = {
        "order": order,
        "account": order.account,
        "sequence": PaperTrade.objects.count() + 1,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": Decimal("0.1"),
        "price": Decimal(60_000),
        "fee": Decimal(0),
        "market_ms": to_ms(START),
    }
    return PaperTrade.objects.create(**fields | overrides)


def reconcile(account: Account) -> ReconciliationRun:
    """Ask for a run and run it."""
    services.request_run(account=account, trigger="person", **BY)
    services.run_due()
    return ReconciliationRun.objects.filter(account=account).latest("id")


def open_breaks() -> set[tuple[str, str]]:
    """Kind and severity of every open break that a run found."""
    return set(Break.objects.filter(state="open").exclude(first_run__state="due").values_list("kind", "severity"))
