"""The last unit of a limit, asked for by many at once: one gets it, in every round (reliability goals 6 and 7).

LAST_UNIT_CLIENTS and LAST_UNIT_ROUNDS set how many; every round prints nothing and leaves nothing behind.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from apps.access import services as access
from apps.access.models import Firm, User
from apps.audit.context import acting
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Order, OrderEvent
from apps.execution.states import WORKING
from apps.risk.models import Exposure, Limit, ScopeBook
from tests.api.conftest import JsonClient
from tests.execution.builders import Floor
from tests.execution.test_gateway import place_for, second_bot
from tests.markets.builders import BY

CLIENTS = int(os.environ.get("LAST_UNIT_CLIENTS", "16"))
ROUNDS = int(os.environ.get("LAST_UNIT_ROUNDS", "10"))
Call = Callable[[], Any]


@contextmanager
def clients(number: int) -> Iterator[Callable[[list[Call]], list[Any]]]:
    """Threads with a connection each, kept over all rounds; the calls of a round start at once."""
    barrier = threading.Barrier(number)

    def run(call: Call) -> Any:
        barrier.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(number) as pool:
        yield lambda calls: [future.result(timeout=120) for future in [pool.submit(run, call) for call in calls]]
        list(pool.map(lambda _: (barrier.wait(timeout=60), connections.close_all()), range(number)))


def set_limit(scope: Any, kind: str, value: str) -> None:
    """Bound a scope."""
    fields = {"value": Decimal(value), "set_by": "job:tests"}
    with acting(**BY):
        Limit.objects.update_or_create(scope=scope, kind=kind, defaults=fields)


def loosen() -> None:
    """Nothing but the limit that is raced for stands in the way of thousands of orders."""
    with acting(**BY):
        for kind in ("orders_per_minute", "messages_per_second", "repeat_executions"):
            Limit.objects.filter(kind=kind).update(value=10**9)
        Deployment.objects.update(limits={})


def take_back() -> None:
    """Cancel what won, so that the next round races for the same unit."""
    for order in Order.objects.filter(state__in=WORKING):
        execution.cancel(order=order, **BY)


def race(floor: Floor, desks: list[Deployment], round_: int, go: Callable[[list[Call]], list[Any]]) -> list[Order]:
    """As many orders as there are clients, each bot its share, none of them crossing another."""
    for desk in desks:
        floor.deployment, floor.account = desk, desk.account
        floor.hear()
    price = Decimal(60) + Decimal(round_ % 1000) / 100
    tickets = [
        floor.ticket(deployment=desks[number % len(desks)], order_type="LIMIT", limit_price=price)
        for number in range(CLIENTS)
    ]
    return go([lambda ticket=ticket: execution.place(ticket=ticket, **BY) for ticket in tickets])


def assert_one_winner(placed: list[Order], code: str) -> None:
    """Exactly one of them; the others were denied for the limit that they raced for, and for nothing else."""
    assert Counter(order.state for order in placed) == {"INITIALIZED": 1, "DENIED": CLIENTS - 1}
    assert {tuple(order.codes) for order in placed if order.state == "DENIED"} == {(code,)}


def test_the_last_unit_of_a_bots_position_has_one_winner(real_floor: Floor) -> None:
    loosen()
    set_limit(real_floor.bot.scope, "position", "1")
    desks = [Deployment.objects.get(pk=real_floor.deployment.pk)]

    with clients(CLIENTS) as go:
        for round_ in range(ROUNDS):
            assert_one_winner(race(real_floor, desks, round_, go), "POSITION_ABOVE_LIMIT")
            assert Exposure.objects.get().working_buy == 1
            take_back()

    assert Exposure.objects.get().working_buy == 0
    assert execution.rebuild_books() == {}


@pytest.mark.parametrize(
    ("where", "kind", "value", "code"),
    [
        ("bucket", "gross_exposure", "150", "GROSS_ABOVE_LIMIT"),
        ("firm", "open_orders", "1", "OPEN_ORDERS_ABOVE_LIMIT"),
    ],
)
def test_the_last_unit_of_what_bots_share_has_one_winner(
    real_floor: Floor, where: str, kind: str, value: str, code: str
) -> None:
    other = second_bot(real_floor)
    place_for(real_floor, other, order_type="LIMIT", limit_price="50")
    take_back()
    loosen()
    scope = Firm.objects.get().scope if where == "firm" else real_floor.account.bucket.scope
    set_limit(scope, kind, value)
    desks = [Deployment.objects.get(pk=pk) for pk in (real_floor.deployment.pk, other.pk)]

    with clients(CLIENTS) as go:
        for round_ in range(ROUNDS):
            assert_one_winner(race(real_floor, desks, round_, go), code)
            assert ScopeBook.objects.get(scope=scope).open_orders == 1
            take_back()

    assert ScopeBook.objects.get(scope=scope).buying == 0
    assert execution.rebuild_books() == {}


def test_a_hundred_posts_with_one_key_are_one_order_at_the_real_gateway(real_floor: Floor) -> None:
    """One is checked, reserved and stored; all get its answer; the same key with another body gets none."""
    desk = real_floor.account.bucket.desk
    machine = access.make_service_account(username="alpha-machine", display_name="Alpha", **BY)
    access.grant_role(user=machine, role="bot", scope=desk.scope, **BY)
    body = {
        "deployment": str(real_floor.deployment.pk),
        "instrument": "BTC-USD",
        "side": "BUY",
        "quantity": "2",
        "order_type": "LIMIT",
        "limit_price": "99",
        "time_in_force": "GTC",
        "purpose": "OPENING",
        "reason": "by hand",
    }

    def post(overrides: dict[str, str]) -> tuple[int, str]:
        client = JsonClient()
        client.force_authenticate(User.objects.get(pk=machine.pk))
        answer = client.post("/api/v1/orders/", body | overrides, HTTP_IDEMPOTENCY_KEY="one-key-for-all")
        return answer.status_code, json.dumps(answer.json(), sort_keys=True)

    with clients(20) as go:
        answers = [answer for _ in range(5) for answer in go([lambda: post({})] * 20)]
        others = go([lambda: post({"quantity": "3"})] * 20)

    assert Counter(answers) == {(201, answers[0][1]): 100}
    order = Order.objects.get()
    assert json.loads(answers[0][1])["id"] == str(order.pk)
    assert {(status, json.loads(text)["code"]) for status, text in others} == {(422, "IDEMPOTENCY_KEY_REUSED")}
    assert (order.quantity, Exposure.objects.get().working_buy) == (2, 2)
    assert ScopeBook.objects.get(scope=real_floor.bot.scope).open_orders == 1
    assert OrderEvent.objects.filter(order=order).count() == 1
