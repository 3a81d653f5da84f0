"""The books of scopes: what they add up, who gets the last unit, and the command that must agree."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order, Position
from apps.risk import services as risk
from apps.risk.models import Limit, ScopeBook
from apps.venues.models import Account, Venue
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY


def book_of(floor: Floor, scope: Any) -> ScopeBook:
    """The book of a scope."""
    return ScopeBook.objects.get(scope=scope)


def every_scope(floor: Floor) -> list[Any]:
    """The scopes that one order of the floor's bot concerns, but for the firm's."""
    account = floor.account
    return [floor.bot.scope, floor.bot.strategy.scope, account.bucket.scope, account.scope, account.venue.scope]


def limit(scope: Any, kind: str, value: str) -> None:
    """Set a limit directly."""
    with acting(**BY):
        Limit.objects.update_or_create(
            scope=scope, kind=kind, defaults={"value": Decimal(value), "set_by": "job:tests"}
        )


def test_a_working_order_counts_on_every_scope_above_it(floor: Floor) -> None:
    floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    for scope in every_scope(floor):
        book = book_of(floor, scope)
        assert (book.buying, book.selling, book.open_orders) == (Decimal(200), 0, 1), scope


def test_a_denied_order_counts_nowhere(floor: Floor) -> None:
    floor.place(quantity="11")

    assert set(ScopeBook.objects.values_list("buying", "open_orders")) == {(0, 0)}


def test_a_cancelled_order_gives_everything_back(floor: Floor) -> None:
    order = floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    execution.cancel(order=order, **BY)

    assert set(ScopeBook.objects.values_list("buying", "open_orders")) == {(0, 0)}


def test_a_fill_moves_from_working_to_held(floor: Floor) -> None:
    floor.hold_position("2")

    position = Position.objects.get()
    book = book_of(floor, floor.account.scope)
    assert (book.buying, book.open_orders) == (0, 0)
    assert (book.gross, book.net) == (position.value_base, position.value_base)
    assert position.value_base == 2 * position.average_price


def test_a_sale_takes_the_value_off_again(floor: Floor) -> None:
    floor.hold_position("2")
    floor.place(side="SELL", quantity="2", purpose="EXIT")
    work_orders()
    floor.pass_time(2)
    execution.sync_account(floor.account)

    book = book_of(floor, floor.bot.scope)
    assert (book.gross, book.net, book.selling, book.open_orders) == (0, 0, 0, 0)
    assert book.pnl == Position.objects.get().pnl_base != 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [("gross_exposure", "GROSS_ABOVE_LIMIT"), ("net_exposure", "NET_ABOVE_LIMIT")],
)
@pytest.mark.parametrize("index", range(5))
def test_each_scopes_own_limit_is_compared_with_its_own_sum(floor: Floor, kind: str, code: str, index: int) -> None:
    limit(every_scope(floor)[index], kind, "250")
    floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    denied = floor.place(quantity="1", order_type="LIMIT", limit_price="100")

    assert denied.codes == [code]
    assert book_of(floor, floor.bot.scope).buying == 200


def test_an_order_that_just_fits_is_accepted(floor: Floor) -> None:
    limit(floor.account.bucket.scope, "gross_exposure", "300")
    floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    assert floor.place(quantity="1", order_type="LIMIT", limit_price="100").codes == []


def test_the_number_of_open_orders_is_bounded_per_scope(floor: Floor) -> None:
    limit(floor.account.scope, "open_orders", "1")
    floor.place(order_type="LIMIT", limit_price="100")

    assert floor.place(order_type="LIMIT", limit_price="99").codes == ["OPEN_ORDERS_ABOVE_LIMIT"]


def test_an_exit_passes_sums_that_are_full(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor.account.scope, "gross_exposure", "1")
    limit(floor.account.scope, "open_orders", "0")

    assert floor.place(side="SELL", quantity="2", purpose="EXIT").codes == []


def test_books_that_nobody_marked_lately_open_nothing(floor: Floor) -> None:
    ScopeBook.objects.update(marked_at=wall_now() - timedelta(seconds=61))

    denied = execution.place(ticket=floor.ticket(), **BY)

    assert "PNL_STALE" in denied.codes


def test_a_loss_of_the_day_stops_what_opens_and_not_what_closes(floor: Floor) -> None:
    floor.hold_position("2")
    limit(floor.bot.scope, "daily_loss", "50")
    ScopeBook.objects.filter(scope=floor.bot.scope).update(pnl=Decimal(-50), pnl_at_open=0)

    assert execution.place(ticket=floor.ticket(), **BY).codes == ["DAILY_LOSS_REACHED"]
    assert execution.place(ticket=floor.ticket(side="SELL", purpose="EXIT"), **BY).codes == []


def test_a_drawdown_stops_what_opens(floor: Floor) -> None:
    limit(floor.account.scope, "drawdown", "50")
    ScopeBook.objects.filter(scope=floor.account.scope).update(pnl=Decimal(100), pnl_peak=Decimal(150), pnl_at_open=0)

    assert execution.place(ticket=floor.ticket(), **BY).codes == ["DRAWDOWN_REACHED"]


def test_the_rebuilt_books_agree_with_what_stood(floor: Floor) -> None:
    floor.hold_position("2")
    floor.place(quantity="1", order_type="LIMIT", limit_price="99")
    floor.place(quantity="1", order_type="LIMIT", limit_price="97.5")

    assert execution.rebuild_books() == {}


def test_the_rebuild_finds_and_mends_a_book_that_is_wrong(floor: Floor) -> None:
    floor.place(quantity="1", order_type="LIMIT", limit_price="99")
    ScopeBook.objects.filter(scope=floor.bot.scope).update(buying=Decimal(7))

    with pytest.raises(CommandError):
        call_command("rebuild_exposure", "--check", stdout=StringIO())
    assert book_of(floor, floor.bot.scope).buying == 7
    call_command("rebuild_exposure", stdout=StringIO())

    assert book_of(floor, floor.bot.scope).buying == 100
    assert Order.objects.count() == 1


def test_a_rebuilt_profit_leaves_the_loss_of_the_day_and_from_the_peak_as_they_were(floor: Floor) -> None:
    floor.place(quantity="1", order_type="LIMIT", limit_price="100")
    ScopeBook.objects.filter(scope=floor.bot.scope).update(pnl=Decimal(40), pnl_at_open=Decimal(45), pnl_peak=60)

    execution.rebuild_books()

    book = book_of(floor, floor.bot.scope)
    assert (book.pnl, book.pnl_at_open - book.pnl, book.pnl_peak - book.pnl) == (0, 5, 20)


def test_paper_uses_up_no_room_of_real_money(floor: Floor) -> None:
    limit(floor.bot.scope, "open_orders", "1")
    risk.open_books([floor.bot.scope_id], mode="live")
    ScopeBook.objects.filter(scope=floor.bot.scope, mode="live").update(open_orders=1, gross=Decimal(10**9))

    order = floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    assert order.state == "INITIALIZED"
    books = dict(ScopeBook.objects.filter(scope=floor.bot.scope).values_list("mode", "open_orders"))
    assert books == {"live": 1, "paper": 1}
    assert "OPEN_ORDERS_ABOVE_LIMIT" in floor.place(quantity="1", order_type="LIMIT", limit_price="99").codes


def test_real_money_is_valued_on_a_book_of_its_own(floor: Floor) -> None:
    with acting(**BY):
        Venue.objects.update(mode="live")
        Account.objects.update(mode="live", environment="live")
        Deployment.objects.update(mode="live", environment="live")
    floor.account.refresh_from_db()
    ScopeBook.objects.all().delete()

    execution.mark_books()
    floor.place(quantity="2", order_type="LIMIT", limit_price="100")

    books = set(ScopeBook.objects.filter(scope__in=every_scope(floor)).values_list("mode", "buying", "open_orders"))
    assert books == {("live", Decimal(200), 1)}
    assert execution.rebuild_books() == {}
