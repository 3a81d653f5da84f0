"""Bots that run elsewhere: their sessions, and the dead-man's policy for one that falls silent."""

from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.errors import Invalid, Refused
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import BotSession, Cycle, Order
from apps.execution.services import orders, sessions
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from apps.venues.paper.models import PaperOrder
from tests.execution.attached import fall_silent, machine, open_another, opened, rest
from tests.execution.builders import Floor, redeploy, together, work_orders
from tests.markets.builders import BY


def ticket(floor: Floor, session: BotSession | None) -> execution.Ticket:
    """An order of the bot under a session."""
    floor.hear()
    return floor.ticket(session=session)


def test_an_order_under_an_open_session_passes(attached: Floor) -> None:
    assert execution.place(ticket=ticket(attached, opened(attached)), **BY).codes == []


@pytest.mark.parametrize("ending", ["none", "closed", "expired"])
def test_without_an_open_session_nothing_is_sent(attached: Floor, ending: str) -> None:
    session = None if ending == "none" else opened(attached)
    if session is not None:
        with acting(**BY):
            session.state = ending
            session.save()

    with pytest.raises(Refused) as refusal:
        execution.place(ticket=ticket(attached, session), **BY)
    assert refusal.value.code == "SESSION_REQUIRED"
    assert not Order.objects.exists()


def test_a_session_of_an_older_epoch_is_fenced(attached: Floor) -> None:
    session = opened(attached)
    redeploy(attached, runs="attached")

    with pytest.raises(Refused) as refusal:
        execution.place(ticket=ticket(attached, session), **BY)
    assert refusal.value.code == "EPOCH_FENCED"
    with pytest.raises(Refused, match="moved on"):
        execution.beat(session=session, actor=session.opened_by)


def test_only_the_approved_build_gets_a_session(attached: Floor) -> None:
    with pytest.raises(Refused) as refusal:
        opened(attached, build_id="f" * 64)
    assert refusal.value.code == "BUILD_MISMATCH"
    assert not BotSession.objects.exists()


@pytest.mark.parametrize("heartbeat_s", [0, -1, 301])
def test_a_heartbeat_has_bounds(attached: Floor, heartbeat_s: int) -> None:
    with pytest.raises(Invalid):
        opened(attached, heartbeat_s=heartbeat_s)


def test_a_bot_that_runs_here_has_no_sessions(floor: Floor) -> None:
    with pytest.raises(Refused) as refusal:
        execution.open_session(
            deployment=Deployment.objects.get(),
            build_id=floor.release.build_id,
            heartbeat_s=10,
            actor=machine(floor),
            reason="x",
        )
    assert refusal.value.code == "DEPLOYMENT_NOT_ATTACHED"


def test_a_second_session_of_a_bot_ends_the_first(attached: Floor) -> None:
    first, second = opened(attached), opened(attached)

    first.refresh_from_db()
    assert (first.state, second.state) == ("closed", "open")


def test_a_heartbeat_prolongs_the_lease(attached: Floor) -> None:
    session = opened(attached)
    attached.wall.advance(9)
    execution.beat(session=session, actor=session.opened_by)
    attached.wall.advance(9)

    assert execution.expire_sessions() == 0


def test_a_silent_bot_is_held_and_people_are_paged(attached: Floor) -> None:
    session = opened(attached)
    attached.wall.advance(10)

    assert execution.expire_sessions() == 1

    session.refresh_from_db()
    hold = Hold.objects.get()
    assert (session.state, hold.level, hold.scope) == ("expired", "REDUCING", attached.bot.scope)
    assert Alert.objects.get(code="BOT_SILENT").tier == "critical"
    with pytest.raises(Refused, match="is expired"):
        execution.beat(session=session, actor=session.opened_by)


def test_a_silent_bots_opening_orders_are_cancelled(attached: Floor) -> None:
    order = rest(attached, opened(attached))

    fall_silent(attached)
    work_orders()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    assert PaperOrder.objects.get().state == "canceled"


def test_a_silent_bots_protective_orders_and_exits_stay(floor: Floor) -> None:
    floor.hold_position("3")
    floor.release = redeploy(floor, runs="attached")
    session = opened(floor)
    sells: dict[str, Any] = {"side": "SELL", "session": session}
    guard = rest(floor, **sells, purpose="PROTECTIVE", order_type="STOP", limit_price=None, stop_price="97")
    leave = rest(floor, **sells, purpose="EXIT", limit_price="104")

    fall_silent(floor)
    work_orders()

    session.refresh_from_db()
    assert session.state == "expired"
    for order in (guard, leave):
        order.refresh_from_db()
        assert (order.state, order.cancel_requested) == (OrderState.ACCEPTED, False)
    assert set(PaperOrder.objects.filter(side="SELL").values_list("state", flat=True)) == {"open"}


@pytest.mark.parametrize("whose", ["a person's", "another bot's"])
def test_what_is_not_the_silent_bots_own_stays(attached: Floor, whose: str) -> None:
    order = rest(attached, opened(attached), by_person=whose == "a person's")
    if whose == "another bot's":
        order = hand_over(order, open_another(attached, "beta", heartbeat_s=300).deployment)

    fall_silent(attached)

    order.refresh_from_db()
    assert (order.state, order.cancel_requested) == (OrderState.ACCEPTED, False)


def hand_over(order: Order, deployment: Deployment) -> Order:
    """The order as if another bot had placed it."""
    with acting(**BY):
        Order.objects.filter(pk=order.pk).update(deployment=deployment, bot=deployment.bot)
    return order


def test_the_release_of_another_hold_does_not_bring_a_silent_bot_back(attached: Floor) -> None:
    opened(attached)
    other = risk.place_hold(scope=attached.bot.scope, level="HALTED", **BY)
    fall_silent(attached)
    with acting(**BY):
        Hold.objects.filter(pk=other.pk).update(state="released")

    order = execution.place(ticket=ticket(attached, opened(attached)), **BY)

    assert order.state == OrderState.DENIED
    assert "HOLD_REDUCING" in order.codes
    assert Hold.objects.exclude(pk=other.pk).get().source == "dead_man"


def test_a_cancel_that_fails_is_repeated_and_the_hold_is_not(attached: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(attached)
    order = rest(attached, session)

    def fails(**_: Any) -> Order:
        raise Refused("STATE_CONFLICT", "not now")

    with monkeypatch.context() as patched:
        patched.setattr(orders, "cancel", fails)
        fall_silent(attached)
    session.refresh_from_db()
    assert (session.state, Alert.objects.filter(code="BOT_SILENT").count()) == ("open", 1)

    fall_silent(attached, sessions.LEASE_S + 1)

    session.refresh_from_db()
    order.refresh_from_db()
    assert (session.state, order.cancel_requested, Hold.objects.count()) == ("expired", True, 1)


def test_workers_that_look_at_once_hold_a_silent_bot_once(real_floor: Floor) -> None:
    redeploy(real_floor, runs="attached")
    opened(real_floor)
    real_floor.wall.advance(10)

    assert sum(together(*[execution.expire_sessions] * 4)) == 1

    assert Hold.objects.count() == 1


def test_only_bots_that_run_here_get_cycles(floor: Floor) -> None:
    execution.open_missing_cycles()
    redeploy(floor, runs="attached")
    execution.open_missing_cycles()

    assert set(Cycle.objects.values_list("epoch", flat=True)) == {1}
