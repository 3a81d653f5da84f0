"""What is not known, workers that die, orders that guard: the plan stays cautious."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.common import claims
from apps.execution import services as execution
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.services import guards, plans, steps
from apps.execution.exits.services.looks import slice_id
from apps.execution.exits.services.steps import LEASE_S
from apps.execution.exits.tasks import advance_due
from apps.execution.models import Order
from apps.risk import services as risk
from apps.venues.paper.models import PaperOrder, PaperPosition
from tests.execution.builders import Floor, work_orders
from tests.exits.builders import SLOWLY, exit_orders, held, leg_of, start, turn, until_ended
from tests.markets.builders import BY


class Killed(BaseException):
    """The worker's end."""


def guard(floor: Floor, quantity: str) -> Order:
    """A stop that guards the position, resting at the venue."""
    order = floor.place(side="SELL", purpose="PROTECTIVE", order_type="STOP", stop_price="90", quantity=quantity)
    work_orders()
    order.refresh_from_db()
    assert order.state == "ACCEPTED"
    return order


def claim() -> ExitPlan:
    """The plan, claimed by a worker."""
    (plan,) = claims.claim(ExitPlan.objects.select_related("scope", "requested_by"), lease_s=LEASE_S)
    return plan


def test_an_exit_of_unknown_fate_counts_as_if_it_had_filled(floor: Floor) -> None:
    floor.hold_position("5")
    plan = start(floor)
    floor.line.lose_request = {"submit", "order_by_client_id"}
    turn(floor)
    floor.line.lose_request = {"order_by_client_id"}

    turn(floor, 6)

    # Five are held and two of them are in doubt: no more than three are sold beside them.
    assert [(order.state, order.quantity) for order in exit_orders(floor)] == [
        ("UNKNOWN", 2),
        ("FILLED", 2),
        ("FILLED", 1),
    ]
    plan.refresh_from_db()
    assert (plan.state, held(floor)) == ("waiting", 2)
    assert "unknown fate" in plan.message

    floor.line.lose_request = set()
    assert until_ended(floor, plan).state == "done"
    assert (held(floor), exit_orders(floor)[0].state) == (0, "NOT_SENT")


def test_a_flat_position_with_a_slice_in_doubt_is_not_done(floor: Floor) -> None:
    floor.hold_position("2")
    plan = start(floor)
    floor.line.lose_reply = {"submit", "order_by_client_id", "trades_since"}

    turn(floor, 4)

    plan.refresh_from_db()
    assert (held(floor), exit_orders(floor)[0].state) == (0, "UNKNOWN")
    assert (plan.state, leg_of(plan).state) == ("running", "clearing")
    floor.line.lose_reply = set()
    assert until_ended(floor, plan).state == "done"
    assert [order.state for order in exit_orders(floor)] == ["FILLED"]


def test_a_worker_killed_before_the_commit_leaves_no_order_and_its_successor_places_one(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("2")
    start(floor)
    placed = execution.place

    def killed(**asked: object) -> None:
        placed(**asked)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(steps.execution, "place", killed)
        with pytest.raises(Killed):
            advance_due()
    assert exit_orders(floor) == []
    floor.wall.advance(LEASE_S + 1)
    floor.pass_time(1)
    turn(floor)

    assert len(exit_orders(floor)) == 1
    assert PaperOrder.objects.filter(side="SELL").count() == 1


def test_a_worker_killed_after_the_commit_has_placed_the_one_order(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("2")
    plan = start(floor)

    def killed(*asked: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(steps, "_conclude", killed)
        with pytest.raises(Killed):
            advance_due()
    floor.wall.advance(LEASE_S + 1)
    floor.pass_time(1)
    turn(floor, 2)

    (order,) = exit_orders(floor)
    assert order.client_order_id == slice_id(leg_of(plan).pk, 1)


def test_a_worker_whose_lease_was_taken_places_nothing(floor: Floor) -> None:
    floor.hold_position("5")
    plan = start(floor)
    slow = claim()
    floor.wall.advance(LEASE_S + 1)
    floor.pass_time(1)
    quick = claim()

    exits.advance(quick)
    exits.advance(slow)

    assert [order.quantity for order in exit_orders(floor)] == [2]
    assert leg_of(plan).slices == 1


def during_the_look(patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens between the next look at the venue and what follows from it."""
    looked = steps.looks.look_at

    def slow(*asked: Any, **options: Any) -> Any:
        patch.undo()
        found = looked(*asked, **options)
        happens()
        return found

    patch.setattr(steps.looks, "look_at", slow)


def test_a_worker_that_lost_its_lease_while_it_looked_places_nothing(floor: Floor) -> None:
    floor.hold_position("5")
    start(floor)
    slow = claim()

    def taken() -> None:
        floor.wall.advance(LEASE_S + 1)
        floor.pass_time(1)
        claim()

    with pytest.MonkeyPatch.context() as patch:
        during_the_look(patch, taken)
        exits.advance(slow)

    assert exit_orders(floor) == []


def test_a_slice_of_another_look_is_not_placed_again(floor: Floor) -> None:
    floor.hold_position("5")
    plan = start(floor)
    slow = claim()

    def overtaken() -> None:
        exits.advance(ExitPlan.objects.select_related("requested_by").get(pk=plan.pk))
        ExitPlan.objects.filter(pk=plan.pk).update(lease_owner=slow.lease_owner, attempts=slow.attempts)

    with pytest.MonkeyPatch.context() as patch:
        during_the_look(patch, overtaken)
        exits.advance(slow)

    assert (len(exit_orders(floor)), leg_of(plan).slices) == (1, 1)


def test_a_protective_order_guards_until_the_venue_says_flat(floor: Floor) -> None:
    floor.hold_position("4")
    stop = guard(floor, "4")
    plan = start(floor)

    seen = []
    for _ in range(8):
        stop.refresh_from_db()
        seen.append((held(floor) == 0, stop.state))
        turn(floor)

    assert {state for flat, state in seen if not flat} == {"ACCEPTED"}
    plan.refresh_from_db()
    stop.refresh_from_db()
    assert (plan.state, stop.state, held(floor)) == ("done", "CANCELED", 0)


def test_a_guard_of_a_flat_position_goes_though_a_hold_stands(floor: Floor) -> None:
    floor.hold_position("2")
    stop = guard(floor, "2")
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    plan = until_ended(floor, start(floor))

    stop.refresh_from_db()
    assert (plan.state, stop.state, held(floor)) == ("done", "CANCELED", 0)


def test_a_guard_stays_when_the_position_was_opened_again_since_the_look(floor: Floor) -> None:
    floor.hold_position("2")
    stop = guard(floor, "2")
    look = steps.looks.Look([stop], Decimal(0), floor.wall.now)
    floor.wall.advance(1)
    facts = steps.rules.WorkingOrder(stop.pk, "SELL", "PROTECTIVE", Decimal(2))
    floor.place(quantity="1")

    guards.sweep(floor.deployment, [facts], look)

    stop.refresh_from_db()
    assert (stop.state, stop.cancel_requested) == ("ACCEPTED", False)


def test_a_guard_of_a_held_position_is_never_swept(floor: Floor) -> None:
    floor.hold_position("2")
    stop = guard(floor, "2")
    facts = steps.rules.WorkingOrder(stop.pk, "SELL", "PROTECTIVE", Decimal(2))

    for known in (Decimal(2), None):
        guards.sweep(floor.deployment, [facts], steps.looks.Look([stop], known, floor.wall.now))

    stop.refresh_from_db()
    assert (stop.state, stop.cancel_requested) == ("ACCEPTED", False)


def test_guards_that_are_not_to_stay_go_first(floor: Floor) -> None:
    floor.hold_position("2")
    stop = guard(floor, "2")
    plan = start(floor, terms=exits.Terms(step_s=1, keep_protective=False))

    turn(floor)

    stop.refresh_from_db()
    assert (stop.state, exit_orders(floor)) == ("CANCELED", [])
    assert until_ended(floor, plan).state == "done"


def test_a_hold_keeps_the_guards_and_the_plan_goes_on_beside_them(floor: Floor) -> None:
    floor.hold_position("4")
    stop = guard(floor, "4")
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    plan = start(floor, terms=exits.Terms(SLOWLY.collar_bps, SLOWLY.participation, 1, keep_protective=False))

    turn(floor)

    stop.refresh_from_db()
    assert (stop.state, len(exit_orders(floor))) == ("ACCEPTED", 1)
    assert until_ended(floor, plan).state == "done"


def test_stopping_a_plan_leaves_the_guards(floor: Floor) -> None:
    floor.hold_position("6")
    stop = guard(floor, "6")
    plan = start(floor)
    turn(floor, 2)

    exits.stop(plan=plan, actor=floor.trader, reason="enough")
    turn(floor, 2)

    stop.refresh_from_db()
    assert (stop.state, held(floor) > 0) == ("ACCEPTED", True)


def test_a_slice_that_is_already_at_work_is_waited_for(floor: Floor) -> None:
    floor.hold_position("6")
    plan = start(floor)
    advance_due()
    work_orders()
    floor.wall.advance(1)

    advance_due()

    plan.refresh_from_db()
    assert (len(exit_orders(floor)), plan.state) == (1, "running")


def test_a_position_that_turns_around_is_bought_back(floor: Floor) -> None:
    floor.hold_position("2")
    plan = start(floor)
    PaperPosition.objects.update(quantity=Decimal(-3))

    plan = until_ended(floor, plan)

    assert (plan.state, held(floor)) == ("done", 0)
    assert {order.side for order in exit_orders(floor)} == {"BUY"}


def test_working_slices_of_a_plan_are_found_by_their_ids(floor: Floor) -> None:
    floor.hold_position("6")
    plan = start(floor)
    advance_due()

    assert plans.working_slices(plan) == exit_orders(floor)
