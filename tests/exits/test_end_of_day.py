"""A bot whose approved bundle says flat is taken out before its session closes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.bots.models import ConfigBundle
from apps.common.errors import Refused
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.tasks import advance_due, flatten_before_close
from apps.markets import selectors as market
from apps.markets import services as markets
from apps.markets.models import Instrument
from apps.releases.models import Release
from apps.risk import services as risk
from tests.execution.builders import Floor, make_promotion
from tests.exits.builders import exit_orders, held, start, turn, until_ended
from tests.markets.builders import BY

CLOSE = datetime(2024, 1, 2, 21, tzinfo=UTC)
FLAT = {"policy": "flat", "minutes_before_close": 60}


def deploy(floor: Floor, end_of_day: dict[str, Any] | None, **content_keys: Any) -> None:
    """The bot's next release goes live, with this policy; keywords are more keys of its bundle."""
    base, content = floor.release, floor.release.config_bundle.content | content_keys
    if end_of_day is not None:
        content["end_of_day"] = end_of_day
    number = Release.objects.count() + 1
    made, mark = {"bot": floor.bot, "number": number}, f"{number:x}" * 64
    with acting(**BY):
        bundle = ConfigBundle.objects.create(**made, digest=mark, content=content, pushed_by=floor.bot.owner)
        release = Release.objects.create(
            **made,
            code_version=base.code_version,
            config_bundle=bundle,
            parameter_set=base.parameter_set,
            data_model_version=1,
            build_id=mark,
            made_by=floor.bot.owner,
        )
        floor.deployment = deployments.start(promotion=make_promotion(release, floor.account), **BY)


def go_to(floor: Floor, hour: int) -> None:
    """Let the market reach an hour of the second of January, where New York closes at 21."""
    while market.market_now(floor.feed) < datetime(2024, 1, 2, hour, tzinfo=UTC):
        floor.wall.advance(1)
        markets.tick_feeds()
    floor.pass_time(0)


def move_to_new_york(floor: Floor) -> None:
    """The instrument trades in New York's hours."""
    with acting(**BY):
        Instrument.objects.filter(pk=floor.instrument.pk).update(session_calendar="XNYS")


@pytest.fixture
def day(floor: Floor) -> Floor:
    """A bot that holds two units and must be flat an hour before New York closes; it is 19:00 UTC."""
    floor.hold_position("2")
    move_to_new_york(floor)
    deploy(floor, FLAT)
    go_to(floor, 19)
    return floor


def test_it_is_started_in_time_and_once(day: Floor) -> None:
    flatten_before_close()
    assert not ExitPlan.objects.exists()

    go_to(day, 20)
    flatten_before_close()
    flatten_before_close()

    plan = ExitPlan.objects.get()
    assert (plan.source, plan.requested_by, plan.closes_at, plan.scope) == ("end_of_day", None, CLOSE, day.bot.scope)


def test_its_exits_are_the_bot_s_and_leave_it_flat(day: Floor) -> None:
    go_to(day, 20)
    flatten_before_close()

    plan = until_ended(day, ExitPlan.objects.get())

    (order,) = exit_orders(day)
    assert (order.by_person, order.placed_by, order.purpose) == (False, "job:end-of-day", "EXIT")
    assert (plan.state, held(day)) == ("done", 0)
    assert not Alert.objects.filter(code="END_OF_DAY_NOT_FLAT").exists()


@pytest.mark.parametrize(("level", "orders"), [("REDUCING", 1), ("HALTED", 0)])
def test_it_passes_a_reducing_hold_and_waits_under_a_halt(day: Floor, level: str, orders: int) -> None:
    risk.place_hold(scope=day.bot.scope, level=level, **BY)
    go_to(day, 20)
    flatten_before_close()

    advance_due()

    plan = ExitPlan.objects.get()
    assert len(exit_orders(day)) == orders
    assert (plan.state == "waiting", "hold" in plan.message) == (not orders, not orders)


def test_people_are_called_when_it_is_not_through_at_the_close(day: Floor) -> None:
    risk.place_hold(scope=day.bot.scope, level="HALTED", **BY)
    go_to(day, 20)
    flatten_before_close()
    turn(day)
    assert not Alert.objects.filter(code="END_OF_DAY_NOT_FLAT").exists()

    turn(day, 8)

    alert = Alert.objects.get(code="END_OF_DAY_NOT_FLAT")
    assert (alert.tier, held(day)) == ("high", 2)


def test_what_a_person_has_stopped_is_not_started_again_for_that_close(day: Floor) -> None:
    go_to(day, 20)
    flatten_before_close()
    plan = ExitPlan.objects.get()

    exits.stop(plan=plan, actor=day.trader, reason="we carry it tonight")
    flatten_before_close()

    assert list(ExitPlan.objects.all()) == [plan]


def test_a_position_that_is_on_a_person_s_plan_is_left_to_it(day: Floor) -> None:
    plan = start(day, scope=day.account.scope)
    go_to(day, 20)

    flatten_before_close()

    assert list(ExitPlan.objects.all()) == [plan]


def test_a_flat_bot_needs_no_plan(day: Floor) -> None:
    until_ended(day, start(day))
    go_to(day, 20)

    flatten_before_close()

    assert not ExitPlan.objects.filter(source="end_of_day").exists()


@pytest.mark.parametrize("policy", [None, {"policy": "carry"}])
def test_a_bot_that_may_carry_keeps_its_position(floor: Floor, policy: dict[str, Any] | None) -> None:
    floor.hold_position("2")
    move_to_new_york(floor)
    deploy(floor, policy)
    go_to(floor, 20)

    flatten_before_close()

    assert not ExitPlan.objects.exists()


def test_a_bundle_that_says_flat_is_refused_where_no_session_ever_closes(floor: Floor) -> None:
    before = Deployment.objects.get()

    with pytest.raises(Refused, match="carry") as refused:
        deploy(floor, FLAT)

    after = Deployment.objects.get()
    assert refused.value.code == "SESSION_NEVER_CLOSES"
    assert (after.release_id, after.epoch) == (before.release_id, before.epoch)


def test_a_bundle_that_says_carry_runs_around_the_clock(floor: Floor) -> None:
    deploy(floor, {"policy": "carry"})

    assert Deployment.objects.get().epoch == 2


def test_what_a_paused_bot_holds_is_taken_out_too(day: Floor) -> None:
    deployments.pause(deployment=day.deployment, **BY)
    go_to(day, 20)
    flatten_before_close()

    plan = until_ended(day, ExitPlan.objects.get())

    assert (plan.state, held(day)) == ("done", 0)
    assert {order.purpose for order in exit_orders(day)} == {"EXIT"}


def test_a_paused_bot_that_holds_nothing_needs_no_plan(day: Floor) -> None:
    until_ended(day, start(day))
    deployments.pause(deployment=day.deployment, **BY)
    go_to(day, 20)

    flatten_before_close()

    assert not ExitPlan.objects.filter(source="end_of_day").exists()


def test_a_bot_that_runs_elsewhere_is_taken_out_without_a_session(day: Floor) -> None:
    deploy(day, FLAT, runs="attached")
    go_to(day, 20)
    flatten_before_close()

    plan = until_ended(day, ExitPlan.objects.get())

    assert (plan.state, held(day)) == ("done", 0)


def test_a_closed_session_is_waited_for(day: Floor) -> None:
    go_to(day, 21)
    plan = start(day)

    turn(day, 2)

    plan.refresh_from_db()
    assert (plan.state, plan.message, exit_orders(day)) == ("waiting", "BTC-USD: the session is closed", [])
