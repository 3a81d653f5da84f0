"""Asking for new terms: every check runs on them, the dearer of both terms is reserved until the venue agrees."""

from decimal import Decimal
from typing import Any

import pytest

from apps.common.errors import Invalid, Refused
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure, OrderRate, ScopeBook
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY


def resting(floor: Floor, **overrides: Any) -> Order:
    """A bid of 2 at 90 that rests at the venue."""
    order = floor.place(**({"quantity": "2", "order_type": "LIMIT", "limit_price": "90"} | overrides))
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    return order


def replace(floor: Floor, order: Order, **terms: str) -> Order:
    """Ask for new terms."""
    floor.hear()
    return execution.replace(order=order, **{name: Decimal(value) for name, value in terms.items()}, **BY)


def test_the_old_terms_hold_until_the_venue_agrees(floor: Floor) -> None:
    order = resting(floor)

    asked = replace(floor, order, quantity="3", limit_price="91")

    assert (asked.state, asked.quantity, asked.limit_price) == (OrderState.PENDING_REPLACE, 2, 90)
    assert (asked.replace_quantity, asked.replace_limit_price) == (3, 91)


def test_more_is_reserved_at_once_and_less_only_when_the_venue_agrees(floor: Floor) -> None:
    more, less = resting(floor), resting(floor, limit_price="89")
    replace(floor, more, quantity="5")
    replace(floor, less, quantity="1")

    assert Exposure.objects.get().working_buy == 5 + 2
    assert ScopeBook.objects.get(scope=floor.bot.scope).open_orders == 2


def test_the_venue_takes_the_new_terms(floor: Floor) -> None:
    order = resting(floor)
    replace(floor, order, quantity="1", limit_price="91")
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.quantity, order.limit_price) == (OrderState.ACCEPTED, 1, 91)
    assert Exposure.objects.get().working_buy == 1


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quantity": "11"}, "QUANTITY_ABOVE_LIMIT"),
        ({"limit_price": "150"}, "PRICE_OUTSIDE_COLLAR"),
        ({"limit_price": "90.001"}, "PRICE_STEP"),
    ],
)
def test_new_terms_that_fail_the_check_leave_the_order_as_it_is(floor: Floor, terms: dict[str, str], code: str) -> None:
    order = resting(floor)

    with pytest.raises(Refused) as refusal:
        replace(floor, order, **terms)

    order.refresh_from_db()
    assert code in refusal.value.context["codes"]
    assert (order.state, order.quantity, order.replace_quantity) == (OrderState.ACCEPTED, 2, None)
    assert Exposure.objects.get().working_buy == 2


def test_the_order_itself_does_not_stand_in_the_way_of_its_new_terms(floor: Floor) -> None:
    order = resting(floor, quantity="10")

    assert replace(floor, order, limit_price="91").state == OrderState.PENDING_REPLACE


def test_under_a_hold_an_opening_order_gets_no_terms_but_less_of_it(floor: Floor) -> None:
    order = resting(floor)
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    for terms in ({"quantity": "3"}, {"limit_price": "89"}, {"quantity": "1", "limit_price": "91"}):
        with pytest.raises(Refused) as refusal:
            replace(floor, order, **terms)
        assert refusal.value.context["codes"] == ["HOLD_REDUCING"]
    assert Order.objects.get().state == OrderState.ACCEPTED


def test_an_order_that_does_not_rest_gets_no_new_terms(floor: Floor) -> None:
    order = floor.place(quantity="2")

    with pytest.raises(Refused, match="only a resting one"):
        replace(floor, order, quantity="3")
    assert Order.objects.get().state == OrderState.INITIALIZED


def test_the_same_terms_again_are_refused(floor: Floor) -> None:
    order = resting(floor)

    with pytest.raises(Refused, match="these terms already"):
        replace(floor, order, quantity="2", limit_price="90")


def test_not_less_than_what_was_filled(floor: Floor) -> None:
    order = resting(floor)
    Order.objects.filter(pk=order.pk).update(filled_quantity=1)

    with pytest.raises(Invalid, match="cancel instead"):
        replace(floor, order, quantity="1")


def test_a_replace_is_a_message_of_the_bot(floor: Floor) -> None:
    order = resting(floor)
    before = OrderRate.objects.get().count
    replace(floor, order, quantity="3")

    assert OrderRate.objects.get().count == before + 1
