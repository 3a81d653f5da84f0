"""New terms by whoever asks: machines that trade ask for any, people on their way out for less risk."""

from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.deployments import services as deploying
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure, OrderRate
from tests.builders import make_user, refused
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY

BOUGHT = {"quantity": "2", "order_type": "LIMIT", "limit_price": "90"}
GUARD = {"side": "SELL", "quantity": "2", "purpose": "PROTECTIVE", "order_type": "STOP", "stop_price": "97"}
LEAVING = {"side": "SELL", "quantity": "2", "purpose": "EXIT", "order_type": "LIMIT", "limit_price": "103"}


def resting(floor: Floor, terms: dict[str, str]) -> Order:
    """An order of the bot that rests at the venue."""
    order = floor.place(**terms)
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
    floor.hear()
    return order


def amend(order: Order, actor: User, **terms: str) -> Order:
    """Ask for new terms."""
    wanted: Any = {name: Decimal(value) for name, value in terms.items()}
    return execution.amend(order=order, actor=actor, reason="too much for today", **wanted)


def member(floor: Floor, role: str, *, is_machine: bool = False) -> User:
    """Somebody who has the role on the bot."""
    if is_machine:
        user = access.make_service_account(username=f"a-{role}", display_name=role, **BY)
    else:
        user = make_user(f"a-{role}")
    access.grant_role(user=user, role=role, scope=floor.bot.scope, **BY)
    return user


def assert_untouched(order: Order) -> None:
    """The order, what it reserves, the bot's pace and the audit are as they were."""
    row = Order.objects.get(pk=order.pk)
    terms = (row.state, row.quantity, row.limit_price, row.replace_quantity, row.replace_limit_price)
    assert terms == (OrderState.ACCEPTED, order.quantity, order.limit_price, None, None)
    assert Exposure.objects.get().working_buy == order.quantity
    assert OrderRate.objects.get().count == 1
    assert not Record.objects.filter(act="order.replace_asked").exists()


@pytest.mark.parametrize("role", ["trader", "operator", "risk owner"])
def test_a_person_who_may_exit_makes_an_opening_order_smaller(floor: Floor, role: str) -> None:
    order = resting(floor, BOUGHT)

    asked = amend(order, member(floor, role), quantity="1")

    assert (asked.state, asked.replace_quantity, asked.replace_limit_price) == (OrderState.PENDING_REPLACE, 1, 90)


@pytest.mark.parametrize(
    "terms",
    [
        {"quantity": "3"},
        {"limit_price": "91"},
        {"limit_price": "89"},
        {"quantity": "1", "limit_price": "91"},
        {"quantity": "1", "stop_price": "95"},
    ],
)
def test_anything_but_less_of_an_opening_order_takes_the_permission_to_trade(
    floor: Floor, terms: dict[str, str]
) -> None:
    order = resting(floor, BOUGHT)

    with refused("PERMISSION_DENIED"):
        amend(order, floor.trader, **terms)
    assert_untouched(order)


def test_the_same_price_said_again_is_no_other_price(floor: Floor) -> None:
    order = resting(floor, BOUGHT)

    assert amend(order, floor.trader, quantity="1", limit_price="90").state == OrderState.PENDING_REPLACE


def test_less_is_measured_by_the_order_as_it_is_now(floor: Floor) -> None:
    seen = resting(floor, BOUGHT)
    Order.objects.filter(pk=seen.pk).update(quantity=1)

    with refused("PERMISSION_DENIED"):
        amend(seen, floor.trader, quantity="1.5")
    assert Order.objects.get(pk=seen.pk).state == OrderState.ACCEPTED


@pytest.mark.parametrize(
    ("before", "terms"),
    [
        (LEAVING, {"limit_price": "102"}),
        (LEAVING, {"limit_price": "104"}),
        (LEAVING, {"quantity": "1"}),
        (GUARD, {"stop_price": "98"}),
        (GUARD | {"quantity": "1"}, {"quantity": "2"}),
        (GUARD | {"quantity": "1"}, {"quantity": "2", "stop_price": "98"}),
    ],
)
def test_a_person_who_may_exit_changes_what_closes_and_lets_a_guard_guard_more(
    floor: Floor, before: dict[str, str], terms: dict[str, str]
) -> None:
    floor.hold_position("2")
    order = resting(floor, before)

    assert amend(order, floor.trader, **terms).state == OrderState.PENDING_REPLACE


@pytest.mark.parametrize(
    "terms",
    [
        {"quantity": "1"},
        {"stop_price": "96.99"},
        {"quantity": "1", "stop_price": "98"},
        {"limit_price": "96"},
    ],
)
def test_a_guard_that_guards_less_takes_the_permission_to_trade(floor: Floor, terms: dict[str, str]) -> None:
    floor.hold_position("2")
    order = resting(floor, GUARD)

    with refused("PERMISSION_DENIED"):
        amend(order, floor.trader, **terms)
    row = Order.objects.get(pk=order.pk)
    assert (row.state, row.quantity, row.stop_price, row.replace_quantity) == (OrderState.ACCEPTED, 2, 97, None)


def test_a_guard_guards_no_more_than_is_held(floor: Floor) -> None:
    floor.hold_position("2")
    order = resting(floor, GUARD)

    with pytest.raises(Refused) as caught:
        amend(order, floor.trader, quantity="3")
    assert caught.value.context["codes"] == ["EXIT_EXCEEDS_POSITION"]
    assert Order.objects.get(pk=order.pk).state == OrderState.ACCEPTED


def test_whoever_may_trade_lets_a_guard_guard_less(floor: Floor) -> None:
    floor.hold_position("2")
    order = resting(floor, GUARD)

    asked = amend(order, member(floor, "bot", is_machine=True), quantity="1", stop_price="96")

    assert (asked.replace_quantity, asked.replace_stop_price) == (1, 96)


def test_the_checks_of_an_exit_hold_for_a_person_too(floor: Floor) -> None:
    floor.hold_position("2")
    order = resting(floor, LEAVING)

    with refused("EXIT_GROWS"):
        amend(order, floor.trader, quantity="3")
    assert Order.objects.get(pk=order.pk).state == OrderState.ACCEPTED


@pytest.mark.parametrize("terms", [{"quantity": "3"}, {"quantity": "1", "limit_price": "89"}])
def test_an_order_of_a_paused_bot_is_cancelled_rather_than_changed(floor: Floor, terms: dict[str, str]) -> None:
    order = resting(floor, BOUGHT)
    deploying.pause(deployment=floor.deployment, **BY)

    with pytest.raises(Refused, match="cancel the order instead") as caught:
        amend(order, member(floor, "bot", is_machine=True), **terms)
    assert caught.value.code == "DEPLOYMENT_NOT_RUNNING"
    assert_untouched(order)


def test_a_person_on_the_way_out_makes_an_order_of_a_paused_and_halted_bot_smaller(floor: Floor) -> None:
    order = resting(floor, BOUGHT)
    deploying.pause(deployment=floor.deployment, **BY)
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    amend(order, floor.trader, quantity="1")
    work_orders()

    row = Order.objects.get(pk=order.pk)
    assert (row.state, row.quantity, row.reserved_quantity) == (OrderState.ACCEPTED, 1, 1)


def test_a_machine_without_the_permission_to_trade_changes_nothing(floor: Floor) -> None:
    order = resting(floor, BOUGHT)

    with refused("PERMISSION_DENIED"):
        amend(order, member(floor, "operator", is_machine=True), quantity="1")
    assert_untouched(order)


def test_whoever_may_neither_trade_nor_exit_changes_nothing(floor: Floor) -> None:
    order = resting(floor, BOUGHT)

    with refused("PERMISSION_DENIED"):
        amend(order, member(floor, "engineer"), quantity="1")
    assert_untouched(order)


def test_whoever_may_trade_asks_for_any_terms(floor: Floor) -> None:
    order = resting(floor, BOUGHT)

    asked = amend(order, member(floor, "bot", is_machine=True), quantity="3", limit_price="91")

    assert (asked.replace_quantity, asked.replace_limit_price) == (3, 91)
