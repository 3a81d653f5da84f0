"""Drills as duties and permissions: what blocks a promotion, and from when."""

from datetime import timedelta

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.common.errors import Invalid, Refused
from apps.risk import selectors
from apps.risk import services as risk
from apps.risk.models import KillDrill
from tests.api.world import World
from tests.markets.builders import BY


def refusal(world: World, environment: str = "paper") -> str | None:
    """Why nothing may be promoted on the own desk's bot."""
    return selectors.drill_refusal(world.own.bot.scope.lineage, environment)


def schedule(world: World, **asked: object) -> KillDrill:
    """A drill of the own desk."""
    return risk.schedule_drill(**({"scope": world.own.desk.scope, **BY} | asked))


def finish(drill: KillDrill, state: str) -> KillDrill:
    """Run and end it."""
    return risk.end_drill(drill=risk.begin_drill(drill=drill), state=state, message="", figures={"drain_ms": 5.0})


def move(drill: KillDrill, **times: timedelta) -> None:
    """Set times of the row from now."""
    with acting(**BY):
        KillDrill.objects.filter(pk=drill.pk).update(**{name: wall_now() + delta for name, delta in times.items()})


def test_a_firm_without_any_drill_may_promote_to_paper_but_not_live(world: World) -> None:
    assert (refusal(world), refusal(world, "live")) == (None, "DRILL_MISSING")


def test_a_drill_that_is_not_overdue_blocks_nothing(world: World) -> None:
    schedule(world)

    assert refusal(world) is None


def test_an_overdue_drill_blocks_even_when_nothing_sweeps(world: World) -> None:
    move(schedule(world), blocks_from=-timedelta(seconds=1))

    assert (refusal(world), refusal(world, "live")) == ("DRILL_OVERDUE", "DRILL_OVERDUE")


def test_an_overdue_drill_of_another_desk_blocks_nothing_here(world: World) -> None:
    move(schedule(world, scope=world.other.desk.scope), blocks_from=-timedelta(seconds=1))

    assert refusal(world) is None


def test_a_pass_opens_live_until_it_runs_out(world: World) -> None:
    passed = finish(schedule(world), "passed")
    assert (refusal(world), refusal(world, "live")) == (None, None)

    move(passed, valid_until=-timedelta(seconds=1))

    assert (refusal(world), refusal(world, "live")) == (None, "DRILL_MISSING")


def test_a_pass_makes_the_next_drill_due_before_it_blocks(world: World) -> None:
    finish(schedule(world), "passed")

    following = KillDrill.objects.get(state="due")
    assert wall_now() + timedelta(days=20) < following.due_at < following.blocks_from

    move(following, blocks_from=-timedelta(seconds=1))

    assert refusal(world) == "DRILL_OVERDUE"


def test_a_failed_drill_blocks_at_once_and_calls_people_until_another_has_passed(world: World) -> None:
    finish(schedule(world), "failed")

    assert refusal(world) == "DRILL_OVERDUE"
    alert = Alert.objects.get(code="KILL_DRILL_FAILED")
    assert (alert.tier, alert.state) == ("critical", "open")

    finish(KillDrill.objects.get(state="due"), "passed")

    assert refusal(world) is None
    assert Alert.objects.get(pk=alert.pk).state == "resolved"


def test_a_drill_that_could_not_be_run_keeps_its_deadline(world: World) -> None:
    drill = schedule(world)
    finish(drill, "error")
    again = KillDrill.objects.get(state="due")

    assert again.blocks_from == drill.blocks_from
    assert refusal(world) is None

    move(again, blocks_from=-timedelta(seconds=1))

    assert refusal(world) == "DRILL_OVERDUE"
    assert Alert.objects.filter(code="KILL_DRILL_FAILED", tier="critical").exists()


def test_a_drill_is_brought_forward_but_never_put_off(world: World) -> None:
    later = schedule(world, due_at=wall_now() + timedelta(days=9))

    sooner = schedule(world)

    assert sooner.pk == later.pk
    with pytest.raises(Refused) as refused:
        schedule(world, due_at=wall_now() + timedelta(days=30))
    assert refused.value.code == "DRILL_OPEN"
    assert KillDrill.objects.get(state="due").due_at == sooner.due_at


def test_a_drill_needs_a_reason(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        schedule(world, reason=" ")

    assert refused.value.code == "REASON_MISSING"
    assert not KillDrill.objects.filter(state="due").exists()
