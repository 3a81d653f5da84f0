"""Positions at their last price, and the books above them: what moves, what rolls, what stays unknown."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from apps.access.models import Firm
from apps.audit.context import acting
from apps.bots.states import Mode
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution.models import Order, Position
from apps.execution.services import valuing
from apps.markets import selectors as market_state
from apps.markets import services as markets
from apps.risk.models import Exposure, ScopeBook
from tests.builders import make_user
from tests.execution.builders import Floor, work_orders
from tests.execution.test_gateway import place_for, second_bot
from tests.markets.builders import BY, write_rate


def book(floor: Floor) -> ScopeBook:
    """The bot's."""
    return ScopeBook.objects.get(scope=floor.bot.scope)


def move_price(floor: Floor, monkeypatch: pytest.MonkeyPatch, price: str) -> None:
    """The feed's last price becomes this one."""
    bar = market_state.last_bar(floor.feed)
    assert bar is not None
    moved = SimpleNamespace(close=Decimal(price), end_ms=bar.end_ms)
    monkeypatch.setattr(market_state, "last_bar", lambda _: moved)


def test_value_and_profit_follow_the_price(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    paid = Position.objects.get().average_price
    move_price(floor, monkeypatch, "110")

    assert execution.mark_books() == 1

    row = Position.objects.get()
    assert (row.value_base, row.pnl_base) == (220, 220 - 2 * paid)
    assert (book(floor).gross, book(floor).net, book(floor).pnl) == (220, 220, row.pnl_base)
    assert execution.rebuild_books() == {}


def test_a_short_position_counts_its_size_and_its_sign(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    with acting(**BY):
        Position.objects.update(quantity=-2)
    got = Position.objects.get().average_price
    move_price(floor, monkeypatch, "110")
    execution.mark_books()

    assert (book(floor).gross, book(floor).net, book(floor).pnl) == (220, -220, 2 * got - 220)


def test_an_unchanged_price_changes_nothing_and_marks_anew(floor: Floor) -> None:
    floor.hold_position("2")
    execution.mark_books()
    before = book(floor)
    floor.wall.advance(0.4)  # the next bar is a second away

    assert execution.mark_books() == 0

    after = book(floor)
    assert (after.gross, after.net, after.pnl) == (before.gross, before.net, before.pnl)
    assert after.marked_at == floor.wall.now


def test_two_bots_add_up_above_them(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    other = second_bot(floor)
    floor.hold_position("2")
    place_for(floor, other, quantity="1")
    work_orders()
    floor.pass_time(2)
    execution.sync_account(other.account)
    move_price(floor, monkeypatch, "110")
    execution.mark_books()

    assert ScopeBook.objects.get(scope=floor.account.bucket.scope).gross == 330
    assert (book(floor).gross, ScopeBook.objects.get(scope=other.bot.scope).gross) == (220, 110)


def test_the_peak_follows_the_profit_up_and_not_down(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    peaks = []
    for price in ("110", "120", "90"):
        move_price(floor, monkeypatch, price)
        execution.mark_books()
        peaks.append(book(floor).pnl_peak - book(floor).pnl)

    assert peaks == [0, 0, 60]


def test_a_new_trading_day_starts_from_the_present_profit(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    ScopeBook.objects.update(trading_day=None)
    days = [market_state.market_now(floor.feed).date() + timedelta(days=number) for number in (0, 0, 1, 0)]
    opened = []
    for day, price in zip(days, ("110", "120", "130", "140"), strict=True):
        move_price(floor, monkeypatch, price)
        monkeypatch.setattr(market_state, "trading_day", lambda *_, day=day: day)
        execution.mark_books()
        opened.append((book(floor).trading_day, book(floor).pnl - book(floor).pnl_at_open))

    assert [day for day, _ in opened] == [days[0], days[0], days[2], days[2]]
    assert [lost for _, lost in opened] == [0, 20, 0, 20]


def in_euro(floor: Floor) -> None:
    """The firm counts in a currency to which there is no rate."""
    with acting(**BY):
        Firm.objects.update(base_currency="EUR")


def test_without_a_rate_nothing_is_marked_and_nothing_opens(floor: Floor) -> None:
    floor.hold_position("2")
    execution.mark_books()
    before = book(floor)
    in_euro(floor)
    floor.wall.advance(61)
    markets.tick_feeds()

    assert execution.mark_books() == 0

    after = book(floor)
    assert (after.marked_at, after.gross, after.pnl) == (before.marked_at, before.gross, before.pnl)
    assert {"PNL_STALE", "FX_RATE_STALE"} <= set(execution.place(ticket=floor.ticket(), **BY).codes)


def test_a_fill_without_a_rate_is_booked_and_valued_when_there_is_one(floor: Floor) -> None:
    floor.place(quantity="2")
    work_orders()
    in_euro(floor)
    floor.pass_time(2)
    execution.sync_account(floor.account)
    unvalued = Position.objects.get()
    assert (unvalued.quantity, unvalued.value_base, Exposure.objects.get().position) == (2, 0, 2)

    write_rate("USD", "EUR", "0.5")
    assert execution.mark_books() == 1

    bar = market_state.last_bar(floor.feed)
    assert bar is not None
    assert (Position.objects.get().value_base, book(floor).gross) == (bar.close, bar.close)


def test_a_rate_that_waits_for_a_second_person_changes_no_exposure(floor: Floor) -> None:
    floor.hold_position("2")
    in_euro(floor)
    write_rate("USD", "EUR", "0.5")
    execution.mark_books()
    value = book(floor).gross
    owners = [make_user(name, "risk owner", Firm.objects.get().scope) for name in ("rita", "raj")]
    asked = markets.request_fx_rate(
        base="USD", quote="EUR", rate="0.25", valid_until=wall_now() + timedelta(hours=1), source="desk",
        actor=owners[0], reason="it was devalued",
    )  # fmt: skip

    execution.mark_books()
    assert (book(floor).gross, Position.objects.get().value_base) == (value, value)

    digest = asked.consent.digest
    markets.vote_fx_rate(request=asked, actor=owners[1], approve=True, reason="it was", digest=digest)
    execution.mark_books()
    assert book(floor).gross == value / 2


def test_one_bot_without_a_rate_leaves_the_scopes_of_others_marked(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = second_bot(floor)
    place_for(floor, other)
    value = valuing._value

    def broken(deployment: Any, currency: str) -> int:
        if deployment.pk == other.pk:
            raise Refused("FX_RATE_MISSING", "no rate")
        return value(deployment, currency)

    monkeypatch.setattr(valuing, "_value", broken)
    floor.wall.advance(1)
    execution.mark_books()

    shared, theirs = floor.account.bucket.scope, other.bot.scope
    assert book(floor).marked_at == floor.wall.now
    assert ScopeBook.objects.get(scope=shared).marked_at < floor.wall.now
    assert ScopeBook.objects.get(scope=theirs).marked_at < floor.wall.now


def test_what_goes_wrong_with_one_mode_leaves_the_other_marked(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []

    def mark(_: Any, mode: Mode, *__: Any) -> None:
        if mode == Mode.PAPER:
            raise RuntimeError("broken")
        marked.append(mode)

    monkeypatch.setattr(valuing, "_mark", mark)
    execution.mark_books()

    assert marked == [Mode.LIVE]


def test_what_a_stopped_bot_still_holds_is_valued(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.hold_position("2")
    deployments.pause(deployment=floor.deployment, **BY)
    move_price(floor, monkeypatch, "110")

    assert execution.mark_books() == 1
    assert book(floor).gross == 220


def test_books_made_for_orders_that_worked_before_there_were_books_agree_with_a_rebuild(floor: Floor) -> None:
    """The migration counts them on every scope; their worth is known from the rebuild on."""
    other = second_bot(floor)
    floor.place(order_type="LIMIT", limit_price="99")
    floor.place(order_type="LIMIT", limit_price="98")
    place_for(floor, other, order_type="LIMIT", limit_price="97")
    execution.cancel(order=floor.place(order_type="LIMIT", limit_price="96"), **BY)
    stood = dict(ScopeBook.objects.exclude(open_orders=0).values_list("scope_id", "open_orders"))
    ScopeBook.objects.all().delete()
    Order.objects.update(reserved_quantity=0, unit_base=0)

    with connection.cursor() as cursor:
        cursor.execute(import_module("apps.execution.migrations.0004_books_of_working_orders").COUNT)

    assert dict(ScopeBook.objects.values_list("scope_id", "open_orders")) == stood
    assert sorted(set(stood.values())) == [1, 2, 3]
    assert execution.rebuild_books() == {}
