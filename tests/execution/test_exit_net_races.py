"""Two bots of one bucket leave in the same moment: together they do not grow what it holds either."""

import threading
from collections import Counter
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import orders
from apps.risk.models import Exposure, ScopeBook
from tests.execution.builders import Floor, let_short
from tests.execution.test_exit_net import trade
from tests.execution.test_gateway import second_bot
from tests.execution.test_shared_races import at_once

EXIT = {"side": "SELL", "purpose": "EXIT", "order_type": "LIMIT", "limit_price": "105"}


@pytest.fixture
def pair(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> list[Deployment]:
    """Two bots hold five each and a third one has sold nine; what both ask for is checked before either is stored."""
    let_short()
    desks = [real_floor.deployment, second_bot(real_floor), second_bot(real_floor, "gamma-trend")]
    for desk, units in zip(desks, (5, 5, -9), strict=True):
        trade(real_floor, desk, units)
    checked, store = threading.Barrier(2), orders._store

    def stored(*args: Any) -> Order:
        checked.wait(timeout=30)
        return store(*args)

    monkeypatch.setattr(orders, "_store", stored)
    return [Deployment.objects.get(pk=desk.pk) for desk in desks[:2]]


def test_one_of_two_exits_that_would_grow_the_net_together_passes(real_floor: Floor, pair: list[Deployment]) -> None:
    placed = at_once(real_floor, pair, [EXIT | {"quantity": "2"}] * 2)

    assert Counter(order.state for order in placed) == {"INITIALIZED": 1, "DENIED": 1}
    assert [order.codes for order in placed if order.state == "DENIED"] == [["EXIT_GROWS_NET"]]
    assert sorted(Exposure.objects.values_list("working_sell", flat=True)) == [0, 0, 2]
    assert ScopeBook.objects.get(scope=real_floor.account.bucket.scope).open_orders == 1
    assert Alert.objects.filter(code="EXIT_HEDGED").count() == 1
    assert execution.rebuild_books() == {}


def test_two_exits_that_grow_nothing_together_both_pass(real_floor: Floor, pair: list[Deployment]) -> None:
    placed = at_once(real_floor, pair, [EXIT | {"quantity": "1"}] * 2)

    assert [order.codes for order in placed] == [[], []]
