"""New terms on their way to the venue: permitted, sent once, and whatever the venue says then holds."""

from decimal import Decimal

import pytest

from apps.alerts.models import Alert
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.services import replacing
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues import services as venues
from apps.venues.adapters.base import NoAnswer, VenueBusy, VenueDown, VenueRejected
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, work_orders
from tests.execution.tape import play
from tests.execution.test_books import assert_adds_up
from tests.markets.builders import BY


class Killed(BaseException):
    """The worker's end."""


@pytest.fixture
def order(floor: Floor) -> Order:
    """3 at 97, working at the venue, with 5 at 98 asked for."""
    placed = floor.place(order_type="LIMIT", limit_price="97", quantity="3")
    work_orders()
    ask(floor, placed, quantity="5", limit_price="98")
    return Order.objects.get(pk=placed.pk)


def ask(floor: Floor, order: Order, **terms: str) -> None:
    """Ask for new terms."""
    floor.hear()
    wanted = {name: Decimal(value) for name, value in terms.items()}
    execution.replace(order=order, actor=floor.trader, reason="the market moved", **wanted)


def assert_terms(order: Order, state: str, quantity: str, price: str) -> None:
    """What holds here, with exactly its rest reserved and nothing pending."""
    order.refresh_from_db()
    terms = (order.state, order.quantity, order.limit_price, order.replace_quantity)
    assert terms == (state, Decimal(quantity), Decimal(price), None)
    assert order.reserved_quantity == order.quantity - order.filled_quantity == Exposure.objects.get().working_buy
    assert_adds_up()


def test_new_terms_hold_when_the_venue_has_taken_them(floor: Floor, order: Order) -> None:
    assert (order.state, order.reserved_quantity) == (OrderState.PENDING_REPLACE, 5)

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "5", "98")
    theirs = PaperOrder.objects.get()
    assert (theirs.quantity, theirs.limit_price) == (5, 98)
    assert order.due_at is None


def test_a_smaller_quantity_frees_the_difference(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97", quantity="3")
    work_orders()
    ask(floor, order, quantity="1")

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "1", "97")


@pytest.mark.parametrize("level", ["REDUCING", "HALTED"])
def test_a_hold_that_comes_first_leaves_the_old_terms(floor: Floor, order: Order, level: str) -> None:
    risk.place_hold(scope=floor.bot.scope, level=level, **BY)

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "3", "97")
    assert "replace" not in floor.line.calls


def test_new_terms_that_waited_too_long_are_not_sent(floor: Floor, order: Order) -> None:
    floor.wall.advance(16)

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "3", "97")
    assert "replace" not in floor.line.calls


def test_a_late_permit_is_not_used(floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    permit = replacing._permit

    def slow(*args: object) -> Order | None:
        row = permit(*args)
        floor.wall.advance(0.5)
        return row

    monkeypatch.setattr(replacing, "_permit", slow)

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "3", "97")
    assert "replace" not in floor.line.calls


def test_terms_that_the_venue_refuses_leave_the_old_ones(floor: Floor, order: Order) -> None:
    floor.line.fails = {"replace": VenueRejected("TOO_LATE")}

    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "3", "97")


def test_a_lost_reply_is_looked_up_and_never_asked_for_again(floor: Floor, order: Order) -> None:
    floor.line.lose_reply = {"replace"}
    work_orders()
    order.refresh_from_db()
    assert (order.state, order.reserved_quantity) == (OrderState.PENDING_REPLACE, 5)

    floor.wall.advance(1)
    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "5", "98")
    assert floor.line.calls.count("replace") == 1


def test_a_lost_request_is_given_up_only_when_it_cannot_arrive_any_more(floor: Floor, order: Order) -> None:
    floor.line.lose_request = {"replace"}
    work_orders()

    seen = []
    for _ in range(12):
        floor.wall.advance(1)
        work_orders()
        order.refresh_from_db()
        seen.append(order.state)

    assert seen == [OrderState.PENDING_REPLACE] * 10 + [OrderState.ACCEPTED] * 2
    assert_terms(order, OrderState.ACCEPTED, "3", "97")
    assert floor.line.calls.count("replace") == 1


def test_a_lookup_without_an_answer_decides_nothing(floor: Floor, order: Order) -> None:
    floor.line.lose_request = {"replace", "order_by_client_id"}

    for _ in range(30):
        work_orders()
        floor.wall.advance(1)

    order.refresh_from_db()
    assert (order.state, order.reserved_quantity) == (OrderState.PENDING_REPLACE, 5)


def test_a_worker_killed_at_the_call_leaves_it_to_a_lookup(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(replacing, "_stated", killed)
        with pytest.raises(Killed):
            work_orders()
    floor.wall.advance(16)
    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "5", "98")
    assert floor.line.calls.count("replace") == 1


@pytest.mark.parametrize("error", [VenueBusy("full", retry_in_s=2.0), VenueDown("silent", retry_in_s=2.0)])
def test_terms_wait_for_room_in_the_budget(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch, error: VenueBusy
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(venues, "reserve_call", full)
        work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.PENDING_REPLACE
    assert (order.due_at - floor.wall.now).total_seconds() == 2
    assert "replace" not in floor.line.calls

    floor.wall.advance(2)
    work_orders()

    assert_terms(order, OrderState.ACCEPTED, "5", "98")


def test_a_fill_of_the_old_quantity_does_not_end_an_order_that_may_be_larger(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = play(floor, monkeypatch)
    tape.add(order, "3")
    execution.sync_account(floor.account)
    order.refresh_from_db()
    assert (order.state, order.filled_quantity, order.reserved_quantity) == (OrderState.PENDING_REPLACE, 3, 2)

    work_orders()

    assert_terms(order, OrderState.PARTIALLY_FILLED, "5", "98")


def test_an_order_that_filled_before_its_new_terms_came_is_filled(
    floor: Floor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = play(floor, monkeypatch)
    tape.add(order, "3")
    PaperOrder.objects.update(filled_quantity=3, state="filled")
    work_orders()

    execution.sync_account(floor.account)

    assert_terms(order, OrderState.FILLED, "3", "97")
    assert not Alert.objects.exists()


def test_a_cancel_passes_an_answer_that_does_not_come(floor: Floor, order: Order) -> None:
    floor.line.fails = {"replace": NoAnswer("silence")}
    work_orders()
    execution.cancel(order=order, actor=floor.trader, reason="away with it")

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.reserved_quantity, order.replace_quantity) == (OrderState.CANCELED, 0, None)
    assert Exposure.objects.get().working_buy == 0
