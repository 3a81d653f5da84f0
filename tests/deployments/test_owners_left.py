"""Without an owner nothing starts, is resumed or attaches; what runs goes on, and its way out stays open."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from apps.access import services as access
from apps.access.models import User
from apps.audit.context import acting
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment, DeploymentEvent
from apps.execution import services as execution
from apps.execution.models import BotSession
from tests.builders import refused
from tests.execution.attached import opened, rest
from tests.execution.builders import Floor, await_blocked, make_promotion, make_release, redeploy, work_orders
from tests.markets.builders import BY


@pytest.fixture
def leaver(floor: Floor) -> User:
    """The bot's owner; who backs it counts the same in `test_a_bot_without_an_owner_is_not_resumed`."""
    return floor.bot.owner


def state() -> tuple[object, int]:
    """The deployment and the length of its log."""
    return Deployment.objects.values().get(), DeploymentEvent.objects.count()


@pytest.mark.parametrize("who", ["owner", "fallback_owner"])
def test_a_bot_without_an_owner_is_not_resumed(floor: Floor, who: str) -> None:
    deployments.pause(deployment=floor.deployment, **BY)
    access.deactivate(user=getattr(floor.bot, who), **BY)
    before = state()

    with refused("OWNER_LEFT"):
        deployments.resume(deployment=floor.deployment, **BY)

    assert state() == before


def test_a_bot_without_an_owner_is_not_started_with_another_build(floor: Floor, leaver: User) -> None:
    with acting(**BY):
        promotion = make_promotion(make_release(floor.bot, floor.feed), floor.account)
    access.deactivate(user=leaver, **BY)
    before = state()

    with refused("OWNER_LEFT"):
        deployments.start(promotion=promotion, **BY)

    assert state() == before


def test_a_bot_that_runs_elsewhere_does_not_attach_without_an_owner(attached: Floor, leaver: User) -> None:
    access.deactivate(user=leaver, **BY)

    with refused("OWNER_LEFT"):
        opened(attached)

    assert not BotSession.objects.exists()


def test_a_bot_that_runs_elsewhere_comes_back_without_an_owner(attached: Floor, leaver: User) -> None:
    """Its exits need a session."""
    opened(attached)
    access.deactivate(user=leaver, **BY)

    again = opened(attached)

    assert again.state == "open"
    redeployed = Deployment.objects.get()
    with acting(**BY):
        Deployment.objects.filter(pk=redeployed.pk).update(epoch=redeployed.epoch + 1)
    with refused("OWNER_LEFT"):
        opened(attached)


def test_what_runs_goes_on_and_comes_to_its_end_without_an_owner(floor: Floor, leaver: User) -> None:
    access.deactivate(user=leaver, **BY)

    order = rest(floor, None)
    execution.cancel(order=order, **BY)
    work_orders()
    deployments.pause(deployment=floor.deployment, **BY)
    stopped = deployments.stop(deployment=floor.deployment, **BY)

    order.refresh_from_db()
    assert (order.state, stopped.desired) == ("CANCELED", "stopped")


def test_a_start_waits_for_an_owner_who_is_just_leaving(real_floor: Floor) -> None:
    """One that looked without the lock would see somebody who is active still."""
    deployments.pause(deployment=real_floor.deployment, **BY)

    def resume() -> Deployment:
        try:
            return deployments.resume(deployment=real_floor.deployment, **BY)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            access.deactivate(user=real_floor.bot.owner, **BY)
            resumed = pool.submit(resume)
            await_blocked("transactionid")

        with pytest.raises(Refused, match="hand it over"):
            resumed.result(timeout=20)

    assert Deployment.objects.get().desired == "paused"


def test_nobody_leaves_while_a_bot_of_theirs_starts(real_floor: Floor) -> None:
    def leave() -> None:
        try:
            access.deactivate(user=real_floor.bot.owner, **BY)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            release = redeploy(real_floor)
            left = pool.submit(leave)
            await_blocked("transactionid")
        left.result(timeout=20)

    assert Deployment.objects.get().release == release
    assert not User.objects.get(pk=real_floor.bot.owner_id).is_active
