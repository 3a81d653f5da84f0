"""Halting: one verb for API, page and shell; its preview; and what it lists at the latch."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from apps.access import services as access
from apps.audit.context import acting
from apps.execution import selectors, tasks
from apps.execution import services as execution
from apps.execution.models import Order
from apps.execution.states import OrderState
from apps.risk import services as risk
from apps.risk.models import Hold
from tests.execution.builders import Floor, work_orders
from tests.execution.drains import KINDS, running, scopes_of
from tests.markets.builders import BY


def halt(floor: Floor, **asked: Any) -> Hold:
    """A halt of the floor's bot."""
    return execution.halt(**({"scope": floor.bot.scope, "level": "HALTED", **BY} | asked))


def drain(floor: Floor, sweeps: int = 3) -> Hold:
    """What workers do in a second or two."""
    for _ in range(sweeps):
        tasks.drain_holds()
        work_orders()
        floor.wall.advance(0.5)
    return Hold.objects.latest("id")


def trade(floor: Floor) -> dict[str, Order]:
    """A position of 2 with a stop below it, and an order that would open more."""
    floor.hold_position("2")
    made = {
        "opening": floor.place(order_type="LIMIT", limit_price="97"),
        "guard": floor.place(
            side="SELL", quantity="2", purpose="PROTECTIVE", order_type="STOP", stop_price="97", is_reduce_only=True
        ),
    }
    work_orders()
    return made


def state(order: Order) -> str:
    """As the database has it."""
    return Order.objects.get(pk=order.pk).state


def test_permits_that_are_open_at_the_latch_are_listed(floor: Floor) -> None:
    new, replaced, over, unsent = (floor.place(order_type="LIMIT", limit_price=f"97.{n:02}") for n in range(4))
    with acting(**BY):
        for order, sent, left_s in (
            (new, "SUBMITTING", 0.4),
            (replaced, "PENDING_REPLACE", 0.4),
            (over, "SUBMITTING", -0.1),
        ):
            send_before = floor.wall.now + timedelta(seconds=left_s)
            Order.objects.filter(pk=order.pk).update(state=sent, send_before=send_before)

    hold = halt(floor)

    listed = Hold.objects.get(pk=hold.pk).open_permits
    assert [permit["order"] for permit in listed] == [str(new.pk), str(replaced.pk)]
    assert listed[0]["client_order_id"] == new.client_order_id.hex
    assert str(unsent.pk) not in json.dumps(listed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_halt_of_every_kind_of_scope_takes_the_opening_order_and_keeps_the_guard(floor: Floor, kind: str) -> None:
    made = trade(floor)

    halt(floor, scope=scopes_of(floor)[kind])
    hold = drain(floor)

    assert (state(made["opening"]), state(made["guard"])) == (OrderState.CANCELED, OrderState.ACCEPTED)
    assert hold.drain_state == "drained"


def test_all_takes_the_guard_too(floor: Floor) -> None:
    made = trade(floor)

    halt(floor, cancels="all")
    hold = drain(floor)

    assert (state(made["opening"]), state(made["guard"])) == (OrderState.CANCELED, OrderState.CANCELED)
    assert hold.drain_state == "drained"


def test_an_exit_that_a_person_sends_after_the_halt_of_all_is_kept(floor: Floor) -> None:
    trade(floor)
    halt(floor, cancels="all")
    floor.wall.advance(1)
    leaving = execution.close_position(
        deployment=floor.deployment, actor=floor.trader, reason="get out", limit_price=Decimal("104")
    )
    work_orders()

    hold = drain(floor)

    assert (state(leaving), hold.drain_state) == (OrderState.ACCEPTED, "drained")


def test_a_guard_is_cancelled_only_for_the_hold_that_takes_all(floor: Floor) -> None:
    made = trade(floor)
    opening = halt(floor)

    with pytest.raises(Exception, match="hold stands") as refused:
        execution.cancel(order=made["guard"], hold=opening, **BY)

    assert getattr(refused.value, "code", "") == "PROTECTIVE_GUARDED"
    assert state(made["guard"]) == OrderState.ACCEPTED


def test_what_the_venue_does_not_confirm_is_listed_after_a_while_and_the_list_shrinks(floor: Floor) -> None:
    made = trade(floor)
    floor.line.lose_request = {"cancel"}
    hold = halt(floor)

    early = drain(floor)
    floor.wall.advance(10)
    late = drain(floor)

    assert (early.left, early.drain_state, late.drain_state) == ([], "pending", "pending")
    assert [(row["order"], row["state"]) for row in late.left] == [(str(made["opening"].pk), "PENDING_CANCEL")]

    floor.line.lose_request = set()
    floor.wall.advance(20)
    done = drain(floor)

    assert (done.pk, done.drain_state, done.left) == (hold.pk, "drained", [])
    assert done.drain_ms is not None
    assert done.drain_ms > 10_000


def test_the_preview_shows_what_goes_what_stays_and_what_is_left_bare(floor: Floor) -> None:
    made = trade(floor)

    opening = selectors.halt_preview(floor.bot.scope, "opening")
    everything = selectors.halt_preview(floor.bot.scope, "all")

    assert (opening.bots, opening.accounts) == (["alpha-trend"], ["alpha-paper"])
    assert [order.pk for order in opening.opening] == [made["opening"].pk]
    assert [order.pk for order in opening.kept] == [made["guard"].pk]
    assert opening.unguarded == []
    assert everything.kept == []
    bare = everything.unguarded[0]
    assert (bare.symbol, bare.units) == ("BTC-USD", 2)
    assert bare.base is not None
    assert 190 < bare.base < 220


def test_the_preview_says_what_has_no_guard_even_now(floor: Floor) -> None:
    floor.hold_position("2")

    assert [found.units for found in selectors.halt_preview(floor.bot.scope, "opening").unguarded] == [2]


@pytest.fixture
def client(floor: Floor) -> APIClient:
    """The trader at the API."""
    api = APIClient(raise_request_exception=False)
    api.force_authenticate(floor.trader)
    return api


def test_the_api_previews_without_changing_anything_and_then_halts(floor: Floor, client: APIClient) -> None:
    made = trade(floor)
    asked = {"scope": str(floor.bot.scope_id), "cancels": "all"}

    preview = client.post("/api/v1/holds/preview/", asked, format="json")

    assert preview.status_code == 200
    assert [order["id"] for order in preview.json()["protective"]] == [str(made["guard"].pk)]
    assert preview.json()["unguarded"][0]["units"] == "2"
    assert not Hold.objects.exists()

    placed = client.post("/api/v1/holds/", asked | {"level": "HALTED", "reason": "runaway"}, format="json")

    assert placed.status_code == 201
    assert placed.json()["cancels"] == "all"
    assert placed.json()["latched_at"]
    assert drain(floor).drain_state == "drained"
    assert state(made["guard"]) == OrderState.CANCELED


def test_the_log_of_latches_tells_times_and_what_is_left(floor: Floor, client: APIClient) -> None:
    halt(floor)
    drain(floor)

    log = client.get("/api/v1/kill-switches/latches/").json()["results"]

    assert [(row["drain_state"], row["left"]) for row in log] == [("drained", [])]
    assert log[0]["latch_ms"] > 0
    assert log[0]["drain_ms"] is not None


def test_a_drill_is_scheduled_by_those_who_may(floor: Floor, client: APIClient) -> None:
    asked = {"scope": str(floor.account.bucket.desk.scope_id), "reason": "monthly"}
    refused = client.post("/api/v1/kill-switches/", asked, format="json")
    access.grant_role(user=floor.trader, role="operator", scope=floor.account.bucket.desk.scope, **BY)
    vars(floor.trader).pop("_grants", None)

    made = client.post("/api/v1/kill-switches/", asked, format="json")

    assert (refused.status_code, made.status_code) == (403, 201)
    assert (made.json()["state"], made.json()["valid_until"]) == ("due", None)


def shell(floor: Floor, *arguments: str) -> list[dict[str, Any]]:
    """What the command prints, line by line."""
    out = StringIO()
    call_command("halt", *arguments, "--reason", "runaway", "--actor", floor.trader.username, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_shell_latches_and_drains_by_itself(real_floor: Floor) -> None:
    made = trade(real_floor)

    with running(real_floor.wall):
        latched, drained = shell(real_floor, "bot:alpha-trend")

    assert latched["latch_ms"] > 0
    assert (drained["drain_state"], drained["left"]) == ("drained", [])
    assert (state(made["opening"]), state(made["guard"])) == (OrderState.CANCELED, OrderState.ACCEPTED)
    assert Hold.objects.get().placed_by == f"user:{real_floor.trader.pk}"


@pytest.mark.parametrize("scope", ["bot:nobody", "alpha-trend", "planet:alpha-trend"])
def test_the_shell_refuses_a_scope_that_it_does_not_find(floor: Floor, scope: str) -> None:
    with pytest.raises(CommandError, match="KIND:NAME"):
        shell(floor, scope)

    assert not Hold.objects.exists()


def test_the_shell_refuses_whoever_may_not_hold(floor: Floor) -> None:
    with acting(**BY):
        floor.trader = type(floor.trader).objects.create(username="guest", display_name="Guest")

    with pytest.raises(CommandError, match="PERMISSION_DENIED"):
        shell(floor, "bot:alpha-trend")

    assert not Hold.objects.exists()


def test_a_reducing_hold_cancels_nothing(floor: Floor) -> None:
    made = trade(floor)
    risk.place_hold(scope=floor.bot.scope, level="REDUCING", **BY)

    drain(floor)

    assert state(made["opening"]) == OrderState.ACCEPTED
