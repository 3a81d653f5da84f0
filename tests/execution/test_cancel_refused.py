"""A venue that looks orders up and refuses to cancel one: asked ever more rarely, then people, and nobody is believed
who says that what the venue calls open has ended."""

from datetime import datetime

import pytest

from apps.access import services as access
from apps.alerts.models import Alert
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import Order, OrderSettlement
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues.adapters.base import NoAnswer, VenueRejected
from apps.venues.paper.adapter import PaperAdapter
from tests.builders import refused
from tests.execution.builders import Floor, work_orders
from tests.execution.desk import person, refuse, settle, vote
from tests.execution.drains import join, running
from tests.markets.builders import BY


@pytest.fixture
def order(floor: Floor) -> Order:
    """An order that rests, that a person wants cancelled, and whose cancel the venue refuses."""
    placed = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    execution.cancel(order=placed, actor=floor.trader, reason="enough")
    floor.line.fails = {"cancel": VenueRejected("TOO_LATE")}
    return Order.objects.get(pk=placed.pk)


def mute(floor: Floor) -> None:
    """The venue does not say what became of an order."""
    floor.line.fails["order_by_client_id"] = NoAnswer("silence")


def assert_waits(order: Order, *, is_asked: bool) -> None:
    """It counts as it did, whether or not people are asked."""
    order.refresh_from_db()
    assert (order.state, order.needs_person, order.reserved_quantity) == (OrderState.PENDING_CANCEL, is_asked, 3)
    assert Exposure.objects.get().working_buy == 3
    assert Alert.objects.filter(code="ORDER_NEEDS_PERSON", state="open").count() == is_asked


def asks(order: Order) -> int:
    """How often its cancel was asked for."""
    return Record.objects.filter(act="order.cancel_asked", object_id=order.pk).count()


def due_at(order: Order) -> datetime:
    """When it is sent again."""
    found = Order.objects.get(pk=order.pk).due_at
    assert found is not None
    return found


@pytest.mark.parametrize("is_mute", [False, True])
def test_a_refused_cancel_of_what_may_be_open_is_asked_for_ever_more_rarely_and_goes_before_people_once(
    floor: Floor, order: Order, is_mute: bool
) -> None:
    if is_mute:
        mute(floor)

    assert refuse(floor, order, 3) == [1, 2, 4]
    assert_waits(order, is_asked=False)
    assert refuse(floor, order, 3) == [8, 16, 16]

    assert_waits(order, is_asked=True)
    alert = Alert.objects.get()
    assert (alert.tier, alert.object_id, alert.repeats) == ("critical", order.pk, 0)
    assert floor.line.calls.count("cancel") == floor.line.calls.count("order_by_client_id") == 6
    told = order.events.filter(detail__has_key="venue_says").values_list("detail__venue_says", flat=True)
    assert list(told) == ([] if is_mute else ["open"])


def test_an_order_whose_cancel_is_refused_ends_as_soon_as_the_venue_says_so(floor: Floor, order: Order) -> None:
    refuse(floor, order, 4)
    floor.venue.cancel(order.client_order_id.hex)
    floor.wall.now = due_at(order)

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.needs_person, Alert.objects.get().state) == (OrderState.CANCELED, False, "resolved")
    assert Exposure.objects.get().working_buy == 0


@pytest.mark.parametrize("outcome", ["canceled", "expired", "rejected"])
def test_what_the_venue_calls_open_has_not_ended_whoever_says_so(floor: Floor, order: Order, outcome: str) -> None:
    refuse(floor, order, 4)
    mute(floor)
    refuse(floor, order, 1)  # silence takes nothing back

    with refused("VENUE_SAYS_OPEN"):
        settle(floor, order, outcome)

    assert execution.outcomes_of(order) == ["accepted"]
    assert not OrderSettlement.objects.exists()
    assert_waits(order, is_asked=True)


def test_that_the_order_works_there_can_be_stated_and_asks_the_venue_again(floor: Floor, order: Order) -> None:
    refuse(floor, order, 5)

    settle(floor, order, "accepted", venue_order_id="V-77")

    assert_waits(order, is_asked=False)
    assert due_at(order) == floor.wall.now


def test_a_vote_that_the_venue_has_refuted_meanwhile_is_refused(floor: Floor, order: Order) -> None:
    mute(floor)
    refuse(floor, order, 4)
    asked, owner = settle(floor, order, "canceled"), person(floor, "risk owner")
    del floor.line.fails["order_by_client_id"]
    refuse(floor, order, 1)

    with refused("VENUE_SAYS_OPEN"):
        vote(order, asked, owner)

    assert_waits(order, is_asked=True)
    assert vote(order, asked, owner, approve=False).consent.state == "denied"


def test_an_order_that_the_venue_does_not_know_any_more_is_settled_by_two_people(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(floor, order, 1)  # it called it open then
    monkeypatch.setattr(PaperAdapter, "order_by_client_id", lambda adapter, client_order_id: None)
    refuse(floor, order, 3)
    assert_waits(order, is_asked=True)

    vote(order, settle(floor, order, "canceled"), person(floor, "risk owner"))

    order.refresh_from_db()
    assert (order.state, Exposure.objects.get().working_buy) == (OrderState.CANCELED, 0)


def test_a_person_who_asks_again_has_the_venue_asked_now(floor: Floor, order: Order) -> None:
    refuse(floor, order, 6)
    floor.wall.advance(1)
    known, sent = order.events.count(), floor.line.calls.count("cancel")

    execution.cancel(order=order, actor=floor.trader, reason="please")

    assert (due_at(order), asks(order), order.events.count()) == (floor.wall.now, 2, known)
    assert (work_orders(), floor.line.calls.count("cancel")) == (1, sent + 1)
    assert_waits(order, is_asked=True)


@pytest.mark.parametrize("who", ["a job", "a machine"])
def test_nobody_else_hurries_the_venue(floor: Floor, order: Order, who: str) -> None:
    machine = access.make_service_account(username="alpha-machine", display_name="Alpha", **BY)
    refuse(floor, order, 6)
    before = due_at(order)

    execution.cancel(order=order, actor="job:other" if who == "a job" else machine, reason="again")

    assert (due_at(order), asks(order)) == (before, 1)


def test_a_new_drain_has_the_venue_asked_now_and_once(floor: Floor, order: Order) -> None:
    refuse(floor, order, 6)
    floor.wall.advance(1)
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    tasks.drain_holds()
    assert (due_at(order), asks(order)) == (floor.wall.now, 2)
    assert refuse(floor, order, 1) == [16]
    for _ in range(4):
        floor.wall.advance(0.5)
        tasks.drain_holds()

    assert (due_at(order) - floor.wall.now).total_seconds() == 14
    assert asks(order) == 2


def test_a_halt_has_the_venue_asked_from_its_own_process_without_waiting_for_the_next_try(real_floor: Floor) -> None:
    order = real_floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    execution.cancel(order=order, actor=real_floor.trader, reason="enough")
    real_floor.line.fails = {"cancel": VenueRejected("TOO_LATE")}
    assert refuse(real_floor, order, 5)[-1] == 16
    real_floor.line.fails = {}

    with running(real_floor.wall):
        hold = join(execution.halt(scope=real_floor.bot.scope, level="HALTED", **BY))

    order.refresh_from_db()
    assert (order.state, hold.drain_state) == (OrderState.CANCELED, "drained")
    assert hold.drain_ms is not None
    assert hold.drain_ms < 14_000


def test_asking_again_for_the_cancel_of_a_guard_is_refused_while_a_hold_stands(floor: Floor) -> None:
    floor.hold_position("2")
    guard = floor.place(side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97")
    work_orders()
    execution.cancel(order=guard, actor=floor.trader, reason="enough")
    floor.line.fails = {"cancel": VenueRejected("TOO_LATE")}
    refuse(floor, guard, 5)
    before = due_at(guard)
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    with pytest.raises(Refused) as refusal:
        execution.cancel(order=guard, actor=floor.trader, reason="please")

    assert (refusal.value.code, due_at(guard), asks(guard)) == ("PROTECTIVE_GUARDED", before, 1)
