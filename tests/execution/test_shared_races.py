"""Several bots at once: the last unit of what they share goes to one of them."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from apps.audit.context import acting
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import judging
from apps.risk import services as risk
from apps.risk.models import Limit, ScopeBook
from tests.execution.builders import Floor, together
from tests.execution.test_gateway import place_for, second_bot
from tests.markets.builders import BY

ROUNDS = 8
ZERO = Decimal(0)


@pytest.fixture
def desks(real_floor: Floor) -> list[Deployment]:
    """Two bots of one bucket, each with an account of its own; both have traded once."""
    other = second_bot(real_floor)
    place_for(real_floor, other, order_type="LIMIT", limit_price="50")
    real_floor.place(order_type="LIMIT", limit_price="50")
    for order in Order.objects.all():
        execution.cancel(order=order, **BY)
    return [Deployment.objects.get(pk=real_floor.deployment.pk), Deployment.objects.get(pk=other.pk)]


def at_once(floor: Floor, desks: list[Deployment], terms: list[dict[str, Any]]) -> list[Order]:
    """One order of each bot in the same moment."""
    floor.hear()
    tickets = [floor.ticket(deployment=desk, **one) for desk, one in zip(desks, terms, strict=True)]
    return together(*[lambda ticket=ticket: execution.place(ticket=ticket, **BY) for ticket in tickets])


def share(floor: Floor, kind: str, value: str) -> None:
    """Bound the bucket that both bots share."""
    scope = floor.account.bucket.scope
    with acting(**BY):
        Limit.objects.update_or_create(scope=scope, kind=kind, defaults={"value": Decimal(value), "set_by": "job:t"})


@pytest.mark.parametrize(("kind", "value"), [("gross_exposure", "150"), ("net_exposure", "150"), ("open_orders", "1")])
def test_one_of_two_bots_gets_the_last_unit(real_floor: Floor, desks: list[Deployment], kind: str, value: str) -> None:
    share(real_floor, kind, value)
    for turn in range(ROUNDS):
        price = str(60 + turn)
        placed = at_once(real_floor, desks, [{"order_type": "LIMIT", "limit_price": price}] * 2)

        assert Counter(order.state for order in placed) == {"INITIALIZED": 1, "DENIED": 1}
        assert ScopeBook.objects.get(scope=real_floor.account.bucket.scope).open_orders == 1
        for order in placed:
            execution.cancel(order=order, **BY)


def test_two_bots_that_cross_at_once_do_not_both_get_through(real_floor: Floor, desks: list[Deployment]) -> None:
    for turn in range(ROUNDS):
        price = str(95 + turn / 100)
        terms = [{"side": side, "order_type": "LIMIT", "limit_price": price} for side in ("BUY", "SELL")]
        placed = at_once(real_floor, desks, terms)

        assert Counter(order.state for order in placed) == {"INITIALIZED": 1, "DENIED": 1}
        assert [order.codes for order in placed if order.state == "DENIED"] == [["SELF_TRADE"]]
        for order in placed:
            execution.cancel(order=order, **BY)


def test_cash_that_another_bot_of_the_account_has_just_reserved_is_not_spent_again(floor: Floor) -> None:
    """What stands on the account's book under its lock counts, not what the check read before."""
    floor.hear()
    ticket = floor.ticket(quantity="1")
    judged = execution.preview(ticket=ticket)
    assert judged.cash is not None

    for reserved, is_denied in ((judged.cash, False), (judged.cash + 1, True)):
        sums = {floor.account.scope_id: risk.Sums(ZERO, ZERO, reserved, ZERO, 1, ZERO)}
        codes = [denial.code for denial in judging.overdrawn(ticket, judged, sums)]
        assert ("BUYING_POWER_EXCEEDED" in codes) is is_denied
