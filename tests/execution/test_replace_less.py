"""Less of an opening order at its prices: nothing that keeps risk from growing stands in its way (design §2.5)."""

from collections.abc import Callable
from dataclasses import replace as changed
from decimal import Decimal
from typing import Any

import pytest

from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.deployments import services as deploying
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.markets import services as markets
from apps.risk import services as risk
from apps.risk.models import Exposure, Limit, OrderRate
from apps.venues import services as venues
from apps.venues.paper import adapter as paper
from apps.venues.paper.models import PaperOrder
from tests.builders import refused
from tests.execution.builders import Floor, redeploy, work_orders
from tests.execution.test_books import assert_adds_up
from tests.markets.builders import BY


def hold(level: str) -> Callable[[Floor], Any]:
    """Somebody stops the bot."""

    def place(floor: Floor) -> None:
        risk.place_hold(scope=floor.bot.scope, level=level, **BY)

    place.__name__ = level.lower()
    return place


def pause(floor: Floor) -> None:
    """The bot is paused, which begins a new epoch."""
    deploying.pause(deployment=floor.deployment, **BY)


def another_build(floor: Floor) -> None:
    """The bot goes on with another build."""
    redeploy(floor)


def lowered_limits(floor: Floor) -> None:
    """Limits come down below what works."""
    with acting(**BY):
        kinds = ("position", "order_quantity", "order_notional", "gross_exposure", "net_exposure", "open_orders")
        Limit.objects.filter(scope=floor.bot.scope, kind__in=kinds).update(value=Decimal(0))


def missing_limits(floor: Floor) -> None:
    """Nobody says any more what the bot may do."""
    with acting(**BY):
        Limit.objects.all().delete()


def stale_prices(floor: Floor) -> None:
    """Neither the feed nor the venue says a price any more, and the order is an old one."""
    floor.wall.advance(600)


def halted_market(floor: Floor) -> None:
    """The exchange stops trading."""
    markets.set_market_state(instrument=floor.instrument, state="halted", source="exchange", **BY)


STOPS = [hold("REDUCING"), hold("HALTED"), pause, stale_prices]
OBSTACLES = [*STOPS, lowered_limits, missing_limits, halted_market]
OF_THE_PERMIT = [*STOPS, another_build]
each = pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.__name__)
of_the_permit = pytest.mark.parametrize("obstacle", OF_THE_PERMIT, ids=lambda obstacle: obstacle.__name__)


@pytest.fixture
def order(floor: Floor) -> Order:
    """A bid for 8 at 97, resting at the venue."""
    placed = floor.place(order_type="LIMIT", limit_price="97", quantity="8")
    work_orders()
    placed.refresh_from_db()
    assert placed.state == OrderState.ACCEPTED
    return placed


def ask(order: Order, **terms: str) -> Order:
    """Ask for new terms."""
    wanted: Any = {name: Decimal(value) for name, value in terms.items()}
    return execution.replace(order=order, actor="service:bot", reason="less of it", **wanted)


def assert_holds(order: Order, quantity: int) -> None:
    """That quantity rests, here and at the venue, and exactly it is reserved."""
    row = Order.objects.get(pk=order.pk)
    assert (row.state, row.quantity, row.limit_price, row.replace_quantity) == ("ACCEPTED", quantity, 97, None)
    theirs = PaperOrder.objects.get()
    assert (theirs.state, theirs.quantity, theirs.limit_price) == ("open", quantity, 97)
    assert row.reserved_quantity == Exposure.objects.get().working_buy == quantity
    assert_adds_up()


def takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue ends an order that is replaced and lets a new one work."""
    elsewhere = changed(paper.CAPABILITIES, replaces_in_place=False)
    monkeypatch.setattr(venues, "capabilities_of", lambda account: elsewhere)


@each
def test_less_of_an_order_is_asked_for_and_sent_whatever_stands_against_more(
    floor: Floor, order: Order, obstacle: Callable[[Floor], None]
) -> None:
    obstacle(floor)

    asked = ask(order, quantity="4")
    assert (asked.state, asked.replace_quantity, asked.reserved_quantity) == (OrderState.PENDING_REPLACE, 4, 8)
    work_orders()

    assert_holds(order, 4)


@each
@pytest.mark.parametrize("terms", [{"quantity": "9"}, {"quantity": "4", "limit_price": "97.5"}])
def test_other_terms_are_refused_by_each_of_them(
    floor: Floor, order: Order, obstacle: Callable[[Floor], None], terms: dict[str, str]
) -> None:
    obstacle(floor)

    with pytest.raises(Refused) as caught:
        ask(order, **terms)
    assert caught.value.code in ("ORDER_DENIED", "DEPLOYMENT_NOT_RUNNING")
    assert_holds(order, 8)


@of_the_permit
def test_less_that_was_asked_for_before_is_sent_after(
    floor: Floor, order: Order, obstacle: Callable[[Floor], None]
) -> None:
    ask(order, quantity="4")
    obstacle(floor)

    work_orders()

    assert_holds(order, 4)


@of_the_permit
def test_another_price_that_was_asked_for_before_is_not_sent_after(
    floor: Floor, order: Order, obstacle: Callable[[Floor], None]
) -> None:
    floor.hear()
    ask(order, quantity="4", limit_price="96")
    obstacle(floor)

    work_orders()

    assert_holds(order, 8)
    assert "replace" not in floor.line.calls


@pytest.mark.parametrize("level", ["REDUCING", "HALTED"])
def test_where_a_new_order_would_take_its_place_the_hold_wins(
    floor: Floor, order: Order, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_its_place(monkeypatch)
    risk.place_hold(scope=floor.bot.scope, level=level, **BY)

    with pytest.raises(Refused) as caught:
        ask(order, quantity="4")
    assert caught.value.context["codes"] == [f"HOLD_{level}"]
    assert_holds(order, 8)


@of_the_permit
def test_where_a_new_order_would_take_its_place_nothing_is_sent_after_a_stop(
    floor: Floor, order: Order, obstacle: Callable[[Floor], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_its_place(monkeypatch)
    floor.hear()
    ask(order, quantity="4")
    obstacle(floor)

    work_orders()

    assert_holds(order, 8)
    assert "replace" not in floor.line.calls


def test_a_venue_that_replaces_nothing_is_asked_for_a_cancel(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = changed(paper.CAPABILITIES, has_replace=False)
    monkeypatch.setattr(venues, "capabilities_of", lambda account: none)

    with pytest.raises(Refused, match="cancel it") as caught:
        ask(order, quantity="4")
    assert caught.value.code == "VENUE_CANNOT"
    assert_holds(order, 8)


@pytest.mark.parametrize(
    ("quantity", "code"), [("0", "QUANTITY_NOT_POSITIVE"), ("-1", "QUANTITY_NOT_POSITIVE"), ("3", "QUANTITY_FILLED")]
)
def test_less_is_above_zero_and_above_what_is_filled(floor: Floor, order: Order, quantity: str, code: str) -> None:
    Order.objects.filter(pk=order.pk).update(filled_quantity=3)

    with refused(code):
        ask(order, quantity=quantity)
    assert Order.objects.get(pk=order.pk).state == OrderState.ACCEPTED


def test_less_is_a_number_of_lots(floor: Floor, order: Order) -> None:
    with pytest.raises(Refused) as caught:
        ask(order, quantity="4.0000000000000001")
    assert caught.value.context["codes"] == ["QUANTITY_STEP"]
    assert_holds(order, 8)


@pytest.mark.parametrize(
    ("kind", "code"), [("orders_per_minute", "RATE_ABOVE_LIMIT"), ("messages_per_second", "MESSAGES_ABOVE_LIMIT")]
)
def test_less_counts_as_a_message_of_the_bot(floor: Floor, order: Order, kind: str, code: str) -> None:
    with acting(**BY):
        Limit.objects.filter(scope=floor.bot.scope, kind=kind).update(value=Decimal(2))
    ask(order, quantity="7")
    work_orders()

    with pytest.raises(Refused) as caught:
        ask(order, quantity="6")
    assert caught.value.context["codes"] == [code]
    assert OrderRate.objects.get().count == 2
    assert_holds(order, 7)


def test_an_order_that_is_being_cancelled_gets_no_new_terms(floor: Floor, order: Order) -> None:
    execution.cancel(order=order, **BY)

    with refused("REPLACE_NOT_RESTING"):
        ask(order, quantity="4")
    assert Order.objects.get(pk=order.pk).state == OrderState.PENDING_CANCEL


def test_an_order_whose_cancel_waits_for_the_venues_word_gets_no_new_terms(floor: Floor, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(cancel_requested=True)

    with refused("REPLACE_NOT_RESTING"):
        ask(order, quantity="4")
    assert_holds(order, 8)


def test_a_halt_takes_away_an_order_that_is_being_made_smaller(floor: Floor, order: Order) -> None:
    ask(order, quantity="4")
    halted = risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    execution.drain_hold(halted)
    work_orders()

    assert Order.objects.get(pk=order.pk).state == OrderState.CANCELED
    assert PaperOrder.objects.get().state == "canceled"
    assert "replace" not in floor.line.calls


@pytest.mark.parametrize(
    "terms",
    [
        {"purpose": "PROTECTIVE", "order_type": "STOP", "stop_price": "97"},
        {"purpose": "EXIT", "order_type": "LIMIT", "limit_price": "103"},
    ],
)
def test_less_of_what_guards_or_closes_is_held(floor: Floor, terms: dict[str, str]) -> None:
    floor.hold_position("2")
    placed = floor.place(side="SELL", quantity="2", **terms)
    work_orders()
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    with pytest.raises(Refused) as caught:
        ask(placed, quantity="1")
    assert caught.value.context["codes"] == ["HOLD_HALTED"]
    row = Order.objects.get(pk=placed.pk)
    assert (row.state, row.quantity, row.replace_quantity) == (OrderState.ACCEPTED, 2, None)
    assert not Record.objects.filter(act="order.replace_asked").exists()
