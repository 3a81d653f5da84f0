"""Whose silence it is: one bot's, a deployment's that moved on, or ours."""

from collections.abc import Callable
from itertools import product
from uuid import UUID, uuid4

import pytest

from apps.access import selectors as access
from apps.alerts.models import Alert
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.execution import services as execution
from apps.execution.models import BotSession
from apps.execution.services import sessions
from apps.execution.states import OrderState
from apps.risk.models import Hold
from tests.execution.attached import (
    bots_of,
    ended,
    fall_silent,
    held,
    live_on,
    make_other_bucket,
    open_another,
    opened,
    pause,
    rest,
)
from tests.execution.builders import Floor, redeploy
from tests.markets.builders import BY

HOUR_S = 3_600


def scopes_of(code: str) -> set[UUID]:
    """Whom the alerts of that code reach."""
    return set(Alert.objects.filter(code=code).values_list("scope_id", flat=True))


def test_many_of_several_desks_at_once_are_our_fault_and_nothing_is_held(attached: Floor) -> None:
    order = rest(attached, opened(attached))
    beta = make_other_bucket("beta")
    for number in range(5):
        open_another(attached, f"more-{number}", beta if number < 3 else None)
    live_on(attached)

    assert fall_silent(attached) == 6

    order.refresh_from_db()
    assert (order.state, order.cancel_requested) == (OrderState.ACCEPTED, False)
    assert not Hold.objects.exists()
    assert set(BotSession.objects.values_list("state", flat=True)) == {"expired"}


def test_of_many_each_bots_people_are_paged_and_the_firm_once(attached: Floor) -> None:
    lost = [open_another(attached, f"more-{number}") for number in range(3)]
    live_on(attached)
    fall_silent(attached)

    assert scopes_of("BOT_SILENT") == bots_of(*lost)
    summary = Alert.objects.get(code="SESSIONS_LOST")
    assert (summary.tier, summary.scope, summary.repeats) == ("critical", access.firm().scope, 2)


def test_a_victims_page_is_its_own_though_an_alert_of_many_stands(attached: Floor) -> None:
    for number in range(3):
        open_another(attached, f"more-{number}")
    live_on(attached)
    fall_silent(attached)
    attached.wall.advance(HOUR_S)

    victim = opened(attached)
    fall_silent(attached)

    alert = Alert.objects.get(code="BOT_SILENT", scope__in=bots_of(victim))
    assert (alert.repeats, alert.detail["outcome"]) == (0, "openings are held and cancelled")


def test_those_who_fall_silent_shortly_one_after_the_other_are_many_too(attached: Floor) -> None:
    for number, heartbeat_s in enumerate((10, 10, 15)):
        open_another(attached, f"more-{number}", heartbeat_s=heartbeat_s)
    live_on(attached)
    assert fall_silent(attached) == 2
    assert Hold.objects.count() == 2

    assert fall_silent(attached, 5) == 1

    assert Hold.objects.count() == 2
    assert Alert.objects.filter(code="SESSIONS_LOST").exists()


def test_what_one_desk_loses_is_not_our_fault_where_others_are_heard(attached: Floor) -> None:
    lost = [open_another(attached, f"more-{number}") for number in range(3)]
    open_another(attached, "beta", make_other_bucket("beta"), heartbeat_s=300)
    live_on(attached)

    assert fall_silent(attached) == 3

    assert held() == bots_of(*lost)


def test_one_desk_cannot_switch_off_the_dead_man_of_another(attached: Floor) -> None:
    victim = opened(attached)
    order = rest(attached, victim)
    beta = make_other_bucket("beta")
    for number in range(4):
        open_another(attached, f"beta-{number}", beta)
    live_on(attached)

    fall_silent(attached)

    order.refresh_from_db()
    assert (order.cancel_requested, held()) == (True, bots_of(victim))
    assert ended(victim) == ("expired", "openings are held and cancelled")


def test_sessions_that_are_opened_to_be_lost_tell_nothing(attached: Floor) -> None:
    victim = opened(attached)
    live_on(attached)
    attached.wall.advance(8)
    for number in range(4):
        open_another(attached, f"more-{number}", make_other_bucket(f"desk-{number}"), heartbeat_s=1)
    fall_silent(attached, 1)

    fall_silent(attached, 1)

    assert bots_of(victim) <= held()
    assert not Alert.objects.filter(code="SESSIONS_LOST").exists()


def test_losses_that_the_clock_has_put_ahead_are_not_just_now(attached: Floor) -> None:
    for number in range(3):
        open_another(attached, f"more-{number}")
    live_on(attached)
    fall_silent(attached)
    attached.wall.advance(-HOUR_S)

    victim = opened(attached)
    live_on(attached)
    fall_silent(attached)

    assert held() == bots_of(victim)


A, B, C = uuid4(), uuid4(), uuid4()


def of(**counts: int) -> dict[UUID, UUID]:
    """So many deployments of each desk; the same numbers are the same deployments."""
    desks = {"a": A, "b": B, "c": C}
    return {
        UUID(int=desks[name].int ^ number): desks[name] for name, count in counts.items() for number in range(count)
    }


@pytest.mark.parametrize(
    ("silent", "known", "expected"),
    [
        (of(a=3), of(a=3), True),  # no other desk has any
        (of(a=2), of(a=2), False),
        (of(a=3), of(a=7), False),
        (of(a=3), of(a=3, b=1), False),
        (of(a=3, b=1), of(a=3, b=1), True),
        (of(a=3, b=1), of(a=7, b=1), False),
        (of(a=1, b=5), of(a=1, b=5), False),
        (of(a=2, b=2), of(a=2, b=2), False),
        (of(a=1, b=1, c=2), of(a=1, b=1, c=2), False),
        (of(a=1, b=2, c=2), of(a=1, b=2, c=2), True),
        (of(a=1, b=2, c=2), of(a=1, b=2, c=9), False),
        (of(), of(), False),
    ],
)
def test_when_a_bot_of_desk_a_is_silent_through_our_fault(
    silent: dict[UUID, UUID], known: dict[UUID, UUID], expected: bool
) -> None:
    assert sessions.is_our_fault(A, silent, known) is expected


def test_nothing_that_one_other_desk_does_makes_it_our_fault() -> None:
    for lost, more, own, left in product(range(5), repeat=4):
        alone = sessions.is_our_fault(A, of(a=own), of(a=own + left))
        together_with = sessions.is_our_fault(A, of(a=own, b=lost), of(a=own + left, b=lost + more))
        assert alone or not together_with


def go_on(floor: Floor) -> str:
    """The next release goes live."""
    redeploy(floor, runs="attached")
    return "the deployment went on to another epoch: nothing was held"


@pytest.mark.parametrize("move", [pause, go_on])
def test_a_bot_whose_deployment_moved_on_is_not_silent(attached: Floor, move: Callable[[Floor], str]) -> None:
    session = opened(attached)
    order = rest(attached, session)
    outcome = move(attached)
    with pytest.raises(Refused, match="moved on"):
        execution.beat(session=session, actor=session.opened_by)

    assert fall_silent(attached) == 0

    order.refresh_from_db()
    assert ended(session) == ("closed", outcome)
    assert (order.state, order.cancel_requested) == (OrderState.ACCEPTED, False)
    assert not Hold.objects.exists()
    assert not Alert.objects.filter(code__in=("BOT_SILENT", "SESSIONS_LOST")).exists()


def test_bots_whose_deployments_moved_on_are_not_among_many(attached: Floor) -> None:
    victim = opened(attached)
    paused = [open_another(attached, f"more-{number}") for number in range(3)]
    live_on(attached)
    for session in paused:
        deployments.pause(deployment=session.deployment, **BY)

    assert fall_silent(attached) == 1

    assert held() == bots_of(victim)
    assert not Alert.objects.filter(code="SESSIONS_LOST").exists()


def test_bots_whose_deployments_moved_on_do_not_make_many_few(attached: Floor) -> None:
    paused = [open_another(attached, f"paused-{number}", heartbeat_s=300) for number in range(4)]
    for number in range(3):
        open_another(attached, f"more-{number}")
    live_on(attached)
    for session in paused:
        deployments.pause(deployment=session.deployment, **BY)

    assert fall_silent(attached) == 3

    assert not Hold.objects.exists()
