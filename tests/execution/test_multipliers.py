"""Contracts of more or less than one unit, and firms that count in another currency than the market quotes.

Both are factors of every sum of money: what is paid, reserved, booked, valued and added up anew.
"""

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from apps.access.models import Firm
from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution.models import AccountSync, Fill, Order, Position
from apps.markets import selectors as market_state
from apps.risk.models import Limit, ScopeBook
from apps.venues import services as venues
from apps.venues.models import Account
from apps.venues.paper.adapter import PaperAdapter
from apps.venues.paper.models import PaperAccount
from tests.execution.builders import Floor, Line, make_floor, work_orders
from tests.markets.builders import BY, Wall, write_rate

OPENING_CASH = Decimal(100_000)


class Terms(NamedTuple):
    """A contract's size, and what a unit of its quote currency, USD, is worth in the firm's base currency."""

    multiplier: Decimal
    base_currency: str
    rate: Decimal


@pytest.fixture(
    params=[
        pytest.param(Terms(Decimal(50), "USD", Decimal(1)), id="fifty-units"),
        pytest.param(Terms(Decimal("0.01"), "USD", Decimal(1)), id="a-hundredth"),
        pytest.param(Terms(Decimal(1), "EUR", Decimal("0.8")), id="euro"),
        pytest.param(Terms(Decimal(50), "EUR", Decimal("0.8")), id="fifty-units-in-euro"),
    ]
)
def terms(request: pytest.FixtureRequest) -> Terms:
    """The terms that a test is played under."""
    found: Terms = request.param
    return found


@pytest.fixture
def floor(db: None, wall: Wall, folder: Path, monkeypatch: pytest.MonkeyPatch, terms: Terms) -> Floor:
    """A floor whose instrument and firm have these terms."""
    line = Line()

    def unguarded(account: Account) -> object:
        return line.wrap(PaperAdapter(account.name, timeout_s=5))

    monkeypatch.setattr(venues, "adapter_for", unguarded)
    made = make_floor(folder, wall, line, multiplier=str(terms.multiplier))
    if terms.base_currency != "USD":
        count_in(terms)
    return made


def count_in(terms: Terms) -> None:
    """Let the firm count in its base currency."""
    with acting(**BY):
        Firm.objects.update(base_currency=terms.base_currency)
    write_rate("USD", terms.base_currency, str(terms.rate))


def sell_one(floor: Floor) -> Fill:
    """Get out of one contract, booked on both sides."""
    floor.place(side="SELL", purpose="EXIT", is_reduce_only=True)
    work_orders()
    floor.pass_time(2)
    execution.sync_account(floor.account)
    return Fill.objects.get(side="SELL")


def book(floor: Floor) -> ScopeBook:
    """The bot's."""
    return ScopeBook.objects.get(scope=floor.bot.scope)


def test_the_venue_and_our_books_pay_for_whole_contracts(floor: Floor, terms: Terms) -> None:
    floor.hold_position("2")
    bought = Fill.objects.get()
    sold = sell_one(floor)

    cash = OPENING_CASH + (sold.price - 2 * bought.price) * terms.multiplier
    assert (PaperAccount.objects.get().cash, AccountSync.objects.get().cash) == (cash, cash)
    position = Position.objects.get()
    assert (position.quantity, position.average_price) == (1, bought.price)
    assert position.realised_pnl == (sold.price - bought.price) * terms.multiplier


def test_a_working_order_counts_as_whole_contracts_in_base_currency(floor: Floor, terms: Terms) -> None:
    order = floor.place(quantity="2", order_type="LIMIT", limit_price="99")

    bar = market_state.last_bar(floor.feed)
    assert bar is not None
    assert bar.close > 99
    unit = bar.close * terms.multiplier * terms.rate
    assert (order.state, order.unit_base, book(floor).buying) == ("INITIALIZED", unit, 2 * unit)

    execution.cancel(order=order, **BY)

    assert book(floor).buying == 0


def test_a_limit_of_money_is_met_by_whole_contracts_in_base_currency(floor: Floor, terms: Terms) -> None:
    bar = market_state.last_bar(floor.feed)
    assert bar is not None
    worth = 2 * bar.close * terms.multiplier * terms.rate
    notional = Limit.objects.filter(scope=floor.bot.scope, kind="order_notional")
    with acting(**BY):
        notional.update(value=worth)
    assert floor.place(quantity="2").codes == []

    with acting(**BY):
        notional.update(value=worth - Decimal("0.000001"))

    assert floor.place(quantity="2").codes == ["NOTIONAL_ABOVE_LIMIT"]
    assert Order.objects.exclude(state="DENIED").count() == 1


def test_value_and_profit_are_of_whole_contracts_in_base_currency(
    floor: Floor, terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("3")
    bought = Fill.objects.get()
    sold = sell_one(floor)
    bar = market_state.last_bar(floor.feed)
    assert bar is not None
    moved = SimpleNamespace(close=Decimal(110), end_ms=bar.end_ms)
    monkeypatch.setattr(market_state, "last_bar", lambda _: moved)

    assert execution.mark_books() == 1

    unit = terms.multiplier * terms.rate
    earned = (2 * (110 - bought.price) + sold.price - bought.price) * unit
    position = Position.objects.get()
    assert (position.value_base, position.pnl_base) == (220 * unit, earned)
    for scope in (floor.bot.scope, floor.account.scope, Firm.objects.get().scope):
        of_scope = ScopeBook.objects.get(scope=scope)
        assert (of_scope.gross, of_scope.net, of_scope.pnl) == (220 * unit, 220 * unit, earned)


def test_books_that_are_added_up_anew_agree_and_lost_ones_come_back(floor: Floor) -> None:
    floor.hold_position("2")
    floor.place(order_type="LIMIT", limit_price="99")
    before = book(floor)
    assert (before.gross > 0, before.buying > 0) == (True, True)
    assert execution.rebuild_books() == {}

    ScopeBook.objects.update(gross=0, net=0, buying=0, pnl=0)

    assert floor.bot.scope_id in {scope for scope, _ in execution.rebuild_books()}
    after = book(floor)
    assert (after.gross, after.net, after.buying, after.pnl) == (before.gross, before.net, before.buying, before.pnl)
