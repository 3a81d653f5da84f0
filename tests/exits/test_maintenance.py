"""A bot whose approved bundle says flat is taken out before announced maintenance of its venue."""

from datetime import timedelta

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.execution.exits import services as exits
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.tasks import flatten_before_close
from apps.markets import services as markets
from apps.markets.models import MaintenanceWindow
from apps.risk import services as risk
from tests.execution.builders import Floor
from tests.exits.builders import held, turn, until_ended
from tests.exits.test_end_of_day import FLAT, deploy, go_to, move_to_new_york
from tests.markets.builders import BY

LEAD_S = 60 * 60


@pytest.fixture
def day(floor: Floor) -> Floor:
    """A bot that holds two units and must be flat an hour before New York closes; it is 16:00 UTC."""
    floor.hold_position("2")
    move_to_new_york(floor)
    deploy(floor, FLAT)
    go_to(floor, 16)
    return floor


def announce(floor: Floor, starts_in_s: int) -> MaintenanceWindow:
    """A window of an hour of the account's venue, from so many wall seconds ahead."""
    starts_at = floor.wall.now + timedelta(seconds=starts_in_s)
    return markets.announce_maintenance(
        venue=floor.account.venue.scope,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        source="notice 17",
        **BY,
    )


@pytest.mark.parametrize("starts_in_s", [LEAD_S, 1])
def test_it_is_started_once_within_the_lead(day: Floor, starts_in_s: int) -> None:
    announce(day, starts_in_s)

    flatten_before_close()
    flatten_before_close()

    assert ExitPlan.objects.count() == 1


def test_neither_before_the_lead_nor_once_it_runs_is_it_started(day: Floor) -> None:
    for starts_in_s in (LEAD_S + 1, 0, -60):
        announced = announce(day, starts_in_s)

        flatten_before_close()

        assert not ExitPlan.objects.exists(), starts_in_s
        with acting(**BY):
            MaintenanceWindow.objects.filter(pk=announced.pk).update(cancelled_at=day.wall.now)


def test_the_plan_leaves_the_bot_flat(day: Floor) -> None:
    announce(day, LEAD_S)
    flatten_before_close()

    plan = until_ended(day, ExitPlan.objects.get())

    assert (plan.state, plan.source, held(day)) == ("done", "end_of_day", 0)
    assert "maintenance" in plan.reason


def test_of_a_cancelled_window_nothing_follows(day: Floor) -> None:
    announce(day, 60)
    with acting(**BY):
        MaintenanceWindow.objects.update(cancelled_at=day.wall.now)

    flatten_before_close()

    assert not ExitPlan.objects.exists()


def test_what_a_person_has_stopped_is_not_started_again_for_that_window(day: Floor) -> None:
    announce(day, 60)
    flatten_before_close()
    plan = ExitPlan.objects.get()

    exits.stop(plan=plan, actor=day.trader, reason="we carry it through")
    day.wall.advance(1)
    flatten_before_close()

    assert list(ExitPlan.objects.all()) == [plan]


def test_people_are_called_when_it_is_not_through_in_time(day: Floor) -> None:
    risk.place_hold(scope=day.bot.scope, level="HALTED", **BY)
    announce(day, 2)
    flatten_before_close()
    assert not Alert.objects.filter(code="END_OF_DAY_NOT_FLAT").exists()

    turn(day, 8)

    alert = Alert.objects.get(code="END_OF_DAY_NOT_FLAT")
    assert (alert.tier, "maintenance" in alert.title, held(day)) == ("high", True, 2)


def test_people_are_called_by_the_wall_clock_when_the_feed_stops_with_its_venue(day: Floor) -> None:
    risk.place_hold(scope=day.bot.scope, level="HALTED", **BY)
    announce(day, 60)
    flatten_before_close()
    plan = ExitPlan.objects.get()
    with acting(**BY):
        ExitPlan.objects.filter(pk=plan.pk).update(closes_at=plan.closes_at + timedelta(days=1))

    turn(day, 2)
    assert not Alert.objects.filter(code="END_OF_DAY_NOT_FLAT").exists()
    day.wall.advance(60)
    turn(day, 1)

    assert Alert.objects.get(code="END_OF_DAY_NOT_FLAT").scope == day.bot.scope
