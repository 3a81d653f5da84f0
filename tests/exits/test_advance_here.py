"""Plans are carried out from one process while no worker runs: nothing here does a worker's work but the command."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from apps.execution.exits.management.commands import advance_exits
from apps.execution.exits.services import advancing
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.venues.paper import matching
from apps.venues.paper.models import PaperOrder
from tests.execution.builders import Floor
from tests.exits.builders import exit_orders, held, leg_of, start
from tests.markets.builders import BY


def run(*arguments: str) -> list[dict[str, Any]]:
    """What the command says."""
    said = StringIO()
    call_command("advance_exits", *arguments, stdout=said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


@pytest.fixture
def time_passes(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the command pauses a second passes, and the venue matches what it has."""

    def pause(_: float) -> None:
        real_floor.wall.advance(1)
        matching.match_due()

    monkeypatch.setattr(advance_exits, "sleep", pause)


def test_one_pass_has_the_first_slice_at_the_venue(real_floor: Floor) -> None:
    real_floor.hold_position("5")
    plan = start(real_floor)

    said = run()

    assert said == [{"plan": str(plan.pk), "state": "running", "message": "", "held": {"BTC-USD": "5"}}]
    assert PaperOrder.objects.filter(side="SELL").count() == 1


def test_until_done_leaves_the_position_flat(real_floor: Floor, time_passes: None) -> None:
    real_floor.hold_position("5")
    opening = real_floor.place(order_type="LIMIT", limit_price="97")
    plan = start(real_floor)

    said = run("--until-done")

    plan.refresh_from_db()
    opening.refresh_from_db()
    assert (plan.state, held(real_floor), said[-1]["state"]) == ("done", 0, "done")
    assert sum(order.filled_quantity for order in exit_orders(real_floor)) == 5
    assert opening.state == OrderState.CANCELED


def test_it_stays_no_longer_than_it_may(real_floor: Floor) -> None:
    real_floor.hold_position("5")
    plan = start(real_floor)

    run("--until-done", "--seconds", "0")

    plan.refresh_from_db()
    assert plan.state == "running"


def test_a_feed_that_cannot_tick_stops_no_plan(real_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    real_floor.hold_position("5")
    start(real_floor)

    def broken(_: object) -> None:
        raise DatabaseError("the lock was not given in time")

    monkeypatch.setattr(advancing.markets, "tick_feed", broken)
    run()

    assert PaperOrder.objects.filter(side="SELL").count() == 1


def test_a_silent_venue_is_waited_for(real_floor: Floor) -> None:
    real_floor.hold_position("5")
    start(real_floor)
    real_floor.line.lose_request = {"positions"}

    (said,) = run()

    assert (said["state"], exit_orders(real_floor)) == ("waiting", [])
    assert "does not say" in said["message"]


def test_nothing_is_said_where_no_plan_is_active(real_floor: Floor) -> None:
    assert run("--until-done") == []


def test_no_order_is_submitted_that_is_no_slice(real_floor: Floor) -> None:
    real_floor.hold_position("5")
    plan = start(real_floor)
    opening = real_floor.place()

    advancing._send(leg_of(plan))

    assert Order.objects.get(pk=opening.pk).state == OrderState.INITIALIZED


def test_holds_are_passed_by_a_persons_plan(real_floor: Floor, time_passes: None) -> None:
    real_floor.hold_position("2")
    plan = start(real_floor)
    risk.place_hold(scope=real_floor.bot.scope, level="HALTED", **BY)

    run("--until-done")

    plan.refresh_from_db()
    assert (plan.state, held(real_floor)) == ("done", 0)
