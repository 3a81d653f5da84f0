"""A paper venue with one account and one market, and orders for it."""

import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connections
from quarterdeck.decimals import EXACT
from quarterdeck.events import Side

from apps.access import services as access
from apps.access.models import RiskBucket
from apps.markets.models import Feed
from apps.runtime.simulator import cash_delta
from apps.venues import services as venues
from apps.venues.adapters.base import SubmitRequest
from apps.venues.models import Account, Venue
from apps.venues.paper import services as paper
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperAccount, PaperOrder, PaperPosition, PaperTrade
from tests.markets.builders import BY, make_feed, make_firm

ACCOUNT = "alpha-paper"


def list_paper(
    folder: Path, closes: Sequence[str], *, simulation: dict[str, object] | None = None, **feed: Any
) -> Feed:
    """A feed whose instrument trades at the paper venue without costs, one bar after the start."""
    opened = make_feed(folder, closes, **({"hours_in": 1} | feed))
    paper.list_market(feed=opened, simulation=simulation or {})
    return opened


def open_paper(cash: str = "10000", name: str = ACCOUNT, currency: str = "USD") -> PaperAdapter:
    """An account in the venue's books, and the bare adapter to it."""
    paper.open_account(name=name, currency=currency, opening_cash=cash)
    return PaperAdapter(name, timeout_s=5)


def make_request(client_order_id: str = "one", **overrides: Any) -> SubmitRequest:
    """A market order to buy 1 BTC-USD until cancelled."""
    fields: dict[str, Any] = {
        "client_order_id": client_order_id,
        "symbol": "BTC-USD",
        "side": "BUY",
        "order_type": "MARKET",
        "time_in_force": "GTC",
        "quantity": Decimal(1),
    }
    for name in ("quantity", "limit_price", "stop_price"):
        if isinstance(overrides.get(name), str):
            overrides[name] = Decimal(overrides[name])
    return SubmitRequest(**(fields | overrides))


def make_bucket() -> RiskBucket:
    """A bucket of a desk."""
    make_firm()
    known = RiskBucket.objects.first()
    return known or access.make_bucket(desk=access.make_desk(name="Alpha", **BY), name="alpha", **BY)


def make_venue(**overrides: Any) -> Venue:
    """The paper venue."""
    make_firm()
    fields: dict[str, Any] = {"name": "paper", "adapter": "paper", "mode": "paper"}
    return venues.make_venue(**(fields | overrides), **BY)


def make_account(**overrides: Any) -> Account:
    """Our record of an account at the paper venue."""
    fields: dict[str, Any] = {
        "name": ACCOUNT,
        "environment": "paper",
        "currency": "USD",
        "opening_cash": "10000",
        "bucket": make_bucket(),
    }
    if "venue" not in overrides:
        overrides["venue"] = Venue.objects.first() or make_venue()
    return venues.make_account(**(fields | overrides), **BY)


def check_books() -> None:
    """Cash and position follow from the trades less the busts; trades count up without gaps; so do orders' fills."""
    for account in PaperAccount.objects.all():
        trades = list(PaperTrade.objects.filter(account=account).order_by("sequence"))
        assert [trade.sequence for trade in trades] == list(range(1, len(trades) + 1))
        assert account.cash == account.opening_cash + sum(map(_cash_of, trades), Decimal(0))
        for held in PaperPosition.objects.filter(account=account):
            assert held.quantity == sum(_signed(trade) for trade in trades if trade.symbol == held.symbol)
    for order in PaperOrder.objects.all():
        filled = [trade.quantity if trade.kind == "trade" else -trade.quantity for trade in order.trades.all()]
        assert order.filled_quantity == sum(filled)
        assert order.state == "open" or order.reserved == 0


def _cash_of(trade: PaperTrade) -> Decimal:
    cash = cash_delta(Side(trade.side), trade.quantity, trade.price, trade.fee, Decimal(1))
    return cash if trade.kind == "trade" else EXACT.minus(cash)


def _signed(trade: PaperTrade) -> Decimal:
    return trade.quantity if (trade.side == "BUY") == (trade.kind == "trade") else -trade.quantity


def work_in_threads(*jobs: Callable[[], object]) -> None:
    """Run each job in a thread of its own, with its own connection; the first failure is raised."""
    failures: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
