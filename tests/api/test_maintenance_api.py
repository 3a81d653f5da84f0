"""Announced maintenance through the API."""

from datetime import timedelta

import pytest

from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.markets.models import MaintenanceRequest, MaintenanceWindow
from tests.api.test_market_votes import ballot, client_of, machine, raj, rita
from tests.api.world import ARRANGE, person

__all__ = ["machine", "raj", "rita"]
WINDOWS, REQUESTS = "/api/v1/maintenance-windows/", "/api/v1/maintenance-windows/requests/"


@pytest.fixture
def nothing_announced(world):
    """The window that the world has is over."""
    with acting(**ARRANGE):
        MaintenanceWindow.objects.update(cancelled_at=wall_now())


def body(**overrides):
    now = wall_now()
    times = {"starts_at": (now + timedelta(hours=1)).isoformat(), "ends_at": (now + timedelta(hours=2)).isoformat()}
    return {"venue": "paper", "source": "notice 17", "reason": "the venue says so"} | times | overrides


def announced(client, **overrides):
    response = client.post(WINDOWS, body(**overrides))
    assert response.status_code == 201, response.content
    return response.json()


def test_it_is_announced_and_listed_with_who_said_so(world, rita, nothing_announced):
    made = announced(client_of(rita), instrument="BTC-USD")

    (row,) = client_of(rita).get(WINDOWS, {"venue": "paper", "upcoming": "true"}).json()["results"]
    assert (row["id"], row["venue"], row["symbol"]) == (made["id"], "paper", "BTC-USD")
    assert (row["set_by"], row["reason"]) == (f"user:{rita.pk}", "the venue says so")
    assert client_of(rita).get(WINDOWS, {"venue": "elsewhere"}).json()["results"] == []


def test_what_is_cancelled_is_not_upcoming(world, rita, nothing_announced):
    (row,) = client_of(rita).get(WINDOWS, {"upcoming": "false"}).json()["results"]

    assert row["cancelled_at"] is not None
    assert client_of(rita).get(WINDOWS, {"upcoming": "true"}).json()["results"] == []


def test_a_machine_announces_and_asks_for_nothing_less(world, machine, as_user):
    made = announced(as_user(machine))

    answer = as_user(machine).post(REQUESTS, {"window": made["id"], "reason": "it was called off"})

    assert (answer.status_code, answer.json()["code"]) == (403, "PERSON_NEEDED")
    assert not MaintenanceRequest.objects.filter(window=made["id"]).exists()


def test_a_role_on_one_desk_announces_nothing(world, nothing_announced):
    for role in ("trader", "risk owner", "operator"):
        response = client_of(world.own.people[role]).post(WINDOWS, body())

        assert (response.status_code, response.json()["code"]) == (403, "PERMISSION_DENIED"), role
        assert MaintenanceWindow.objects.count() == 1


def test_what_is_wrong_is_refused_and_nothing_is_kept(world, rita):
    for wrong, status, code in (
        ({"ends_at": "2020-01-01T00:00:00Z"}, 422, "MAINTENANCE_PERIOD"),
        ({"venue": "nowhere"}, 404, "REFERENCE_NOT_FOUND"),
        ({"instrument": "NO-SUCH"}, 404, "REFERENCE_NOT_FOUND"),
    ):
        response = client_of(rita).post(WINDOWS, body(**wrong))

        assert (response.status_code, response.json()["code"]) == (status, code), wrong
        assert MaintenanceWindow.objects.count() == 1


def test_it_is_extended_by_one_person_and_not_shortened(world, rita):
    made = announced(client_of(rita))
    later = (wall_now() + timedelta(hours=3)).isoformat()

    extended = client_of(rita).post(f"{WINDOWS}{made['id']}/extend/", {"ends_at": later, "reason": "it takes longer"})
    shortened = client_of(rita).post(
        f"{WINDOWS}{made['id']}/extend/", {"ends_at": made["ends_at"], "reason": "done early"}
    )

    assert extended.status_code == 200
    assert (shortened.status_code, shortened.json()["code"]) == (409, "MAINTENANCE_LOOSENS")
    assert MaintenanceWindow.objects.get(pk=made["id"]).ends_at.isoformat() == later


def test_two_people_cancel_it(world, rita, raj):
    made = announced(client_of(rita))
    asked = client_of(rita).post(REQUESTS, {"window": made["id"], "reason": "it was called off"}).json()
    own = client_of(rita).post(f"{REQUESTS}{asked['id']}/votes/", ballot(asked))
    assert (own.status_code, own.json()["code"]) == (403, "VOTE_EXCLUDED")
    assert MaintenanceWindow.objects.get(pk=made["id"]).cancelled_at is None

    response = client_of(raj).post(f"{REQUESTS}{asked['id']}/votes/", ballot(asked))

    assert (response.status_code, response.json()["vote_state"]) == (200, "granted")
    assert MaintenanceWindow.objects.get(pk=made["id"]).cancelled_at is not None


def test_asking_and_agreeing_take_a_fresh_sign_in(world, rita, raj):
    made = announced(client_of(rita))
    stale = client_of(rita, ago_s=100_000).post(REQUESTS, {"window": made["id"], "reason": "it was called off"})
    asked = client_of(rita).post(REQUESTS, {"window": made["id"], "reason": "it was called off"}).json()

    vote = client_of(raj, ago_s=100_000).post(f"{REQUESTS}{asked['id']}/votes/", ballot(asked))

    assert [stale.json()["code"], vote.json()["code"]] == ["STEP_UP_REQUIRED"] * 2
    assert MaintenanceWindow.objects.get(pk=made["id"]).cancelled_at is None


def test_a_risk_owner_of_one_desk_does_not_vote(world, rita):
    made = announced(client_of(rita))
    asked = client_of(rita).post(REQUESTS, {"window": made["id"], "reason": "it was called off"}).json()
    with acting(**ARRANGE):
        other = person("olga", "risk owner", world.own.desk.scope)

    response = client_of(other).post(f"{REQUESTS}{asked['id']}/votes/", ballot(asked))

    assert response.status_code == 403
    assert MaintenanceWindow.objects.get(pk=made["id"]).cancelled_at is None
