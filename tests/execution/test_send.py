"""From a due order to the venue: the permit, what refuses it, and what the venue then holds."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import Order
from apps.execution.services import submission
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.venues import breaker
from apps.venues import budget as venue_budget
from apps.venues import services as venues
from apps.venues.adapters.base import VenueBusy
from apps.venues.models import Account, VenueBudget
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, make_release, redeploy, states_of, work_orders
from tests.markets.builders import BY


def assert_denied_unsent(order: Order, code: str) -> None:
    """Ours said no, the venue never heard of it, and nothing stays reserved."""
    order.refresh_from_db()
    assert (order.state, order.codes, order.send_before) == (OrderState.DENIED, [code], None)
    assert not PaperOrder.objects.filter(client_order_id=order.client_order_id.hex).exists()
    exposure = Exposure.objects.get()
    assert (exposure.working_buy, exposure.working_sell) == (0, 0)


def test_a_due_order_is_permitted_sent_and_accepted(floor: Floor) -> None:
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    theirs = PaperOrder.objects.get()
    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "ACCEPTED"]
    assert (order.venue_order_id, order.due_at, order.lease_owner) == (str(theirs.pk), None, "")
    assert order.send_before == floor.wall.now + timedelta(milliseconds=500)
    assert (theirs.client_order_id, theirs.quantity) == (order.client_order_id.hex, 1)


def test_no_venue_is_called_inside_a_transaction(real_floor: Floor) -> None:
    """The guard would make the order UNKNOWN."""
    order = real_floor.place()

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED


def test_a_rejection_of_the_venue_frees_the_reservation(floor: Floor) -> None:
    order = floor.place(side="SELL", purpose="OPENING")

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.REJECTED, ["POSITION_INSUFFICIENT"])
    assert Exposure.objects.get().working_sell == 0


@pytest.mark.parametrize("level", ["REDUCING", "HALTED"])
@pytest.mark.parametrize("scope", ["bot", "account", "venue", "instrument", "firm"])
def test_a_hold_placed_before_the_permit_denies(floor: Floor, scope: str, level: str) -> None:
    order = floor.place()
    account: Account = floor.account
    scopes = {
        "bot": floor.bot.scope,
        "account": account.scope,
        "venue": account.venue.scope,
        "instrument": floor.instrument.scope,
        "firm": floor.bot.strategy.bucket.desk.scope.parent,
    }
    risk.place_hold(scope=scopes[scope], level=level, **BY)

    work_orders()

    assert_denied_unsent(order, f"HOLD_{level}")


def test_a_hold_denies_at_the_check_too(floor: Floor) -> None:
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    assert floor.place().codes == ["HOLD_HALTED"]


def test_a_loosened_hold_lets_a_bot_leave(floor: Floor) -> None:
    floor.hold_position("2")
    hold = risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    denied = floor.place(side="SELL", quantity="2", purpose="EXIT")
    risk.request_release(hold=hold, to_level="REDUCING", actor=floor.trader, reason="let it leave")

    passed = floor.place(side="SELL", quantity="2", purpose="EXIT")
    work_orders()

    passed.refresh_from_db()
    assert denied.codes == ["HOLD_HALTED"]
    assert passed.state == OrderState.ACCEPTED


def test_a_halt_lets_a_person_leave(floor: Floor) -> None:
    floor.hold_position("2")
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    order = execution.close_position(deployment=floor.deployment, actor=floor.trader, reason="get out")
    work_orders()

    order.refresh_from_db()
    assert (order.state, order.side, order.quantity, order.by_person) == (OrderState.ACCEPTED, "SELL", 2, True)


def test_a_halt_lets_a_cancel_pass(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97")
    work_orders()
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    execution.cancel(order=order, actor=floor.trader, reason="away with it")
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert PaperOrder.objects.get().state == "canceled"
    assert Exposure.objects.get().working_buy == 0


def test_an_order_of_an_older_epoch_is_not_sent(floor: Floor) -> None:
    order = floor.place()
    deployments.pause(deployment=floor.deployment, **BY)
    deployments.resume(deployment=floor.deployment, **BY)

    work_orders()

    assert_denied_unsent(order, "EPOCH_FENCED")


def test_an_order_of_a_paused_deployment_is_not_sent(floor: Floor) -> None:
    order = floor.place()
    deployments.pause(deployment=floor.deployment, **BY)

    work_orders()

    assert_denied_unsent(order, "EPOCH_FENCED")


def test_an_order_of_a_deployment_that_does_not_run_is_not_sent_whatever_its_epoch(floor: Floor) -> None:
    order = floor.place()
    with acting(**BY):
        Deployment.objects.filter(pk=floor.deployment.pk).update(desired="paused")

    work_orders()

    assert_denied_unsent(order, "EPOCH_FENCED")


def test_an_order_of_another_build_is_not_sent(floor: Floor) -> None:
    order = floor.place()
    with acting(**BY):
        Deployment.objects.update(release=make_release(floor.bot, floor.feed))

    work_orders()

    assert_denied_unsent(order, "BUILD_MISMATCH")


def test_an_order_of_the_build_before_a_redeploy_is_not_sent(floor: Floor) -> None:
    order = floor.place()
    redeploy(floor)

    work_orders()

    assert_denied_unsent(order, "EPOCH_FENCED")


def test_a_late_permit_is_not_used(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    permit = submission._permit

    def slow(order: Order, held: Decimal | None) -> Order | None:
        row = permit(order, held)
        floor.wall.advance(0.5)
        return row

    monkeypatch.setattr(submission, "_permit", slow)
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.NOT_SENT, ["PERMIT_LATE"])
    assert floor.line.calls == []
    assert not PaperOrder.objects.exists()
    assert Exposure.objects.get().working_buy == 0


def test_a_permit_that_is_just_in_time_is_used(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    permit = submission._permit

    def slow(order: Order, held: Decimal | None) -> Order | None:
        row = permit(order, held)
        floor.wall.advance(0.499)
        return row

    monkeypatch.setattr(submission, "_permit", slow)
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED


def test_an_order_whose_venue_is_broken_stops_no_other_order(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fine = floor.place(), floor.place()
    send = execution.send

    def fails_once(order: Order) -> None:
        if order.pk == broken.pk:
            raise Refused("VENUE_MODE_MISMATCH", "a broken venue")
        send(order)

    monkeypatch.setattr(execution, "send", fails_once)

    tasks.send_due_orders()

    fine.refresh_from_db()
    broken.refresh_from_db()
    assert (fine.state, broken.state) == (OrderState.ACCEPTED, OrderState.INITIALIZED)


def test_an_opening_order_that_waited_too_long_for_a_worker_is_denied(floor: Floor) -> None:
    order = floor.place()
    floor.wall.now += timedelta(seconds=16)

    work_orders()

    assert_denied_unsent(order, "ORDER_STALE")


def test_a_slow_venue_holds_up_one_order_and_not_its_batch(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the batch is given back after each order, for whichever worker is free, and is sent."""
    for number in range(3):
        floor.place(order_type="LIMIT", limit_price=str(97 - number))
    monkeypatch.setattr(tasks, "HELD_UP_S", -1.0)

    tasks.send_due_orders()

    sent = Order.objects.order_by("attempts").values_list("state", "attempts")
    assert list(sent) == [("ACCEPTED", 1), ("ACCEPTED", 2), ("ACCEPTED", 3)]


def full(*_: object, **__: object) -> None:
    """No call is left."""
    raise VenueBusy("the account has used up its calls", retry_in_s=2.5)


def test_an_order_waits_unsent_for_room_in_the_call_budget(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    order = floor.place()

    with monkeypatch.context() as patch:
        patch.setattr(venues, "reserve_call", full)
        work_orders()
    order.refresh_from_db()
    assert (order.state, order.send_before) == (OrderState.INITIALIZED, None)
    assert (order.due_at - floor.wall.now).total_seconds() == 2.5
    assert floor.line.calls == []

    floor.wall.advance(2.5)
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.ACCEPTED


def test_an_opening_order_does_not_wait_for_room_for_ever(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venues, "reserve_call", full)
    order = floor.place()

    for _ in range(8):
        work_orders()
        floor.wall.advance(2.5)

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.NOT_SENT, ["ORDER_STALE"])
    assert Exposure.objects.get().working_buy == 0


def test_a_call_that_has_no_room_after_the_permit_is_known_not_to_be_sent(floor: Floor) -> None:
    floor.line.fails = {"submit": VenueBusy("the account has used up its calls", retry_in_s=2.5)}
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == (OrderState.NOT_SENT, ["VENUE_BUSY"])
    assert Exposure.objects.get().working_buy == 0


def test_nothing_is_opened_at_a_venue_that_does_not_answer_and_exits_are_tried(real_floor: Floor) -> None:
    real_floor.hold_position("2")
    opening = real_floor.place()
    leaving = real_floor.place(side="SELL", quantity="2", purpose="EXIT")
    for _ in range(5):
        breaker.unanswered(real_floor.account.venue)
    real_floor.line.calls.clear()

    work_orders()

    opening.refresh_from_db()
    leaving.refresh_from_db()
    assert (opening.state, opening.codes) == (OrderState.NOT_SENT, ["VENUE_DOWN"])
    assert leaving.state == OrderState.ACCEPTED
    assert real_floor.line.calls == ["positions", "submit"]


def test_every_sent_order_takes_a_call_of_the_accounts_budget(real_floor: Floor) -> None:
    real_floor.place()
    work_orders()

    budget = VenueBudget.objects.get(account=real_floor.account)
    assert budget.tokens < venue_budget.burst(venues.capabilities_of(real_floor.account).requests_per_minute)


def test_a_post_only_order_says_so(floor: Floor) -> None:
    order = floor.place(order_type="LIMIT", limit_price="97")
    order.is_post_only = True

    assert submission.request_of(order).is_post_only
