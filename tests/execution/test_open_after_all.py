"""What people settled as ended and the venue lists as open: it works again in our books, and people are told."""

import pytest

from apps.alerts.models import Alert
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from apps.venues.paper.adapter import PaperAdapter
from tests.execution.builders import Floor, work_orders
from tests.execution.desk import ask_cancel, assert_waits, forget_lookup, look, person, refuse, settle, vote
from tests.execution.tape import Tape, play


@pytest.fixture
def tape(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """What a venue without lookup lists as trades."""
    forget_lookup(monkeypatch)
    return play(floor, monkeypatch)


@pytest.fixture
def order(floor: Floor, tape: Tape) -> Order:
    """An order that rests there."""
    placed = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    return Order.objects.get(pk=placed.pk)


def over(floor: Floor, order: Order, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists lack an order that works there all the same, and two people believe the desk that it has ended."""
    with monkeypatch.context() as patch:
        patch.setattr(PaperAdapter, "open_orders", lambda adapter: [])
        look(floor, 2)
    vote(order, settle(floor, order, outcome), person(floor, "risk owner"))
    order.refresh_from_db()
    assert (order.state, Exposure.objects.get().working_buy) == (outcome.upper(), 0)


@pytest.mark.parametrize(
    ("filled", "outcome", "back"),
    [
        ("0", "canceled", "ACCEPTED"),
        ("0", "expired", "ACCEPTED"),
        ("0", "rejected", "ACCEPTED"),
        ("1", "canceled", "PARTIALLY_FILLED"),
    ],
)
def test_what_people_settled_and_the_venue_lists_works_again_and_people_are_told(
    floor: Floor, tape: Tape, order: Order, monkeypatch: pytest.MonkeyPatch, filled: str, outcome: str, back: str
) -> None:
    if filled != "0":
        tape.add(order, filled)
    over(floor, order, outcome, monkeypatch)

    look(floor, 3)

    assert_waits(order, back, is_asked=False, reserved=3 - int(filled))
    assert (order.codes, order.due_at) == ([], None)
    alert = Alert.objects.get(code="ORDER_OPEN_AFTER_ALL")
    assert (alert.tier, alert.state, alert.object_id, alert.repeats) == ("critical", "open", order.pk, 0)


def test_a_list_from_before_the_settlement_does_not_refute_it(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(floor, order, "canceled", monkeypatch)

    execution.sync_account(floor.account)  # asked for in the very moment in which it was settled

    order.refresh_from_db()
    assert (order.state, Exposure.objects.get().working_buy) == (OrderState.CANCELED, 0)


def test_what_people_settled_although_its_cancel_was_refused_is_cancelled_when_the_venue_lists_it(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_cancel(floor, order)
    refuse(floor, order, 4)
    listed = floor.venue.open_orders()
    vote(order, settle(floor, order, "canceled"), person(floor, "risk owner"))

    look(floor)

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=False)
    assert (order.due_at, Alert.objects.filter(code="ORDER_OPEN_AFTER_ALL").count()) == (floor.wall.now, 1)
    floor.line.fails = {}
    work_orders()
    monkeypatch.setattr(PaperAdapter, "open_orders", lambda adapter: listed)  # it lags behind itself
    look(floor)
    order.refresh_from_db()
    assert (order.state, order.codes, Exposure.objects.get().working_buy) == (OrderState.CANCELED, [], 0)
