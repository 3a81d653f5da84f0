"""A venue that looks nothing up, and the people who call its desk."""

from dataclasses import replace

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.execution import services as execution
from apps.execution.models import Order, OrderSettlement
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from apps.venues import services as venues
from apps.venues.adapters.base import VenueRejected
from apps.venues.paper import adapter as paper
from tests.execution.builders import Floor, work_orders
from tests.markets.builders import BY


def forget_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue cannot say what became of one order."""
    blind = replace(paper.CAPABILITIES, has_lookup=False)
    monkeypatch.setattr(venues, "capabilities_of", lambda account: blind)


def person(floor: Floor, role: str) -> User:
    """Somebody of the desk."""
    with acting(**BY):
        made = User.objects.create(username=f"{role}-{User.objects.count()}", display_name=role)
    access.grant_role(user=made, role=role, scope=floor.account.bucket.desk.scope, **BY)
    return made


def look(floor: Floor, times: int = 1) -> None:
    """So many syncs, a second apart."""
    for _ in range(times):
        floor.wall.advance(1)
        execution.sync_account(floor.account)


def assert_waits(order: Order, state: str = OrderState.ACCEPTED, *, is_asked: bool, reserved: int = 3) -> None:
    """It counts as it did, whether or not people are asked."""
    order.refresh_from_db()
    assert (order.state, order.needs_person, order.reserved_quantity) == (state, is_asked, reserved)
    assert Exposure.objects.get().working_buy == reserved
    assert Alert.objects.filter(code="ORDER_NEEDS_PERSON", state="open").count() == is_asked


def ask_cancel(floor: Floor, order: Order) -> None:
    """A person wants it cancelled, and the venue refuses."""
    execution.cancel(order=order, actor=floor.trader, reason="enough")
    floor.line.fails = {"cancel": VenueRejected("ORDER_UNKNOWN")}


def refuse(floor: Floor, order: Order, times: int) -> list[float]:
    """The cancel is sent and refused so many times; seconds until the next one, each time."""
    waits = []
    for _ in range(times):
        order.refresh_from_db()
        floor.wall.now = max(floor.wall.now, order.due_at)
        assert work_orders() == 1
        order.refresh_from_db()
        waits.append((order.due_at - floor.wall.now).total_seconds())
    return waits


def settle(floor: Floor, order: Order, outcome: str = "not_sent", **fields: object) -> OrderSettlement:
    """The trader says what the desk said."""
    asked = {"actor": floor.trader, "reason": "Ms Lang, 10:31"} | fields
    return execution.settle_by_person(order=order, outcome=outcome, **asked)


def vote(order: Order, asked: OrderSettlement, actor: User, *, approve: bool = True) -> OrderSettlement:
    """Vote on what was seen."""
    return execution.vote_settlement(
        order=order, actor=actor, approve=approve, reason="I called too", digest=asked.consent.digest
    )
