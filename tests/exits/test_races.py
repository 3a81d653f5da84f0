"""Real connections against each other: one plan, one slice, and a stop that holds."""

from collections import Counter

from apps.common import claims
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.services.steps import LEASE_S
from apps.execution.exits.tasks import advance_due
from apps.execution.models import Order
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, together, work_orders
from tests.exits.builders import exit_orders, held, leg_of, start, until_ended
from tests.races import codes, race


def test_of_plans_started_at_once_on_one_scope_one_stands(real_floor: Floor) -> None:
    outcomes = race(*[lambda: start(real_floor)] * 6)

    assert set(codes(outcomes)) <= {"EXIT_PLAN_ACTIVE", "POSITION_ON_PLAN"}
    assert sum(isinstance(outcome, ExitPlan) for outcome in outcomes) == 1
    assert (ExitPlan.objects.count(), ExitLeg.objects.count()) == (1, 1)


def test_of_plans_started_at_once_over_one_position_one_stands(real_floor: Floor) -> None:
    scopes = [real_floor.bot.scope, real_floor.account.scope, real_floor.account.bucket.scope]

    outcomes = race(*[lambda scope=scope: start(real_floor, scope=scope) for scope in scopes])

    assert codes(outcomes) == ["POSITION_ON_PLAN"] * 2
    assert (ExitPlan.objects.count(), ExitLeg.objects.count()) == (1, 1)


def test_workers_that_advance_one_plan_place_each_slice_once(real_floor: Floor) -> None:
    real_floor.hold_position("6")
    plan = start(real_floor)
    (claimed,) = claims.claim(ExitPlan.objects.select_related("scope", "requested_by"), lease_s=LEASE_S)

    together(*[lambda: exits.advance(claimed)] * 4)
    together(*[work_orders] * 2)

    assert [order.quantity for order in exit_orders(real_floor)] == [2]
    assert PaperOrder.objects.filter(side="SELL").count() == 1
    assert leg_of(plan).slices == 1


def test_after_a_stop_no_slice_is_left_working(real_floor: Floor) -> None:
    real_floor.hold_position("6")
    for _ in range(4):
        plan = start(real_floor)

        together(advance_due, lambda plan=plan: exits.stop(plan=plan, actor=real_floor.trader, reason="stop"))

        plan.refresh_from_db()
        states = Counter(order.state for order in exit_orders(real_floor))
        assert (plan.state, set(states) <= {"CANCELED"}) == ("stopped", True)


def test_a_person_s_close_and_a_plan_at_once_do_not_cross_zero(real_floor: Floor) -> None:
    real_floor.hold_position("4")
    plan = start(real_floor)

    def close() -> Order | Refused:
        return execution.close_position(deployment=real_floor.deployment, actor=real_floor.trader, reason="by hand")

    race(advance_due, close)
    together(work_orders, work_orders)
    real_floor.pass_time(2)

    assert until_ended(real_floor, plan).state == "done"
    assert held(real_floor) == 0
