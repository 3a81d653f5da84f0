"""No answer is not an answer: UNKNOWN until the venue says, and never a second order."""

from types import ModuleType

import pytest

from apps.alerts.models import Alert
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import AccountSync, Order
from apps.execution.services import books, submission
from apps.execution.states import OrderState
from apps.risk.models import Exposure
from apps.venues import breaker
from apps.venues.adapters.base import NoAnswer, VenueBusy, VenueDown, VenueRejected
from apps.venues.paper import drills
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, states_of, work_orders


class Killed(BaseException):
    """The worker's end."""


def test_a_lost_reply_leaves_the_order_unknown_and_reserved(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.UNKNOWN
    assert order.due_at > floor.wall.now
    assert Exposure.objects.get().working_buy == 1


def test_an_unknown_order_that_the_venue_has_is_accepted(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place()
    work_orders()

    floor.wall.advance(1)
    work_orders()

    order.refresh_from_db()
    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "UNKNOWN", "ACCEPTED"]
    assert floor.line.calls == ["submit", "order_by_client_id"]
    assert PaperOrder.objects.count() == 1


def test_an_unknown_order_is_given_up_only_after_it_cannot_arrive_any_more(floor: Floor) -> None:
    floor.line.lose_request = {"submit"}
    order = floor.place()
    work_orders()

    seen = []
    for _ in range(12):
        floor.wall.advance(1)
        work_orders()
        order.refresh_from_db()
        seen.append(order.state)

    # The permit ends after 0.5 s; a call may then take two timeouts of 5 s.
    assert seen == [OrderState.UNKNOWN] * 10 + [OrderState.NOT_SENT] * 2
    assert order.codes == ["VENUE_KNOWS_NOTHING"]
    assert Exposure.objects.get().working_buy == 0
    assert floor.line.calls.count("submit") == 1
    assert not PaperOrder.objects.exists()


def test_a_lookup_without_an_answer_decides_nothing(floor: Floor) -> None:
    floor.line.lose_request = {"submit", "order_by_client_id"}
    order = floor.place()
    work_orders()

    for _ in range(30):
        floor.wall.advance(1)
        work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.UNKNOWN
    assert Exposure.objects.get().working_buy == 1


def test_a_reply_that_comes_after_the_doubt_began_settles_it(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place()
    work_orders()

    answer = floor.venue.order_by_client_id(order.client_order_id.hex)
    books.absorb(order, answer, reason="the venue answered late")

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED


def test_a_rejection_whose_reply_was_lost_is_found(floor: Floor) -> None:
    floor.line.fails = {"submit": NoAnswer("garbled")}
    order = floor.place(side="SELL")
    with pytest.raises(VenueRejected):
        floor.venue.submit(submission.request_of(order))

    work_orders()
    floor.wall.advance(1)
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.REJECTED, ["POSITION_INSUFFICIENT"])
    assert Exposure.objects.get().working_sell == 0


KILLS = [(submission, "request_of", "NOT_SENT", 0), (books, "absorb", "ACCEPTED", 1)]


@pytest.mark.parametrize(("module", "name", "end", "orders"), KILLS, ids=["before the call", "after the call"])
def test_a_worker_killed_between_permit_and_record_leaves_one_order_or_none(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, end: str, orders: int
) -> None:
    order = floor.place()

    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(Killed):
            work_orders()
    order.refresh_from_db()
    assert order.state == OrderState.SUBMITTING

    floor.wall.advance(14)
    assert work_orders() == 0  # its lease still stands
    for _ in range(3):
        floor.wall.advance(2)
        work_orders()

    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "UNKNOWN", end]
    assert PaperOrder.objects.count() == floor.line.calls.count("submit") == orders


def test_a_worker_that_comes_back_late_changes_nothing_of_a_settled_order(floor: Floor) -> None:
    order = floor.place()
    work_orders()
    floor.pass_time(2)
    execution.sync_account(floor.account)
    answer = floor.venue.order_by_client_id(order.client_order_id.hex)

    books.absorb(order, answer, reason="late")
    submission._close(order, OrderState.NOT_SENT, ["PERMIT_LATE"], "late")

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.FILLED, [])


def test_an_exit_that_the_venue_does_not_confirm_waits_and_is_not_sent(floor: Floor) -> None:
    floor.hold_position("2")
    floor.line.lose_request = {"positions"}
    order = floor.place(side="SELL", quantity="2", purpose="EXIT")

    seen = []
    for _ in range(13):
        work_orders()
        order.refresh_from_db()
        seen.append(order.state)
        floor.wall.advance(1)

    assert seen == [OrderState.INITIALIZED] * 11 + [OrderState.NOT_SENT] * 2
    assert order.codes == ["EXIT_UNCONFIRMED"]
    assert floor.line.calls.count("submit") == 1  # the opening order only
    assert Exposure.objects.get().working_sell == 0


def test_an_exit_beyond_what_the_venue_holds_is_denied(floor: Floor) -> None:
    floor.hold_position("2")
    order = floor.place(side="SELL", quantity="2", purpose="EXIT")
    drills.inject_position(account_name=floor.account.name, symbol="BTC-USD", quantity=-1)

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.DENIED, ["EXIT_EXCEEDS_POSITION"])
    assert PaperOrder.objects.filter(side="SELL").count() == 0


def test_an_exit_in_doubt_counts_at_its_worst(floor: Floor) -> None:
    floor.hold_position("2")
    floor.line.lose_reply = {"submit"}
    first = floor.place(side="SELL", quantity="1", purpose="EXIT")
    work_orders()
    first.refresh_from_db()

    second = floor.place(side="SELL", quantity="2", purpose="EXIT")

    assert first.state == OrderState.UNKNOWN
    assert second.codes == ["EXIT_EXCEEDS_POSITION"]


def test_an_order_that_arrives_after_it_was_given_up_is_cancelled_at_the_venue_and_alerted(floor: Floor) -> None:
    order = floor.place()
    work_orders()
    Order.objects.filter(pk=order.pk).update(state=OrderState.NOT_SENT, reserved_quantity=0)
    Exposure.objects.update(working_buy=0)

    books.sync_account(floor.account)

    order.refresh_from_db()
    assert (order.state, order.reserved_quantity) == (OrderState.PENDING_CANCEL, 1)
    assert Exposure.objects.get().working_buy == 1
    assert Alert.objects.get().code == "ORDER_ARRIVED_LATE"
    work_orders()
    order.refresh_from_db()
    assert (order.state, PaperOrder.objects.get().state) == (OrderState.CANCELED, "canceled")
    assert Exposure.objects.get().working_buy == 0


def test_lookups_come_more_rarely_while_the_venue_is_down(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them may hold a worker for a whole timeout."""
    floor.line.lose_request = {"submit", "order_by_client_id"}
    order = floor.place()
    work_orders()
    for _ in range(5):
        breaker.unanswered(floor.account.venue)

    waits = []
    for _ in range(6):
        order.refresh_from_db()
        floor.wall.now = order.due_at
        work_orders()
        order.refresh_from_db()
        waits.append((order.due_at - floor.wall.now).total_seconds())

    assert waits == [4, 8, 16, 30, 30, 30]
    assert order.state == OrderState.UNKNOWN


def test_a_lookup_without_room_is_tried_as_soon_as_there_is(floor: Floor) -> None:
    floor.line.lose_reply = {"submit"}
    order = floor.place()
    work_orders()
    floor.line.fails = {"order_by_client_id": VenueBusy("full", retry_in_s=3.0)}
    floor.wall.advance(1)

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.UNKNOWN
    assert (order.due_at - floor.wall.now).total_seconds() == 3


@pytest.mark.parametrize("error", [VenueBusy("full", retry_in_s=3.0), VenueDown("silent", retry_in_s=3.0)])
def test_a_sync_without_room_is_tried_as_soon_as_there_is(floor: Floor, error: VenueBusy) -> None:
    floor.line.fails = {"open_orders": error}

    tasks.sync_due_accounts()

    sync = AccountSync.objects.get()
    assert (sync.failures, sync.answered_at) == (0, None)
    assert (sync.due_at - floor.wall.now).total_seconds() == 3
