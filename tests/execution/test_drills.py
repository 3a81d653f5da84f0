"""Drills of the kill switch: the real switch on the paper venue, lifted again, and honest about what went wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common import claims
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution import tasks
from apps.execution.models import Order
from apps.execution.services import drills
from apps.risk import selectors as risk_state
from apps.risk import services as risk
from apps.risk.models import Hold, KillDrill
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor, states_of, work_orders
from tests.markets.builders import BY


def claimed(floor: Floor) -> KillDrill:
    """A due drill of the floor's desk, claimed."""
    risk.schedule_drill(scope=floor.account.bucket.desk.scope, **BY)
    return claims.claim(KillDrill.objects.filter(state="due"), lease_s=60)[0]


def workers(floor: Floor) -> Callable[[], None]:
    """What the workers do while a drill waits."""

    def pause() -> None:
        work_orders()
        tasks.drain_holds()
        floor.wall.advance(0.5)

    return pause


def run(floor: Floor, drill: KillDrill | None = None) -> KillDrill:
    """Run a drill beside living workers."""
    return execution.run_drill(drill or claimed(floor), pause=workers(floor))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that never come are given up after a few looks."""
    monkeypatch.setattr(drills, "LOOKS", 4)


def assert_cleaned_up() -> None:
    """Nothing of the drill is left."""
    assert not Hold.objects.filter(is_drill=True, state="active").exists()
    assert not Order.objects.filter(state__in=["INITIALIZED", "ACCEPTED"]).exists()


def test_a_drill_throws_the_real_switch_and_passes(floor: Floor) -> None:
    drill = run(floor)

    order, denied = Order.objects.filter(placed_by="job:drill").order_by("id")
    assert states_of(order) == ["INITIALIZED", "SUBMITTING", "ACCEPTED", "PENDING_CANCEL", "CANCELED"]
    assert (denied.state, "HOLD_HALTED" in denied.codes) == ("DENIED", True)
    assert (order.quantity, order.purpose, order.order_type) == (floor.instrument.lot_size, "OPENING", "LIMIT")
    assert PaperOrder.objects.get().state == "canceled"
    assert (drill.state, drill.message) == ("passed", "")
    assert drill.valid_until is not None
    assert None not in (drill.latch_ms, drill.drain_ms)
    assert drill.figures["sends_after_latch"] == 0
    assert_cleaned_up()


def test_a_drill_lifts_its_own_hold_and_no_other(floor: Floor) -> None:
    pause, others = workers(floor), []

    def and_a_person_halts() -> None:
        if Hold.objects.filter(is_drill=True).exists() and not others:
            others.append(risk.place_hold(scope=floor.bot.scope, level="HALTED", **BY))
        pause()

    drill = execution.run_drill(claimed(floor), pause=and_a_person_halts)

    assert (drill.state, drill.hold.state) == ("passed", "released")
    assert Hold.objects.get(pk=others[0].pk).state == "active"


def test_after_a_drill_the_bot_trades_again(floor: Floor) -> None:
    run(floor)

    order = floor.place()
    work_orders()

    order.refresh_from_db()
    assert order.state == "ACCEPTED"


def test_a_switch_that_lets_an_order_pass_fails_the_drill(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.risk.rules.standing.passes_holds", lambda *_: True)

    drill = run(floor)

    assert (drill.state, drill.message) == ("failed", "an order passed the check after the latch")
    assert risk_state.drill_refusal(floor.bot.scope.lineage, "paper") == "DRILL_OVERDUE"
    assert Alert.objects.get(code="KILL_DRILL_FAILED").tier == "critical"
    assert not Hold.objects.filter(state="active").exists()


def test_a_venue_that_does_not_confirm_fails_the_drill(floor: Floor, quick: None) -> None:
    floor.line.lose_request = {"cancel"}

    drill = run(floor)

    assert (drill.state, drill.valid_until) == ("failed", None)
    assert not Hold.objects.filter(is_drill=True, state="active").exists()


def test_a_send_after_the_latch_fails_the_drill(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drills, "_sends_after", lambda hold: 1)

    drill = run(floor)

    assert (drill.state, drill.figures["sends_after_latch"]) == ("failed", 1)
    assert_cleaned_up()


def test_an_order_that_the_venue_does_not_call_gone_fails_the_drill(floor: Floor) -> None:
    """The record says canceled; only the venue's own word passes the drill."""
    pause = workers(floor)

    def and_the_venue_forgets() -> None:
        pause()
        if Order.objects.filter(state="CANCELED").exists():
            PaperOrder.objects.update(state="open")

    drill = execution.run_drill(claimed(floor), pause=and_the_venue_forgets)

    assert (drill.state, drill.message) == ("failed", "the venue does not say that the order is gone")
    assert_cleaned_up()


def test_without_workers_a_drill_is_an_error_and_takes_its_order_back(floor: Floor, quick: None) -> None:
    drill = execution.run_drill(claimed(floor), pause=lambda: None)

    assert (drill.state, drill.valid_until) == ("error", None)
    assert Order.objects.get().state == "CANCELED"
    assert not PaperOrder.objects.exists()
    assert Alert.objects.filter(code="KILL_DRILL_FAILED").exists()


def test_a_drill_never_touches_real_money(floor: Floor) -> None:
    with acting(**BY):
        Deployment.objects.update(environment="live", mode="live")

    drill = run(floor)

    assert (drill.state, drill.message) == ("error", "no paper deployment runs freely below the scope")
    assert not Order.objects.exists()
    assert not Hold.objects.exists()


def test_a_held_bot_is_left_alone(floor: Floor) -> None:
    hold = risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    drill = run(floor)

    assert drill.state == "error"
    assert not Order.objects.exists()
    assert Hold.objects.get().pk == hold.pk


def test_a_drill_that_died_ends_as_an_error_with_its_hold_lifted_and_its_order_gone(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The worker's end."""

    def die(**_: Any) -> None:
        raise Killed

    monkeypatch.setattr(risk, "note_drill_hold", die)
    with pytest.raises(Killed):
        run(floor)
    assert Hold.objects.get().state == "active"
    tasks.run_due_drills()
    assert Hold.objects.get().state == "active"

    floor.wall.advance(61)
    tasks.run_due_drills()
    work_orders()

    drill = KillDrill.objects.exclude(state="due").get()
    assert (drill.state, drill.message) == ("error", "the drill died while it ran")
    assert Alert.objects.filter(code="KILL_DRILL_FAILED").exists()
    assert PaperOrder.objects.get().state == "canceled"
    assert_cleaned_up()


def test_the_sweep_runs_what_is_due_and_leaves_what_is_not(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drills.time, "sleep", lambda seconds: workers(floor)())
    risk.schedule_drill(scope=floor.bot.scope, **BY)

    tasks.run_due_drills()
    tasks.run_due_drills()

    assert sorted(KillDrill.objects.values_list("state", flat=True)) == ["due", "passed"]
