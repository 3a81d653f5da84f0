"""Venues without lookup: an order that ends there unseen, or will not be cancelled, goes before people."""

from collections.abc import Callable

import pytest

from apps.alerts.models import Alert
from apps.common.errors import Invalid
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import Order, OrderSettlement
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues.adapters.base import NoAnswer
from apps.venues.paper.adapter import PaperAdapter
from tests.builders import refused
from tests.execution.builders import Floor, states_of, work_orders
from tests.execution.desk import ask_cancel, assert_waits, forget_lookup, look, person, refuse, settle, vote
from tests.execution.tape import Tape, play
from tests.markets.builders import BY


@pytest.fixture
def tape(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """What such a venue lists as trades."""
    forget_lookup(monkeypatch)
    return play(floor, monkeypatch)


@pytest.fixture
def order(floor: Floor, tape: Tape) -> Order:
    """An order that rests at a venue that looks nothing up."""
    placed = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    return Order.objects.get(pk=placed.pk)


def vanish(floor: Floor, order: Order) -> None:
    """The order ends at the venue and nobody tells us; two syncs go by."""
    floor.venue.cancel(order.client_order_id.hex)
    look(floor, 2)
    order.refresh_from_db()


def test_an_order_missing_from_one_list_is_left_alone(floor: Floor, order: Order) -> None:
    floor.venue.cancel(order.client_order_id.hex)

    look(floor)

    assert_waits(order, is_asked=False)


def test_an_order_missing_from_two_lists_in_a_row_goes_before_people_and_stays_reserved(
    floor: Floor, order: Order
) -> None:
    vanish(floor, order)
    look(floor, 3)

    assert_waits(order, is_asked=True)
    alert = Alert.objects.get()
    assert (alert.tier, alert.object_id, alert.repeats) == ("critical", order.pk, 0)
    assert "order_by_client_id" not in floor.line.calls
    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "ACCEPTED", "ACCEPTED"]


def test_an_order_that_is_listed_in_between_is_left_alone(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(PaperAdapter, "open_orders", lambda adapter: [])
            look(floor)
        look(floor)

    assert_waits(order, is_asked=False)


@pytest.mark.parametrize("call", ["open_orders", "trades_since"])
def test_a_question_without_an_answer_is_no_missing_order(floor: Floor, order: Order, call: str) -> None:
    floor.venue.cancel(order.client_order_id.hex)
    look(floor)
    floor.line.fails = {call: NoAnswer("silence")}

    for _ in range(3):
        with pytest.raises(NoAnswer):
            look(floor)

    assert_waits(order, is_asked=False)


def test_a_second_list_that_was_asked_for_before_the_first_was_read_proves_nothing(floor: Floor, order: Order) -> None:
    floor.venue.cancel(order.client_order_id.hex)

    for _ in range(3):
        execution.sync_account(floor.account)

    assert_waits(order, is_asked=False)


def test_a_filled_order_that_is_no_longer_listed_is_no_question(floor: Floor, tape: Tape, order: Order) -> None:
    floor.venue.cancel(order.client_order_id.hex)
    tape.add(order, "3")

    look(floor, 3)

    order.refresh_from_db()
    assert (order.state, order.needs_person) == (OrderState.FILLED, False)
    assert not Alert.objects.exists()


def test_an_order_that_is_listed_again_is_no_longer_asked_about(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PaperAdapter, "open_orders", lambda adapter: [])
        look(floor, 2)
    assert_waits(order, is_asked=True)

    look(floor)

    assert_waits(order, is_asked=False)


def test_a_trade_that_fills_the_rest_ends_the_question(floor: Floor, tape: Tape, order: Order) -> None:
    vanish(floor, order)
    tape.add(order, "3")

    look(floor)

    order.refresh_from_db()
    assert (order.state, order.needs_person) == (OrderState.FILLED, False)
    assert Alert.objects.get().state == "resolved"


def test_a_trade_of_a_part_does_not(floor: Floor, tape: Tape, order: Order) -> None:
    vanish(floor, order)
    tape.add(order, "1")

    look(floor)

    assert_waits(order, OrderState.PARTIALLY_FILLED, is_asked=True, reserved=2)


@pytest.mark.parametrize("outcome", ["canceled", "expired"])
@pytest.mark.parametrize("filled", ["0", "1"])
def test_that_it_ended_there_takes_two_people(
    floor: Floor, tape: Tape, order: Order, filled: str, outcome: str
) -> None:
    if filled != "0":
        tape.add(order, filled)
    vanish(floor, order)
    before = order.state
    asked = settle(floor, order, outcome)
    assert_waits(order, before, is_asked=True, reserved=3 - int(filled))

    vote(order, asked, person(floor, "risk owner"))

    order.refresh_from_db()
    assert (order.state, order.codes, order.needs_person) == (outcome.upper(), ["SETTLED_BY_PERSON"], False)
    assert (Exposure.objects.get().working_buy, Alert.objects.get().state) == (0, "resolved")


def test_that_it_works_there_takes_one_person_and_is_watched_anew(floor: Floor, order: Order) -> None:
    vanish(floor, order)

    settle(floor, order, "accepted", venue_order_id="V-77")

    assert_waits(order, is_asked=False)
    assert order.venue_order_id == "V-77"
    look(floor)
    assert_waits(order, is_asked=False)
    look(floor)
    assert_waits(order, is_asked=True)


@pytest.mark.parametrize(("filled", "outcome"), [("0", "not_sent"), ("1", "rejected")])
def test_what_its_state_excludes_is_not_believed(
    floor: Floor, tape: Tape, order: Order, filled: str, outcome: str
) -> None:
    if filled != "0":
        tape.add(order, filled)
    vanish(floor, order)

    with pytest.raises(Invalid) as invalid:
        settle(floor, order, outcome)

    assert invalid.value.code == "OUTCOME_IMPOSSIBLE"
    assert not OrderSettlement.objects.exists()
    assert_waits(order, order.state, is_asked=True, reserved=3 - int(filled))


def test_a_refused_cancel_goes_before_people_and_is_asked_for_ever_more_rarely(floor: Floor, order: Order) -> None:
    ask_cancel(floor, order)

    assert refuse(floor, order, 3) == [1, 2, 4]
    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=False)
    assert refuse(floor, order, 4) == [8, 16, 16, 16]

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=True)
    assert Alert.objects.get().repeats == 0
    assert order.events.filter(state=OrderState.PENDING_CANCEL).count() == 6  # asked, four refusals, people
    assert "order_by_client_id" not in floor.line.calls


def test_a_cancel_that_goes_through_at_last_ends_the_question(floor: Floor, order: Order) -> None:
    ask_cancel(floor, order)
    refuse(floor, order, 5)
    floor.line.fails = {}
    floor.wall.now = order.due_at

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.needs_person) == (OrderState.CANCELED, False)
    assert (Exposure.objects.get().working_buy, Alert.objects.get().state) == (0, "resolved")


def test_that_it_is_listed_does_not_explain_why_it_cannot_be_cancelled(floor: Floor, order: Order) -> None:
    ask_cancel(floor, order)
    refuse(floor, order, 4)

    look(floor)

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=True)


def test_a_refused_cancel_is_settled_by_two_people(floor: Floor, order: Order) -> None:
    ask_cancel(floor, order)
    refuse(floor, order, 4)

    vote(order, settle(floor, order, "canceled"), person(floor, "risk owner"))

    order.refresh_from_db()
    assert (order.state, order.due_at, order.needs_person) == (OrderState.CANCELED, None, False)
    assert Exposure.objects.get().working_buy == 0


def test_an_order_that_works_there_is_cancelled_again_at_once(floor: Floor, order: Order) -> None:
    ask_cancel(floor, order)
    refuse(floor, order, 5)

    settle(floor, order, "accepted", venue_order_id="V-77")

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=False)
    assert order.due_at == floor.wall.now
    floor.line.fails = {}
    work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.CANCELED


def kill(floor: Floor, _: Order) -> None:
    """The bot is halted, and a worker drains."""
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    tasks.drain_holds()


def cancel(floor: Floor, order: Order) -> None:
    """A person does not want it."""
    execution.cancel(order=order, actor=floor.trader, reason="enough")


@pytest.mark.parametrize("ask", [kill, cancel])
def test_a_cancel_that_was_asked_for_in_doubt_is_sent_once_a_part_has_filled(
    floor: Floor, tape: Tape, ask: Callable[[Floor, Order], None]
) -> None:
    """The venue's reply was lost, and its first sign of life is a trade."""
    floor.line.lose_reply = {"submit"}
    order = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    floor.wall.advance(1)
    work_orders()
    ask(floor, order)
    assert_waits(order, OrderState.UNKNOWN, is_asked=True)
    assert order.due_at is None
    tape.add(order, "1")

    look(floor)

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=False, reserved=2)
    assert order.due_at == floor.wall.now
    work_orders()
    order.refresh_from_db()
    assert (order.state, order.filled_quantity, Exposure.objects.get().working_buy) == (OrderState.CANCELED, 1, 0)


def test_an_order_in_doubt_of_which_a_part_has_filled_works_on_when_nobody_wants_it_cancelled(
    floor: Floor, tape: Tape
) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place(quantity="3", order_type="LIMIT", limit_price="97", time_in_force="GTC")
    work_orders()
    tape.add(order, "1")

    look(floor)

    assert_waits(order, OrderState.PARTIALLY_FILLED, is_asked=False, reserved=2)
    assert (order.due_at, work_orders()) == (None, 0)


def test_a_vote_on_an_order_that_has_moved_on_is_refused(floor: Floor, order: Order) -> None:
    vanish(floor, order)
    asked = settle(floor, order, "canceled")
    cancel(floor, order)

    with refused("DIGEST_CHANGED"):
        vote(order, asked, person(floor, "risk owner"))

    assert_waits(order, OrderState.PENDING_CANCEL, is_asked=True)


def test_what_was_said_in_one_doubt_is_no_answer_to_the_next(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue refutes it, and later the order vanishes once more."""
    with monkeypatch.context() as patch:
        patch.setattr(PaperAdapter, "open_orders", lambda adapter: [])
        look(floor, 2)
    asked = settle(floor, order, "canceled")
    look(floor)
    vanish(floor, order)
    asked.consent.refresh_from_db()
    assert asked.consent.state == "void"

    with refused("SETTLEMENT_NOT_OPEN"):
        vote(order, asked, person(floor, "risk owner"))

    assert_waits(order, is_asked=True)
    settle(floor, order, "canceled")
    assert OrderSettlement.objects.count() == 2


def test_an_order_that_nobody_asks_about_is_not_settled(floor: Floor, order: Order) -> None:
    with refused("ORDER_NOT_IN_DOUBT"):
        settle(floor, order, "canceled")

    assert_waits(order, is_asked=False)
