"""Bots that run elsewhere: their sessions, and the dead-man's policy."""

from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.errors import Invalid, Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import BotSession, Cycle, Order
from apps.risk.models import Hold
from tests.execution.builders import Floor, make_bot, make_promotion, make_release, redeploy
from tests.markets.builders import BY
from tests.venues.builders import make_account


@pytest.fixture
def attached(floor: Floor) -> Floor:
    """The floor's bot runs elsewhere."""
    floor.release = redeploy(floor, runs="attached")
    return floor


def machine(floor: Floor, name: str = "alpha-machine") -> User:
    """A service account that may trade on the desk."""
    user = access.make_service_account(username=name, display_name=name, **BY)
    access.grant_role(user=user, role="bot", scope=floor.account.bucket.desk.scope, **BY)
    return user


def opened(floor: Floor, **overrides: Any) -> BotSession:
    """A session of the floor's bot, with a heartbeat every 10 seconds."""
    fields = {
        "deployment": Deployment.objects.get(pk=floor.deployment.pk),
        "build_id": floor.deployment.release.build_id,
        "heartbeat_s": 10,
        "actor": User.objects.filter(kind="service").first() or machine(floor),
        "reason": "the bot starts",
    }
    return execution.open_session(**fields | overrides)


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


def test_a_silent_bots_protective_order_stays(attached: Floor) -> None:
    session = opened(attached)
    execution.place(ticket=ticket(attached, session), **BY)
    attached.wall.advance(10)

    execution.expire_sessions()

    assert not Order.objects.filter(cancel_requested=True).exists()


def test_many_that_fall_silent_at_once_are_our_fault_and_nothing_is_held(attached: Floor) -> None:
    for number in range(3):
        open_another(attached, number)
    attached.wall.advance(10)

    assert execution.expire_sessions() == 3

    assert not Hold.objects.exists()
    assert Alert.objects.get(code="SESSIONS_LOST").tier == "critical"
    assert set(BotSession.objects.values_list("state", flat=True)) == {"expired"}


def open_another(floor: Floor, number: int) -> BotSession:
    """A session of one more bot."""
    with acting(**BY):
        account = make_account(name=f"account-{number}", bucket=floor.account.bucket)
        bot = make_bot(account, f"bot-{number}")
        release = make_release(bot, floor.feed, runs="attached")
        deployment = deployments.start(promotion=make_promotion(release, account), **BY)
    return opened(floor, deployment=deployment, build_id=release.build_id)


def test_only_bots_that_run_here_get_cycles(floor: Floor) -> None:
    execution.open_missing_cycles()
    redeploy(floor, runs="attached")
    execution.open_missing_cycles()

    assert set(Cycle.objects.values_list("epoch", flat=True)) == {1}
