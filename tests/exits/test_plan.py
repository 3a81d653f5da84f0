"""A whole plan against the paper venue: slices, waits, ends."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.access.models import User
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import DomainError
from apps.execution import services as execution
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.tasks import advance_due
from apps.execution.models import Order
from apps.markets import services as markets
from apps.risk import services as risk
from apps.venues import services as venues
from apps.venues.adapters.base import VenueRejected, VenueTimeout
from tests.execution.builders import Floor, redeploy, trade_in_parts, work_orders
from tests.exits.builders import SLOWLY, exit_orders, held, leg_of, start, turn, until_ended
from tests.markets.builders import BY


def test_a_position_is_sold_in_slices_until_the_venue_says_flat(floor: Floor) -> None:
    floor.hold_position("5")

    plan = until_ended(floor, start(floor))

    assert (plan.state, leg_of(plan).state, held(floor)) == ("done", "done", 0)
    assert [order.quantity for order in exit_orders(floor)] == [2, 2, 1]
    assert {order.state for order in exit_orders(floor)} == {"FILLED"}
    acts = Record.objects.filter(act__startswith="exit_plan").order_by("id")
    assert [record.act for record in acts] == ["exit_plan.started", "exit_plan.done"]


def test_every_slice_is_a_collared_exit_of_the_person(floor: Floor) -> None:
    floor.hold_position("2")

    until_ended(floor, start(floor))

    (order,) = exit_orders(floor)
    assert (order.order_type, order.side, order.by_person, order.is_reduce_only) == ("LIMIT", "SELL", True, True)
    assert order.placed_by == f"user:{floor.trader.pk}"
    # Half a percent under the reference.
    assert order.limit_price == (order.reference_price * Decimal("0.995")).quantize(Decimal("0.01"))


def test_the_collar_limit_narrows_the_plan_s_collar(floor: Floor) -> None:
    floor.hold_position("2")
    risk.set_limit(scope=floor.bot.scope, kind="collar_bps", value=Decimal(10), **BY)

    until_ended(floor, start(floor))

    (order,) = exit_orders(floor)
    assert order.state == "FILLED"
    assert order.limit_price >= order.reference_price * Decimal("0.999")


def test_partial_fills_are_followed_by_what_is_left(floor: Floor) -> None:
    floor.hold_position("5")
    trade_in_parts("0.001")

    plan = until_ended(floor, start(floor))

    assert (plan.state, held(floor)) == ("done", 0)
    assert {order.state for order in exit_orders(floor)} == {"CANCELED", "FILLED"}
    assert sum(order.filled_quantity for order in exit_orders(floor)) == 5


def test_nothing_is_sold_that_the_venue_does_not_hold(floor: Floor) -> None:
    floor.hold_position("5")
    plan = start(floor)
    turn(floor)

    execution.close_position(deployment=floor.deployment, actor=floor.trader, reason="by hand", quantity=Decimal(2))
    until_ended(floor, plan)

    assert held(floor) == 0
    assert sum(order.filled_quantity for order in exit_orders(floor)) == 5


def test_a_position_that_grows_under_the_plan_is_sold_as_well(floor: Floor) -> None:
    floor.hold_position("3")
    plan = start(floor)
    turn(floor)

    floor.place(quantity="4")
    work_orders()
    floor.pass_time(1)
    plan = until_ended(floor, plan)

    assert (plan.state, held(floor), leg_of(plan).target) == ("done", 0, 5)


def test_opening_orders_are_cancelled_before_the_first_slice(floor: Floor) -> None:
    floor.hold_position("2")
    opening = floor.place(order_type="LIMIT", limit_price="98", quantity="3")
    work_orders()
    start(floor)

    turn(floor)
    assert not exit_orders(floor)
    turn(floor)

    opening.refresh_from_db()
    assert opening.state == "CANCELED"
    assert len(exit_orders(floor)) == 1


def test_a_cancel_that_the_venue_has_not_confirmed_keeps_the_slices_back(floor: Floor) -> None:
    floor.hold_position("2")
    opening = floor.place(order_type="LIMIT", limit_price="98", quantity="3")
    work_orders()
    plan = start(floor)
    floor.line.lose_request = {"cancel"}

    turn(floor, 5)
    assert (leg_of(plan).state, exit_orders(floor)) == ("clearing", [])

    floor.line.lose_request = set()
    assert until_ended(floor, plan).state == "done"
    opening.refresh_from_db()
    assert opening.state == "CANCELED"


def test_an_exit_that_a_bot_left_resting_does_not_keep_the_position(floor: Floor) -> None:
    floor.hold_position("2")
    floor.place(side="SELL", purpose="EXIT", order_type="LIMIT", limit_price="104", quantity="2")
    work_orders()

    plan = until_ended(floor, start(floor))

    assert (plan.state, held(floor)) == ("done", 0)
    assert [order.state for order in exit_orders(floor)] == ["CANCELED", "FILLED"]


def test_a_halt_does_not_hold_a_person_s_plan_back(floor: Floor) -> None:
    floor.hold_position("3")
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)

    plan = until_ended(floor, start(floor))

    assert (plan.state, held(floor)) == ("done", 0)


def test_a_silent_venue_is_waited_for(floor: Floor) -> None:
    floor.hold_position("3")
    floor.line.fails = {"positions": VenueTimeout("silence")}
    plan = start(floor)

    turn(floor, 3)
    plan.refresh_from_db()
    assert (plan.state, exit_orders(floor)) == ("waiting", [])
    assert plan.message == "BTC-USD: the venue does not say what it holds"

    floor.line.fails = {}
    assert until_ended(floor, plan).state == "done"


def test_without_a_fresh_price_of_anybody_nothing_is_sold(floor: Floor) -> None:
    floor.hold_position("3")
    markets.stall_feed(feed=floor.feed, **BY)
    floor.wall.advance(3600)
    plan = start(floor)

    advance_due()

    plan.refresh_from_db()
    assert (plan.state, exit_orders(floor)) == ("waiting", [])
    assert "no fresh price" in plan.message


def test_the_venue_s_fresh_price_is_enough_when_the_feed_is_stale(floor: Floor) -> None:
    floor.hold_position("2")
    markets.stall_feed(feed=floor.feed, **BY)
    floor.wall.advance(3600)
    plan = start(floor)
    seen = {"instrument": floor.instrument, "source": "venue:paper", "price": Decimal(98)}
    markets.see_reference(**seen, seen_at=floor.wall.now - timedelta(seconds=1))

    turn(floor)

    assert [order.limit_price for order in exit_orders(floor)] == [Decimal("97.51")]
    assert leg_of(plan).slices == 1


def test_a_halted_instrument_is_waited_for(floor: Floor) -> None:
    floor.hold_position("3")
    markets.set_market_state(instrument=floor.instrument, state="halted", source="test", **BY)
    plan = start(floor)

    turn(floor, 2)
    plan.refresh_from_db()
    assert (plan.state, plan.message, exit_orders(floor)) == ("waiting", "BTC-USD: the instrument is halted", [])

    markets.set_market_state(instrument=floor.instrument, state="trading", source="test", **BY)
    assert until_ended(floor, plan).state == "done"


def test_three_rejections_block_the_plan_and_call_people(floor: Floor) -> None:
    floor.hold_position("3")
    floor.line.fails = {"submit": VenueRejected("ACCOUNT_FROZEN")}

    plan = until_ended(floor, start(floor))

    assert (plan.state, leg_of(plan).state, held(floor)) == ("blocked", "blocked", 3)
    assert [order.state for order in exit_orders(floor)] == ["REJECTED"] * 3
    alert = Alert.objects.get(code="EXIT_PLAN_BLOCKED")
    assert (alert.tier, alert.object_id) == ("critical", plan.pk)
    turn(floor, 3)
    assert len(exit_orders(floor)) == 3


def test_a_redeployed_bot_does_not_fence_the_plan(floor: Floor) -> None:
    floor.hold_position("3")
    plan = start(floor)
    turn(floor)
    redeploy(floor)

    assert until_ended(floor, plan).state == "done"


def test_a_bot_that_holds_nothing_is_done_at_once(floor: Floor) -> None:
    plan = until_ended(floor, start(floor))

    assert (plan.state, leg_of(plan).slices) == ("done", 0)


def test_a_stopped_plan_sells_no_more_and_cancels_what_works(floor: Floor) -> None:
    floor.hold_position("5")
    plan = start(floor)
    turn(floor)
    advance_due()
    work_orders()
    working = exit_orders(floor)[-1]

    exits.stop(plan=plan, actor=floor.trader, reason="wait")
    work_orders()
    turn(floor, 3)

    plan.refresh_from_db()
    working.refresh_from_db()
    assert (plan.state, leg_of(plan).state, working.state) == ("stopped", "stopped", "CANCELED")
    assert held(floor) == 3
    assert until_ended(floor, start(floor)).state == "done"


def test_a_plan_that_has_ended_is_not_stopped(floor: Floor) -> None:
    plan = until_ended(floor, start(floor))

    with pytest.raises(DomainError) as refused:
        exits.stop(plan=plan, actor=floor.trader, reason="too late")

    plan.refresh_from_db()
    assert (refused.value.code, plan.state) == ("STATE_CONFLICT", "done")


@pytest.mark.parametrize("who", ["outsider", "service"])
def test_who_may_not_exit_neither_starts_nor_stops_a_plan(floor: Floor, who: str) -> None:
    floor.hold_position("2")
    plan = start(floor)
    kind = "service" if who == "service" else "person"
    with acting(**BY):
        actor = User.objects.create(username=who, display_name=who, kind=kind)

    for act in (lambda: start(floor, actor=actor), lambda: exits.stop(plan=plan, actor=actor, reason="no")):
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.code == ("PERSON_NEEDED" if who == "service" else "PERMISSION_DENIED")

    plan.refresh_from_db()
    assert (ExitPlan.objects.count(), plan.state, Order.objects.filter(purpose="EXIT").count()) == (1, "running", 0)


REFUSALS = [
    ({"reason": " "}, "REASON_MISSING"),
    ({"terms": exits.Terms(participation=Decimal("1.1"))}, "EXIT_PLAN_TERMS"),
    ({"terms": exits.Terms(collar_bps=Decimal(0))}, "EXIT_PLAN_TERMS"),
    ({"terms": exits.Terms(collar_bps=Decimal(1001))}, "EXIT_PLAN_TERMS"),
    ({"terms": exits.Terms(step_s=0)}, "EXIT_PLAN_TERMS"),
]


@pytest.mark.parametrize(("asked", "code"), REFUSALS)
def test_a_plan_with_wrong_terms_is_not_started(floor: Floor, asked: dict[str, object], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        start(floor, **asked)

    assert (refused.value.code, ExitPlan.objects.count()) == (code, 0)


def test_a_second_plan_on_the_scope_or_on_one_of_its_positions_is_refused(floor: Floor) -> None:
    plan = start(floor)

    for scope, code in ((floor.bot.scope, "EXIT_PLAN_ACTIVE"), (floor.account.bucket.scope, "POSITION_ON_PLAN")):
        with pytest.raises(DomainError) as refused:
            start(floor, scope=scope)
        assert refused.value.code == code

    assert list(ExitPlan.objects.all()) == [plan]
    until_ended(floor, plan)
    assert start(floor, scope=floor.account.bucket.scope, terms=SLOWLY).state == "running"


def test_where_nothing_is_immediate_a_slice_that_rests_too_long_is_cancelled_and_priced_anew(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.hold_position("2")
    takes = replace(venues.capabilities_of(floor.account), times_in_force=frozenset({"DAY", "GTC"}))
    monkeypatch.setattr(venues, "capabilities_of", lambda account: takes)
    start(floor, terms=exits.Terms(SLOWLY.collar_bps, SLOWLY.participation, step_s=2))

    for _ in range(5):  # no bar comes, so nothing trades
        advance_due()
        work_orders()
        floor.wall.advance(1)

    assert [(order.time_in_force, order.state) for order in exit_orders(floor)] == [
        ("DAY", "CANCELED"),
        ("DAY", "ACCEPTED"),
    ]
