"""Deployments: one bot per slice, epochs that fence, a log that only grows, and no position left behind."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from apps.audit.context import acting
from apps.audit.models import Record
from apps.bots.models import Bot
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment, DeploymentEvent, Slice
from apps.execution import services as execution
from apps.execution.models import Order
from apps.promotions.models import Promotion
from tests.execution.builders import Floor, make_bot, make_promotion, make_release, redeploy, together, work_orders
from tests.markets.builders import BY


def another_bot(floor: Floor) -> Bot:
    """A second bot that wants the same instrument on the same account."""
    with acting(**BY):
        return make_bot(floor.account, f"other-{Bot.objects.count()}")


def promoted(floor: Floor, bot: Bot) -> Promotion:
    """A release of `bot`, promoted to the floor's account."""
    with acting(**BY):
        return make_promotion(make_release(bot, floor.feed), floor.account)


def start(floor: Floor, bot: Bot) -> Deployment:
    """Deploy a release of `bot` on the floor's account."""
    return deployments.start(promotion=promoted(floor, bot), **BY)


def log_of(deployment: Deployment) -> list[tuple[str, int]]:
    """Kinds and epochs of its log."""
    return list(deployment.events.order_by("sequence").values_list("kind", "epoch"))


def test_a_started_deployment_owns_its_slice(floor: Floor) -> None:
    deployment, taken = Deployment.objects.get(), Slice.objects.get()

    assert (deployment.desired, deployment.observed, deployment.epoch) == ("running", "starting", 1)
    assert (taken.bot, taken.account, taken.instrument) == (floor.bot, floor.account, floor.instrument)
    assert log_of(deployment) == [("created", 1)]


def test_a_second_bot_on_a_slice_is_refused(floor: Floor) -> None:
    with pytest.raises(Refused) as refused:
        start(floor, another_bot(floor))

    assert refused.value.code == "SLICE_TAKEN"
    assert Deployment.objects.count() == Slice.objects.count() == 1


def test_the_database_itself_keeps_one_bot_per_slice(floor: Floor) -> None:
    other = another_bot(floor)

    with pytest.raises(IntegrityError, match="one_bot_per_account_instrument"), acting(**BY):
        Slice.objects.create(account=floor.account, instrument=floor.instrument, bot=other)

    assert Slice.objects.get().bot == floor.bot


def test_bots_that_start_on_a_free_slice_at_once_are_one(real_floor: Floor) -> None:
    deployments.stop(deployment=real_floor.deployment, **BY)
    rivals = [promoted(real_floor, another_bot(real_floor)) for _ in range(4)]

    def attempt(promotion: Promotion) -> str:
        try:
            deployments.start(promotion=promotion, **BY)
        except Refused as error:
            return error.code
        return "started"

    answers = together(*[lambda promotion=promotion: attempt(promotion) for promotion in rivals])

    assert sorted(answers) == ["SLICE_TAKEN"] * 3 + ["started"]
    assert Deployment.objects.exclude(desired="stopped").count() == 1


def test_a_redeploy_keeps_the_deployment_and_raises_its_epoch(floor: Floor) -> None:
    release = redeploy(floor)

    deployment = Deployment.objects.get()
    assert (deployment.release, deployment.epoch, deployment.observed) == (release, 2, "starting")
    assert log_of(deployment) == [("created", 1), ("redeployed", 2)]
    assert deployment.events.get(epoch=2).build_id == release.build_id


def test_pausing_and_resuming_raise_the_epoch(floor: Floor) -> None:
    paused = deployments.pause(deployment=floor.deployment, **BY)
    assert (paused.desired, paused.observed, paused.epoch) == ("paused", "paused", 2)

    resumed = deployments.resume(deployment=floor.deployment, **BY)

    assert (resumed.desired, resumed.observed, resumed.epoch) == ("running", "starting", 3)
    assert log_of(resumed) == [("created", 1), ("paused", 2), ("resumed", 3)]
    acts = Record.objects.filter(act__startswith="deployment.").order_by("id").values_list("act", flat=True)
    assert list(acts) == ["deployment.created", "deployment.paused", "deployment.resumed"]


def test_a_failed_deployment_is_resumed_in_a_new_epoch(floor: Floor) -> None:
    deployments.observe(deployment=floor.deployment, observed="failed", actor="job:cycles", reason="bug")

    resumed = deployments.resume(deployment=floor.deployment, **BY)

    assert (resumed.observed, resumed.epoch) == ("starting", 2)


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_what_is_not_possible_changes_nothing(floor: Floor, act: str) -> None:
    if act == "pause":
        deployments.pause(deployment=floor.deployment, **BY)
    before = Deployment.objects.values().get(), DeploymentEvent.objects.count()

    with pytest.raises(Refused) as refused:
        getattr(deployments, act)(deployment=floor.deployment, **BY)

    assert refused.value.code == "STATE_CONFLICT"
    assert (Deployment.objects.values().get(), DeploymentEvent.objects.count()) == before


def test_the_same_observation_again_is_not_logged(floor: Floor) -> None:
    for _ in range(3):
        deployments.observe(deployment=floor.deployment, observed="running", actor="job:cycles", reason="seen")

    assert log_of(floor.deployment) == [("created", 1), ("running", 1)]


def assert_stop_is_refused(floor: Floor) -> None:
    """It stays as it was, slice and all."""
    before = Deployment.objects.values().get()

    with pytest.raises(Refused) as refused:
        deployments.stop(deployment=floor.deployment, **BY)

    assert refused.value.code == "POSITION_OPEN"
    assert Deployment.objects.values().get() == before
    assert Slice.objects.filter(bot=floor.bot).exists()


def test_a_bot_with_a_position_is_not_stopped(floor: Floor) -> None:
    floor.hold_position("1")

    assert_stop_is_refused(floor)


def test_a_bot_with_a_working_order_is_not_stopped(floor: Floor) -> None:
    floor.place(order_type="LIMIT", limit_price="97")

    assert_stop_is_refused(floor)


def test_a_bot_with_an_order_in_doubt_is_not_stopped(floor: Floor) -> None:
    floor.line.lose_request = {"submit"}
    floor.place()
    work_orders()

    assert_stop_is_refused(floor)


def test_a_flat_bot_is_stopped_for_good_and_frees_its_slice(floor: Floor) -> None:
    floor.hold_position("1")
    execution.close_position(deployment=floor.deployment, actor=floor.trader, reason="out")
    work_orders()
    floor.pass_time(2)
    execution.sync_account(floor.account)

    stopped = deployments.stop(deployment=floor.deployment, **BY)

    assert (stopped.desired, stopped.observed) == ("stopped", "stopped")
    assert not Slice.objects.exists()
    with pytest.raises(Refused):
        deployments.resume(deployment=floor.deployment, **BY)
    assert start(floor, another_bot(floor)).desired == "running"


def test_an_order_cannot_slip_in_behind_the_look_of_a_stop(real_floor: Floor) -> None:
    """Either the order is seen and the stop refused, or the bot has stopped and the order is not sent."""
    for _ in range(4):
        answers = together(lambda: code_of(stop, real_floor), lambda: code_of(rest_order, real_floor))
        work_orders()
        deployment = Deployment.objects.latest("id")
        at_venue = Order.objects.filter(deployment=deployment, state="ACCEPTED").exists()
        assert answers[0] in ("", "POSITION_OPEN")
        assert answers[1] in ("", "DEPLOYMENT_NOT_RUNNING")
        assert not (deployment.desired == "stopped" and at_venue)
        for order in Order.objects.filter(state="ACCEPTED"):
            execution.cancel(order=order, **BY)
        work_orders()
        if deployment.desired == "stopped":
            real_floor.deployment = start(real_floor, real_floor.bot)


def code_of(act: Callable[[Floor], object], floor: Floor) -> str:
    """The code of its refusal, "" when it went through."""
    try:
        act(floor)
    except Refused as error:
        return error.code
    return ""


def stop(floor: Floor) -> None:
    """End the deployment."""
    deployments.stop(deployment=floor.deployment, **BY)


def rest_order(floor: Floor) -> None:
    """Place an order that does not fill at once."""
    floor.place(order_type="LIMIT", limit_price="97")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deployments_deploymentevent SET reason = 'other'",
        "DELETE FROM deployments_deploymentevent",
        "TRUNCATE deployments_deploymentevent",
        "UPDATE execution_orderevent SET reason = 'other'",
        "DELETE FROM execution_fill",
    ],
)
def test_the_log_only_grows(floor: Floor, statement: str) -> None:
    floor.hold_position("1")
    before = DeploymentEvent.objects.values().get()

    with pytest.raises(ProgrammingError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert DeploymentEvent.objects.values().get() == before


def test_a_change_without_an_actor_is_refused_by_the_database(floor: Floor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('quarterdeck.actor', '', true)")

    with pytest.raises(Exception, match="without an actor"), transaction.atomic():
        Deployment.objects.update(epoch=99)

    assert Deployment.objects.get().epoch == 1
