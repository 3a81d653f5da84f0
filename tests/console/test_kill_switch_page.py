"""The kill switch's page: what a halt cancels, what the venue has not confirmed, drills, the way to a step-up."""

from datetime import timedelta

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.execution.models import Order, Position
from apps.risk.models import Hold, KillDrill


def preview(client, scope, cancels):
    """The preview's fragment, as the form fetches it."""
    address = f"/holds/?scope={scope.pk}&cancels={cancels}"
    return client.get(address, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="hold-preview").content.decode()


def test_the_preview_says_what_each_choice_leaves_unguarded(world, signed_in):
    own = world.own
    Position.objects.filter(bot=own.bot).update(quantity="0.5")
    Order.objects.filter(pk=own.order.pk).update(purpose="PROTECTIVE", side="SELL")
    client = signed_in(own.people["operator"])

    kept = preview(client, own.desk.scope, "opening")
    assert "1 protective (kept)" in kept
    assert "no position is left unguarded" in kept

    taken = preview(client, own.desk.scope, "all")
    assert "1 protective (cancelled too)" in taken
    assert "0.5 BTC-USD" in taken
    assert "30,025.00" in taken


@pytest.mark.parametrize(("asked", "kept"), [({}, "opening"), ({"cancels": "all"}, "all")])
def test_a_halt_cancels_what_was_chosen(world, signed_in, asked, kept):
    scope = world.own.desk.scope
    values = {"form": "place", "scope": scope.pk, "level": "HALTED", "reason": "runaway"}
    assert signed_in(world.own.people["operator"]).post("/holds/place/", values | asked).status_code == 302
    assert Hold.objects.get(scope=scope).cancels == kept


def test_reducing_cancels_nothing_and_says_so_beside_the_form(world, signed_in):
    scope = world.own.desk.scope
    values = {"form": "place", "scope": scope.pk, "level": "REDUCING", "cancels": "all", "reason": "calm"}
    response = signed_in(world.own.people["operator"]).post("/holds/place/", values)
    assert response.status_code == 422
    assert "REDUCING_CANCELS_NOTHING" in response.content.decode()
    assert not Hold.objects.filter(scope=scope).exists()


def test_what_the_venue_has_not_confirmed_is_listed_with_its_ids(world, signed_in):
    left = {
        "order": str(world.own.order.pk), "client_order_id": "c" * 32, "venue_order_id": "V-77", "account": "own-paper",
        "symbol": "BTC-USD", "side": "BUY", "purpose": "OPENING", "state": "UNKNOWN",
    }  # fmt: skip
    with acting("job:test", "arrange"):
        Hold.objects.filter(pk=world.own.hold.pk).update(
            level="HALTED", latched_at=wall_now(), latch_ms=12.34, left=[left], open_permits=[left]
        )
    client = signed_in(world.own.people["operator"])
    text = client.get("/holds/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="hold-list").content.decode()
    for part in ("12.3 ms", "1 order not confirmed as gone", "V-77", "c" * 32, "Permitted before the latch: 1 order"):
        assert part in text


def test_a_drill_is_scheduled_for_a_moment(world, signed_in):
    due = wall_now().replace(second=0, microsecond=0) + timedelta(hours=3)
    scope = world.own.desk.scope
    values = {"form": "drill", "scope": scope.pk, "due_at": f"{due:%Y-%m-%dT%H:%M}", "reason": "monthly"}
    assert signed_in(world.own.people["risk owner"]).post("/holds/drill/", values).status_code == 302
    assert KillDrill.objects.get(scope=scope).due_at == due


def test_a_drill_needs_a_permission(world, signed_in):
    scope = world.own.desk.scope
    client = signed_in(world.own.people["engineer"])
    response = client.post("/holds/drill/", {"form": "drill", "scope": scope.pk, "reason": "curious"})
    assert response.status_code == 403
    assert not KillDrill.objects.filter(scope=scope).exists()
    assert "Schedule a drill" not in client.get("/holds/").content.decode()


@pytest.mark.parametrize(("passed_since", "shows"), [(False, True), (True, False)])
def test_a_drill_is_overdue_until_a_later_one_passes(world, signed_in, passed_since, shows):
    scope = world.own.desk.scope
    with acting("job:test", "arrange"):
        KillDrill.objects.create(scope=scope, scheduled_by="job:t", blocks_from=wall_now(), state="failed")
        if passed_since:
            KillDrill.objects.create(
                scope=scope, scheduled_by="job:t", blocks_from=wall_now(), state="passed", finished_at=wall_now()
            )
    client = signed_in(world.own.people["risk owner"])
    assert ("▲ overdue" in client.get("/holds/").content.decode()) is shows
    assert ("Drill the kill switch of desk own" in client.get("/").content.decode()) is shows


def test_an_old_sign_in_leads_to_the_password_and_back(world, signed_in):
    own = world.own
    person = own.people["trader"]
    person.set_password("a long enough password")
    person.save()
    client = signed_in(person)
    values = {"form": str(own.hold.pk), "to_level": "ACTIVE", "reason": "it is over"}

    refused = client.post(f"/holds/{own.hold.pk}/release/", values)
    assert refused.status_code == 409
    link = "/accounts/reauthenticate/?next=/holds/"
    assert f'href="{link}"' in refused.content.decode()

    page = client.get(link).content.decode()
    assert "Confirm your password" in page
    assert "qd-plain" in page
    again = client.post(link, {"password": "a long enough password", "next": "/holds/"})
    assert (again.status_code, again["Location"]) == (302, "/holds/")


def test_a_wrong_password_is_told_beside_the_field(world, signed_in):
    person = world.own.people["trader"]
    person.set_password("a long enough password")
    person.save()
    page = signed_in(person).post("/accounts/reauthenticate/", {"password": "no"}).content.decode()
    assert "qd-field-error" in page
