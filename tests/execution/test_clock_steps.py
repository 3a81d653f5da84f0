"""The wall clock steps an hour back or ahead: nothing is done twice, nothing stands longer, no window opens anew."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.common import claims
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.execution import services as execution
from apps.execution import tasks, warm
from apps.execution.models import AccountSync, BotSession, Cycle, Order
from apps.execution.services import permits, submission
from apps.markets import services as markets
from apps.risk import services as risk
from apps.risk.models import Hold, Limit, OrderRate
from apps.venues.paper.models import PaperOrder
from tests.builders import make_user
from tests.execution.bots import buy_each_bar, use_scripted_bots
from tests.execution.builders import Floor, redeploy, work_orders
from tests.execution.test_gateway import limit
from tests.markets.builders import BY

HOUR_S = 3_600
STEPS = pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])


def step(floor: Floor, seconds: float) -> None:
    """The clock jumps; then the platform lives on."""
    floor.wall.advance(seconds)
    markets.tick_feeds()


@pytest.mark.parametrize(("kind", "code"), [("orders_per_minute", "RATE_ABOVE_LIMIT"), ("messages_per_second", "MES")])
@pytest.mark.parametrize("step_s", [-HOUR_S, -61, -1])
def test_a_clock_set_back_opens_no_rate_window_anew(floor: Floor, kind: str, code: str, step_s: int) -> None:
    limit(floor, kind, "2")
    for price in ("99", "98"):
        floor.place(order_type="LIMIT", limit_price=price)

    step(floor, step_s)

    denied = floor.place(order_type="LIMIT", limit_price="97")
    assert [known.startswith(code) for known in denied.codes] == [True]
    assert OrderRate.objects.get().count == 2


def test_a_clock_that_swings_to_and_fro_lets_no_more_through_than_two_windows_do(floor: Floor) -> None:
    limit(floor, "orders_per_minute", "3")
    accepted = 0
    for number in range(15):
        step(floor, {5: -HOUR_S, 10: HOUR_S}.get(number, 0))
        order = floor.place(order_type="LIMIT", limit_price=str(Decimal(99) - number))
        accepted += not order.codes

    assert accepted == 2 * 3


def test_the_window_after_a_step_back_ends_like_any_other(floor: Floor) -> None:
    limit(floor, "orders_per_minute", "1")
    floor.place()
    step(floor, -HOUR_S)
    first = floor.place(quantity="2").codes

    floor.wall.advance(60)
    floor.pass_time(1)

    assert (first, floor.place(quantity="2").codes) == (["RATE_ABOVE_LIMIT"], [])


@STEPS
def test_a_cycles_slot_is_run_once(floor: Floor, monkeypatch: pytest.MonkeyPatch, step_s: int) -> None:
    use_scripted_bots(monkeypatch, buy_each_bar)
    tasks.run_due_cycles()
    floor.pass_time(2)
    tasks.run_due_cycles()

    for _ in range(2):
        step(floor, step_s)
        tasks.run_due_cycles()
        step(floor, -step_s)
        floor.pass_time(1)
        tasks.run_due_cycles()

    slots = list(Cycle.objects.filter(state="done").order_by("sequence").values_list("from_ms", "until_ms"))
    assert len({until for _, until in slots}) == len(slots)
    assert all(before[1] == after[0] for before, after in pairwise(slots))
    asked = list(Order.objects.values_list("cycle_id", "intent_sequence"))
    assert len(set(asked)) == len(asked) > 0
    warm.drop(floor.deployment.pk)


@STEPS
def test_an_order_is_at_the_venue_once_whatever_the_clock_does(floor: Floor, step_s: int) -> None:
    floor.line.lose_reply.add("submit")
    floor.place(by_person=True)
    work_orders()

    for _ in range(3):
        step(floor, step_s)
        tasks.send_due_orders()
        floor.pass_time(2)
        tasks.send_due_orders()

    assert PaperOrder.objects.count() == 1
    assert floor.line.calls.count("submit") == 1
    assert Order.objects.get().state == "ACCEPTED"


@STEPS
def test_a_permit_is_not_used_after_the_clock_has_stepped(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    permit = submission._permit

    def slow(order: Order, held: Any) -> Order | None:
        row = permit(order, held)
        floor.wall.advance(step_s)
        return row

    monkeypatch.setattr(submission, "_permit", slow)
    order = floor.place()

    work_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == ("NOT_SENT", ["PERMIT_LATE"])
    assert floor.line.calls == []


def test_a_permit_ends_on_both_sides(floor: Floor) -> None:
    order = floor.place()
    order.send_before = permits.until()
    late = []
    for moved in (-0.001, 0, 0.499, 0.5):
        floor.wall.advance(moved)
        late.append(permits.is_late(order))
        floor.wall.advance(-moved)

    assert late == [True, False, False, True]


def test_an_order_that_was_decided_before_the_clock_was_set_back_is_not_sent_an_hour_later(floor: Floor) -> None:
    order = floor.place()
    step(floor, -HOUR_S)

    tasks.send_due_orders()

    order.refresh_from_db()
    assert (order.state, order.codes) == ("DENIED", ["ORDER_STALE"])
    assert not PaperOrder.objects.exists()


def test_an_exit_does_not_wait_for_the_clock_to_catch_up(floor: Floor) -> None:
    floor.hold_position("2")
    floor.place(side="SELL", quantity="2", purpose="EXIT")
    step(floor, -HOUR_S)

    tasks.send_due_orders()

    assert PaperOrder.objects.filter(side="SELL").count() == 1


def test_a_lease_from_before_the_step_is_taken_over(floor: Floor) -> None:
    floor.place(by_person=True)
    claims.claim(Order.objects.all(), lease_s=15)
    step(floor, -HOUR_S)

    tasks.send_due_orders()

    assert PaperOrder.objects.count() == 1


def test_accounts_are_synced_at_once_after_a_step_back(floor: Floor) -> None:
    AccountSync.objects.update(due_at=wall_now() + timedelta(seconds=1))
    step(floor, -HOUR_S)

    tasks.sync_due_accounts()

    assert AccountSync.objects.get().answered_at == floor.wall.now


def test_what_is_due_soon_keeps_its_turn(floor: Floor) -> None:
    order = floor.place()
    due_at = floor.wall.now + timedelta(seconds=30)
    Order.objects.update(due_at=due_at)

    tasks.send_due_orders()

    order.refresh_from_db()
    assert (order.due_at, order.state) == (due_at, "INITIALIZED")


@pytest.mark.parametrize("code", ["PNL_STALE", "REFERENCE_STALE", "BUYING_POWER_UNKNOWN"])
def test_what_was_fresh_before_the_clock_was_set_back_is_not(floor: Floor, code: str) -> None:
    floor.hear()
    step(floor, -HOUR_S)

    denied = execution.place(ticket=floor.ticket(), **BY)

    assert code in denied.codes


def test_what_is_heard_after_the_step_is_fresh_again(floor: Floor) -> None:
    floor.hear()
    step(floor, -HOUR_S)

    assert floor.place().codes == []


def ending_raise(floor: Floor) -> Callable[[], Decimal]:
    """The bot's order quantity is 10 for half an hour, then 1 again; what is in force."""
    with acting(**BY):
        Limit.objects.filter(scope=floor.bot.scope, kind="order_quantity").update(
            value=10, reverts_to=1, expires_at=wall_now() + timedelta(minutes=30)
        )
    return lambda: risk.in_force(Limit.objects.get(scope=floor.bot.scope, kind="order_quantity"))


def test_a_raise_that_has_ended_does_not_come_back_with_the_clock(floor: Floor) -> None:
    in_force = ending_raise(floor)
    step(floor, HOUR_S)
    risk.settle_limits()

    step(floor, -HOUR_S)

    assert in_force() == 1
    assert floor.place(quantity="2").codes == ["QUANTITY_ABOVE_LIMIT"]


def test_a_clock_that_jumps_ahead_ends_a_raise_and_prolongs_none(floor: Floor) -> None:
    in_force = ending_raise(floor)
    step(floor, HOUR_S)

    assert in_force() == 1


def test_a_vote_that_has_ended_does_not_open_again_with_the_clock(floor: Floor) -> None:
    owner, other = (make_user(name, "risk owner", floor.account.bucket.desk.scope) for name in ("ann", "ben"))
    asked = risk.request_raise(scope=floor.bot.scope, kind="position", value=Decimal(20), actor=owner, reason="more")
    assert asked.consent is not None
    step(floor, 25 * HOUR_S)
    access.expire_consents()
    step(floor, -25 * HOUR_S)

    with pytest.raises(Refused):
        risk.vote_raise(limit_raise=asked, actor=other, approve=True, reason="fine", digest=asked.consent.digest)
    assert Limit.objects.get(scope=floor.bot.scope, kind="position").value == 10


@STEPS
def test_a_hold_and_a_throttle_stand_whatever_the_clock_says(floor: Floor, step_s: int) -> None:
    risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY)
    risk.throttle(scope=floor.bot.scope, repeats=3)
    step(floor, step_s)

    assert floor.place().codes == ["HOLD_HALTED", "EXECUTION_THROTTLED"]
    assert Hold.objects.get().state == "active"


def opened(floor: Floor) -> BotSession:
    """A session of the bot, run elsewhere, with a heartbeat of 10 s."""
    release = redeploy(floor, runs="attached")
    fields = {"deployment": floor.ticket().deployment, "build_id": release.build_id, "heartbeat_s": 10}
    with acting(**BY):
        machine = User.objects.create(username="bot-machine", display_name="Bot", kind="service")
    return execution.open_session(**fields, actor=machine, reason="starts")


def test_a_bot_that_falls_silent_while_the_clock_is_set_back_is_held_in_time(floor: Floor) -> None:
    session = opened(floor)
    step(floor, -HOUR_S)

    assert execution.expire_sessions() == 0
    floor.wall.advance(10)
    assert execution.expire_sessions() == 1

    session.refresh_from_db()
    assert session.state == "expired"
    assert Hold.objects.get().level == "REDUCING"
