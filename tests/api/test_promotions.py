"""Promotions through the API."""

import pytest

from apps.access import services as access
from apps.promotions.models import Promotion
from tests.api.world import DIGEST


@pytest.fixture
def voting(world):
    """A promotion of the own desk, asked for by its engineer, that people vote on."""
    return world.own.voting


def ballot(**overrides):
    return {"approve": True, "digest": DIGEST, "reason": "looks right"} | overrides


def vote(client, promotion, **overrides):
    return client.post(f"/api/v1/promotions/{promotion.pk}/votes/", ballot(**overrides))


def test_two_people_approve(world, as_user, voting):
    first = vote(as_user(world.own.people["trader"]), voting)
    second = vote(as_user(world.own.people["risk owner"]), voting)

    assert (first.json()["state"], second.json()["state"]) == ("voting", "approved")


def test_requester_cannot_approve_own_promotion(world, as_user, voting):
    engineer = world.own.people["engineer"]
    access.grant_role(user=engineer, role="trader", scope=world.own.desk.scope, actor="job:test", reason="both")

    answer = vote(as_user(engineer), voting)

    assert (answer.status_code, answer.json()["code"]) == (403, "VOTE_EXCLUDED")
    assert Promotion.objects.get(pk=voting.pk).consent.votes.count() == 0


def test_a_second_vote_by_the_same_person_is_refused(world, as_user, voting):
    client = as_user(world.own.people["trader"])
    vote(client, voting)

    answer = vote(client, voting)

    assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_VOTED")
    assert Promotion.objects.get(pk=voting.pk).consent.votes.count() == 1


def test_a_vote_on_another_digest_is_refused(world, as_user, voting):
    answer = vote(as_user(world.own.people["trader"]), voting, digest="8" * 64)

    assert (answer.status_code, answer.json()["code"]) == (409, "DIGEST_CHANGED")


def test_a_vote_needs_a_reason(world, as_user, voting):
    answer = vote(as_user(world.own.people["trader"]), voting, reason=" ")

    assert answer.status_code == 422
    assert Promotion.objects.get(pk=voting.pk).consent.votes.count() == 0


def test_a_promotion_is_asked_for_and_withdrawn(world, as_user, voting):
    client = as_user(world.own.people["engineer"])
    client.post(f"/api/v1/promotions/{voting.pk}/withdraw/", {"reason": "make room"})
    body = {
        "release": str(world.own.release.pk),
        "account": world.own.account.name,
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": "1000.50",
        "reason": "ready",
    }

    asked = client.post("/api/v1/promotions/", body)
    withdrawn = client.post(f"/api/v1/promotions/{asked.json()['id']}/withdraw/", {"reason": "not yet"})

    assert (asked.status_code, asked.json()["capital"]) == (201, "1000.5"), asked.content
    assert withdrawn.json()["state"] == "withdrawn"


def test_an_unapproved_promotion_is_not_hurried(world, as_user, voting):
    answer = as_user(world.own.people["engineer"]).post(f"/api/v1/promotions/{voting.pk}/apply/", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "PROMOTION_NOT_APPROVED")


def test_an_account_of_another_desk_is_not_found(world, as_user):
    body = {
        "release": str(world.own.release.pk),
        "account": world.other.account.name,
        "stage": "simulated_execution",
        "environment": "paper",
        "capital": "1000",
        "reason": "ready",
    }

    answer = as_user(world.own.people["engineer"]).post("/api/v1/promotions/", body)

    assert (answer.status_code, answer.json()["code"]) == (404, "REFERENCE_NOT_FOUND")
