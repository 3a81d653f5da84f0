"""Acts on pages: each calls its service, shows a refusal beside its form, and changes nothing when refused."""

from unittest import mock

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common.errors import Refused
from apps.execution.models import Position
from apps.markets.models import Instrument
from apps.reconciliation.models import Break, ReconciliationRun
from apps.risk.models import Hold, Limit, LimitRaise
from tests.access.proofs import sign_in_again
from tests.api.world import ARRANGE


def test_the_kill_switch_previews_what_stops(world, signed_in):
    client = signed_in(world.own.people["operator"])
    text = client.get(f"/holds/?scope={world.own.desk.scope.pk}").content.decode()
    assert "This stops desk own" in text
    assert "own-trend-btc" in text
    assert "1 opening (cancelled by HALTED)" in text


def test_a_hold_is_placed_at_once(world, signed_in):
    values = {"form": "place", "scope": world.own.desk.scope.pk, "level": "HALTED", "reason": "runaway"}
    response = signed_in(world.own.people["operator"]).post("/holds/place/", values)
    assert response.status_code == 302
    hold = Hold.objects.get(scope=world.own.desk.scope)
    assert (hold.level, hold.reason, hold.latch_ms is not None) == ("HALTED", "runaway", True)


def test_a_hold_on_another_desk_is_refused(world, signed_in):
    values = {"form": "place", "scope": world.other.desk.scope.pk, "level": "HALTED", "reason": "no"}
    response = signed_in(world.own.people["operator"]).post("/holds/place/", values)
    assert response.status_code == 404
    assert not Hold.objects.filter(scope=world.other.desk.scope).exists()


def test_release_takes_a_second_person(world, signed_in):
    hold, first, second = world.own.hold, world.own.people["operator"], world.own.people["trader"]
    one, other = (sign_in_again(signed_in(person), person) for person in (first, second))
    asked = one.post(f"/holds/{hold.pk}/release/", {"to_level": "ACTIVE", "reason": "it is over"})
    hold.refresh_from_db()
    ballot = {"form": str(hold.pk), "digest": hold.consent.digest, "verdict": "approve", "reason": "agreed"}

    own = one.post(f"/holds/{hold.pk}/vote/", ballot)
    hold.refresh_from_db()
    assert (asked.status_code, own.status_code, hold.state) == (302, 403, "active")

    other.post(f"/holds/{hold.pk}/vote/", ballot)
    hold.refresh_from_db()
    assert hold.state == "released"


def test_an_alert_is_acknowledged_then_resolved(world, signed_in):
    alert, client = world.own.alert, signed_in(world.own.people["operator"])
    for verb, state in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        client.post(f"/alerts/{alert.pk}/{verb}/", {"reason": "looked"})
        assert Alert.objects.get(pk=alert.pk).state == state


def test_acknowledging_needs_the_permission(world, signed_in):
    alert = world.own.alert
    response = signed_in(world.own.people["engineer"]).post(f"/alerts/{alert.pk}/acknowledge/", {"reason": "x"})
    assert response.status_code == 403
    assert Alert.objects.get(pk=alert.pk).state == "open"


def test_a_run_is_asked_for_by_a_person(world, signed_in):
    account = world.own.account
    signed_in(world.own.people["operator"]).post(
        "/reconciliation/run/", {"account": account.pk, "reason": "after the outage"}
    )
    assert ReconciliationRun.objects.filter(account=account, trigger="person", state="due").exists()


def test_a_break_is_resolved_with_what_was_done(world, signed_in):
    found = getattr(world.own, "break")
    signed_in(world.own.people["operator"]).post(f"/reconciliation/{found.pk}/resolve/", {"reason": "booked by hand"})
    assert Break.objects.get(pk=found.pk).resolution == "booked by hand"


def test_lowering_a_limit_is_immediate_and_raising_waits(world, signed_in):
    client = signed_in(world.own.people["risk owner"])
    values = {"form": "put", "scope": world.own.bot.scope_id, "kind": "order_quantity", "reason": "calm"}
    before = LimitRaise.objects.count()

    client.post("/limits/put/", values | {"value": "1", "verb": "lower"})
    assert Limit.objects.get(pk=world.own.limit.pk).value == 1

    refused = client.post("/limits/put/", values | {"value": "3", "verb": "lower"})
    assert refused.status_code == 409
    assert "LIMIT_RAISE_NEEDS_SECOND_PERSON" in refused.content.decode()

    client.post("/limits/put/", values | {"value": "3", "verb": "raise"})
    assert (Limit.objects.get(pk=world.own.limit.pk).value, LimitRaise.objects.count()) == (1, before + 1)


def test_a_deployment_is_paused_with_a_reason(world, signed_in):
    deployment = world.own.deployment
    client = signed_in(world.own.people["operator"])
    client.post(f"/deployments/{deployment.pk}/pause/", {"form": "pause", "reason": "lunch"})
    deployment.refresh_from_db()
    assert deployment.desired == "paused"
    assert "lunch" in client.get(f"/deployments/{deployment.pk}/").content.decode()


@pytest.mark.parametrize(("calendar", "is_offered"), [("24/7", False), ("XNYS", True)])
def test_a_close_ticket_offers_extended_hours_where_the_instrument_has_them(world, signed_in, calendar, is_offered):
    with acting(**ARRANGE):
        Instrument.objects.update(session_calendar=calendar)
        Position.objects.update(quantity=1)

    page = signed_in(world.own.people["trader"]).get(f"/bots/{world.own.bot.name}/positions/").content.decode()

    assert "Reduce or close" in page
    assert ('name="extended_hours"' in page) is is_offered


@pytest.mark.parametrize(("ticked", "wish"), [({"extended_hours": "1"}, True), ({}, False)])
def test_a_close_ticket_asks_for_extended_hours(world, signed_in, ticked, wish):
    own = world.own
    values = {"deployment": own.deployment.pk, "limit_price": "60000", "reason": "out"} | ticked

    with mock.patch("apps.execution.services.close_position", return_value=own.order) as close:
        signed_in(own.people["trader"]).post(f"/bots/{own.bot.name}/close/", values)

    assert close.call_args.kwargs["extended_hours"] is wish


@pytest.mark.parametrize(
    ("path", "service", "values"),
    [
        ("/orders/{order}/cancel/", "apps.execution.services.cancel_by_hand", {"form": "cancel"}),
        ("/bots/{bot}/close/", "apps.execution.services.close_position", {"deployment": "{deployment}"}),
    ],
)
def test_a_refusal_of_the_service_is_told_with_its_code(world, signed_in, path, service, values):
    own = world.own
    names = {"order": own.order.pk, "bot": own.bot.name, "deployment": own.deployment.pk}
    body = {key: value.format(**names) for key, value in values.items()}
    with mock.patch(service, side_effect=Refused("TOO_LATE", "it has ended")):
        response = signed_in(own.people["trader"]).post(path.format(**names), body | {"reason": "out"})
    assert response.status_code == 409


def test_asking_for_a_second_open_promotion_is_refused_beside_the_form(world, signed_in):
    own = world.own
    values = {
        "form": "promote",
        "account": own.account.pk,
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": "10",
        "reason": "again",
    }
    response = signed_in(own.people["trader"]).post(f"/releases/{own.release.pk}/promote/", values)
    assert response.status_code == 409
    assert "PROMOTION_OPEN" in response.content.decode()
