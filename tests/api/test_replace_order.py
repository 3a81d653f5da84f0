"""New terms through the API: as far as the caller's permissions on the bot reach."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.access.models import User
from apps.execution.models import Order
from tests.api.world import World

As = Callable[[User], APIClient]


def ask(world: World, client: APIClient, **terms: str) -> Any:
    """New terms for the own desk's resting order of 0.5 at 60000."""
    return client.post(f"/api/v1/orders/{world.own.order.pk}/replace/", terms)


def state_of(world: World) -> tuple[str, Any]:
    """The order's state and the quantity that was asked for."""
    row = Order.objects.get(pk=world.own.order.pk)
    return row.state, row.replace_quantity


@pytest.mark.parametrize("terms", [{"quantity": "0.6"}, {"limit_price": "59000"}])
def test_a_person_who_may_only_exit_is_refused_what_is_not_less(
    world: World, as_user: As, terms: dict[str, str]
) -> None:
    answer = ask(world, as_user(world.own.people["trader"]), **terms)

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert state_of(world) == ("ACCEPTED", None)


def test_less_of_an_opening_order_passes_a_hold(world: World, as_user: As) -> None:
    answer = ask(world, as_user(world.own.people["operator"]), quantity="0.4")

    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING_REPLACE")
    assert state_of(world) == ("PENDING_REPLACE", Decimal("0.4"))


@pytest.mark.parametrize("terms", [{"quantity": "0.6"}, {"quantity": "0.4", "limit_price": "59000"}])
def test_other_terms_of_an_opening_order_are_judged_by_the_checks(
    world: World, as_user: As, terms: dict[str, str]
) -> None:
    answer = ask(world, as_user(world.own.people["service account"]), **terms)

    assert (answer.status_code, answer.json()["code"]) == (409, "ORDER_DENIED")
    assert "HOLD_REDUCING" in answer.json()["context"]["codes"]
    assert state_of(world) == ("ACCEPTED", None)


def test_whoever_may_neither_trade_nor_exit_asks_for_nothing(world: World, as_user: As) -> None:
    answer = ask(world, as_user(world.own.people["engineer"]), quantity="0.4")

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert state_of(world) == ("ACCEPTED", None)
