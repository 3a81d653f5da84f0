"""Venues without lookup: an order in doubt goes before people, and what frees takes two of them."""

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import Forbidden, Invalid, Refused
from apps.execution import services as execution
from apps.execution.models import AccountSync, Order, OrderSettlement
from apps.execution.services.submission import request_of
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from tests.builders import refused
from tests.execution.builders import Floor, work_orders
from tests.execution.desk import forget_lookup, person, settle, vote
from tests.execution.tape import play
from tests.markets.builders import BY


@pytest.fixture
def order(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An order in doubt at a venue that looks nothing up."""
    forget_lookup(monkeypatch)
    floor.line.lose_request = {"submit"}
    placed = floor.place(quantity="3")
    work_orders()
    floor.wall.advance(1)
    work_orders()
    return Order.objects.get(pk=placed.pk)


def assert_in_doubt(order: Order) -> None:
    """Nothing has changed."""
    order.refresh_from_db()
    assert (order.state, order.needs_person, order.reserved_quantity) == (OrderState.UNKNOWN, True, 3)
    assert Exposure.objects.get().working_buy == 3


def test_an_order_in_doubt_goes_before_people_once_and_is_not_looked_up(floor: Floor, order: Order) -> None:
    assert_in_doubt(order)
    assert (order.due_at, order.lease_owner) == (None, "")
    assert "order_by_client_id" not in floor.line.calls
    alert = Alert.objects.get()
    assert (alert.code, alert.tier, alert.object_id) == ("ORDER_NEEDS_PERSON", "critical", order.pk)

    for _ in range(20):
        floor.wall.advance(1)
        work_orders()

    assert_in_doubt(order)
    assert Alert.objects.get().repeats == 0


def test_that_the_venue_has_it_takes_one_person(floor: Floor, order: Order) -> None:
    asked = settle(floor, order, "accepted", venue_order_id="V-77")

    order.refresh_from_db()
    assert (order.state, order.venue_order_id, order.needs_person) == (OrderState.ACCEPTED, "V-77", False)
    assert Exposure.objects.get().working_buy == 3
    assert (asked.consent, Alert.objects.get().state) == (None, "resolved")
    assert Record.objects.get(act="order.settled").actor == f"user:{floor.trader.pk}"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("not_sent", "NOT_SENT"), ("rejected", "REJECTED"), ("canceled", "CANCELED"), ("expired", "EXPIRED")],
)
def test_what_frees_the_reservation_takes_a_second_person(floor: Floor, order: Order, outcome: str, state: str) -> None:
    asked = settle(floor, order, outcome)
    assert_in_doubt(order)

    settled = vote(order, asked, person(floor, "risk owner"))

    order.refresh_from_db()
    assert (order.state, order.codes, order.needs_person) == (state, ["SETTLED_BY_PERSON"], False)
    assert Exposure.objects.get().working_buy == 0
    assert settled.applied_at == floor.wall.now
    assert Alert.objects.get().state == "resolved"


def test_whoever_stated_it_cannot_vote(floor: Floor, order: Order) -> None:
    access.grant_role(user=floor.trader, role="risk owner", scope=floor.account.bucket.desk.scope, **BY)
    asked = settle(floor, order)

    with refused("VOTE_EXCLUDED"):
        vote(order, asked, floor.trader)

    assert_in_doubt(order)


def test_a_denial_leaves_the_doubt_and_another_statement_is_possible(floor: Floor, order: Order) -> None:
    vote(order, settle(floor, order), person(floor, "risk owner"), approve=False)

    assert_in_doubt(order)
    settle(floor, order, "canceled")
    assert OrderSettlement.objects.count() == 2


def test_one_statement_at_a_time(floor: Floor, order: Order) -> None:
    settle(floor, order)

    with pytest.raises(Refused) as second:
        settle(floor, order, "canceled")

    assert second.value.code == "SETTLEMENT_OPEN"
    assert OrderSettlement.objects.count() == 1


def test_a_vote_that_comes_after_the_time_changes_nothing(floor: Floor, order: Order) -> None:
    asked = settle(floor, order)
    floor.wall.advance(25 * 3600)

    with refused("SETTLEMENT_NOT_OPEN"):
        vote(order, asked, person(floor, "risk owner"))

    assert_in_doubt(order)


def test_a_fill_ends_the_doubt_and_the_vote(floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = settle(floor, order)
    play(floor, monkeypatch).add(order, "1")
    execution.sync_account(floor.account)

    order.refresh_from_db()
    assert (order.state, order.needs_person) == (OrderState.PARTIALLY_FILLED, False)
    assert Alert.objects.get().state == "resolved"
    asked.consent.refresh_from_db()
    assert asked.consent.state == "void"
    with refused("ORDER_NOT_IN_DOUBT"):
        vote(order, asked, person(floor, "risk owner"))
    assert Exposure.objects.get().working_buy == 2


def test_an_order_that_the_venue_lists_as_open_is_no_longer_in_doubt(floor: Floor, order: Order) -> None:
    floor.venue.submit(request_of(order))

    execution.sync_account(floor.account)

    order.refresh_from_db()
    assert (order.state, order.needs_person) == (OrderState.ACCEPTED, False)


def test_a_sync_looks_nothing_up_at_such_a_venue(floor: Floor, order: Order) -> None:
    floor.venue.submit(request_of(order))
    execution.sync_account(floor.account)
    floor.venue.cancel(order.client_order_id.hex)

    execution.sync_account(floor.account)

    assert "order_by_client_id" not in floor.line.calls
    assert AccountSync.objects.get().answered_at == floor.wall.now


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reason": " "}, "REASON_MISSING"),
        ({"outcome": "lost"}, "OUTCOME_UNKNOWN"),
        ({"outcome": "accepted"}, "VENUE_ORDER_ID_MISSING"),
    ],
)
def test_an_incomplete_statement_is_invalid(floor: Floor, order: Order, fields: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as invalid:
        settle(floor, order, **({"outcome": "not_sent"} | fields))

    assert invalid.value.code == code
    assert not OrderSettlement.objects.exists()


def test_a_machine_settles_nothing(floor: Floor, order: Order) -> None:
    with acting(**BY):
        machine = User.objects.create(username="bot-1", display_name="Bot", kind="service")

    with pytest.raises(Forbidden):
        settle(floor, order, actor=machine)

    assert_in_doubt(order)


def test_an_order_that_is_in_no_doubt_is_not_settled(floor: Floor) -> None:
    order = floor.place()
    work_orders()

    with refused("ORDER_NOT_IN_DOUBT"):
        settle(floor, order)

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED
