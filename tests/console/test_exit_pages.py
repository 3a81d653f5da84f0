"""Exit plans on pages: the preview, the start, the progress, the stop; and sources of signals."""

import re
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution.exits.models import ExitLeg, ExitPlan
from apps.execution.exits.states import ACTIVE_PLANS
from apps.execution.models import BotSession, Position
from apps.execution.signals import services as signals


@pytest.fixture
def running(world):
    """A plan at work on the own desk, two thirds done."""
    own = world.own
    with acting("job:test", "arrange"):
        plan = ExitPlan.objects.create(
            scope=own.desk.scope, requested_by=own.people["trader"], reason="delisting", collar_bps=50,
            participation="0.1", step_s=5,
        )  # fmt: skip
        ExitLeg.objects.create(
            plan=plan, deployment=own.deployment, account=own.account, instrument=world.instrument, hedge_group=1,
            state="exiting", target="0.75", held="0.25", slices=2, last_order_id=own.order.client_order_id,
        )  # fmt: skip
    return plan


def terms(scope):
    return {
        "form": "start", "scope": scope.pk, "collar_bps": "40", "participation_percent": "20", "step_s": "3",
        "keep_protective": "no", "reason": "delisting",
    }  # fmt: skip


@pytest.fixture
def venue_holds(monkeypatch):
    """What the venue says it holds; None: it does not say."""

    def say(quantity):
        held = None if quantity is None else {"BTC-USD": Decimal(quantity)}
        monkeypatch.setattr("apps.execution.exits.services.looks._holdings", lambda account: held)

    return say


def test_a_preview_tells_the_venue_s_position_from_ours(world, signed_in, venue_holds):
    venue_holds("0.4")
    Position.objects.filter(bot=world.own.bot).update(quantity="0.5")
    client = signed_in(world.own.people["trader"])
    text = client.get(f"/exit-plans/?scope={world.own.bot.scope_id}").content.decode()
    assert "A plan for bot own" in text
    assert "SELL 0.4" in text
    assert '"We booked" class="qd-num">0.5<' in text
    assert "worth 24,020.00" in re.sub("<[^>]+>", "", text)
    assert not ExitPlan.objects.filter(state__in=ACTIVE_PLANS).exists()


def test_a_venue_that_does_not_answer_leaves_its_legs_unconfirmed(world, signed_in, venue_holds):
    venue_holds(None)
    text = signed_in(world.own.people["trader"]).get(f"/exit-plans/?scope={world.own.bot.scope_id}").content.decode()
    assert "? unconfirmed" in text


def test_terms_that_no_plan_may_have_are_refused(world, signed_in):
    client = signed_in(world.own.people["trader"])
    text = client.get(f"/exit-plans/?scope={world.own.bot.scope_id}&participation_percent=150").content.decode()
    assert "EXIT_PLAN_TERMS" in text


def test_a_plan_starts_with_exactly_the_terms_that_were_shown(world, signed_in):
    scope = world.own.bot.scope
    response = signed_in(world.own.people["trader"]).post("/exit-plans/start/", terms(scope))
    plan = ExitPlan.objects.get(scope=scope, state="running")
    assert response["Location"] == f"/exit-plans/{plan.pk}/"
    assert (plan.collar_bps, str(plan.participation.normalize()), plan.step_s) == (40, "0.2", 3)
    assert (plan.keep_protective, plan.reason) == (False, "delisting")


def test_starting_needs_the_permission(world, signed_in):
    scope = world.own.bot.scope
    client = signed_in(world.own.people["engineer"])
    assert client.post("/exit-plans/start/", terms(scope)).status_code == 403
    assert not ExitPlan.objects.filter(scope=scope, state__in=ACTIVE_PLANS).exists()
    assert "Your roles do not let you start exit plans" in client.get("/exit-plans/").content.decode()
    assert "PERMISSION_DENIED" in client.get(f"/exit-plans/?scope={scope.pk}").content.decode()


def test_a_second_plan_is_refused_with_the_typed_reason_kept(world, signed_in, running, venue_holds):
    venue_holds("0.4")
    response = signed_in(world.own.people["trader"]).post("/exit-plans/start/", terms(world.own.desk.scope))
    assert response.status_code == 409
    assert "EXIT_PLAN_ACTIVE" in response.content.decode()
    assert "A plan is at work on this scope already" in response.content.decode()


def test_a_plan_shows_how_far_each_leg_has_come(world, signed_in, running):
    client = signed_in(world.own.people["trader"])
    text = client.get(f"/exit-plans/{running.pk}/").content.decode()
    for part in ("0.75", "0.25", "66 %", "exiting", f"/orders/{world.own.order.pk}/"):
        assert part in text
    for page in ("/limits/", "/limits/exposure/", "/exit-plans/", f"/bots/{world.own.bot.name}/"):
        assert f"/exit-plans/{running.pk}/" in client.get(page).content.decode(), page


def test_a_plan_of_another_desk_does_not_exist(world, signed_in):
    response = signed_in(world.own.people["trader"]).get(f"/exit-plans/{world.other.exit_plan.pk}/")
    assert response.status_code == 404


def test_a_plan_is_stopped_with_a_reason(world, signed_in, running):
    client = signed_in(world.own.people["trader"])
    client.post(f"/exit-plans/{running.pk}/stop/", {"form": "stop", "reason": "we keep it"})
    running.refresh_from_db()
    assert (running.state, running.message) == ("stopped", "we keep it")
    assert "Stop this plan" not in client.get(f"/exit-plans/{running.pk}/").content.decode()


def test_stopping_needs_the_permission(world, signed_in, running):
    client = signed_in(world.own.people["engineer"])
    assert client.post(f"/exit-plans/{running.pk}/stop/", {"form": "stop", "reason": "x"}).status_code == 403
    running.refresh_from_db()
    assert running.state == "running"


def test_a_refresh_of_the_list_asks_no_venue(world, signed_in, monkeypatch):
    def asked(**_):
        raise AssertionError("a refresh asked the venues")

    monkeypatch.setattr("apps.execution.exits.services.preview", asked)
    client = signed_in(world.own.people["trader"])
    address = f"/exit-plans/?scope={world.own.bot.scope_id}"
    response = client.get(address, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="plan-list")
    assert response.status_code == 200


def test_a_bot_that_runs_elsewhere_shows_its_session(world, signed_in):
    own = world.own
    address = f"/bots/{own.bot.name}/"
    client = signed_in(own.people["trader"])
    assert "○ closed" in client.get(address).content.decode()
    with acting("job:test", "arrange"):
        BotSession.objects.filter(pk=own.session.pk).update(state="open", heartbeat_at=wall_now())
    assert "one every 15 s" in client.get(address).content.decode()


def test_a_source_is_activated_by_a_second_person(world, signed_in, monkeypatch):
    own = world.own
    monkeypatch.setattr("apps.execution.signals.keys.read", lambda name: None)
    source = own.signal_source
    signals.request_activation(source=source, actor=own.people["administrator"], reason="go live")
    client = signed_in(own.people["risk owner"])
    assert f"Activate the signal source {source}" in client.get("/").content.decode()
    source.refresh_from_db()
    ballot = {"form": str(source.pk), "digest": source.consent.digest, "verdict": "approve", "reason": "checked"}
    client.post(f"/signals/{source.pk}/vote/", ballot)
    source.refresh_from_db()
    assert source.is_active

    signed_in(own.people["operator"]).post(f"/signals/{source.pk}/deactivate/", {"form": "stop", "reason": "noise"})
    source.refresh_from_db()
    assert not source.is_active
