"""Step-up: whoever loosens a stop has proved who they are a moment ago, at every edge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.access.models import User
from apps.risk import services as risk
from apps.risk.models import Hold
from tests.access.proofs import sign_in_again
from tests.api.world import World, make_world

BACKEND = "django.contrib.auth.backends.ModelBackend"
Open = Callable[[User, float | None], Any]


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> World:
    """Two desks with one of everything each."""
    settings.DATASET_ROOT = settings.STATIC_ROOT = tmp_path
    return make_world(tmp_path)


def browser(user: User, ago_s: float | None) -> Client:
    """A browser whose sign-in is so old; None: without any proof."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client if ago_s is None else sign_in_again(client, user, ago_s=ago_s)


def api(user: User, ago_s: float | None) -> APIClient:
    """The API in that browser's session."""
    client = APIClient(raise_request_exception=False)
    client.force_login(user, backend=BACKEND)
    return client if ago_s is None else sign_in_again(client, user, ago_s=ago_s)


def ask(world: World, client: Any) -> Any:
    """Ask for the release of the own desk's hold."""
    hold = world.own.hold
    if isinstance(client, APIClient):
        return client.post(f"/api/v1/holds/{hold.pk}/release/", {"to": "ACTIVE", "reason": "over"}, format="json")
    return client.post(f"/holds/{hold.pk}/release/", {"form": str(hold.pk), "to_level": "ACTIVE", "reason": "over"})


def vote(world: World, client: Any) -> Any:
    """Vote for it."""
    hold = Hold.objects.get(pk=world.own.hold.pk)
    if isinstance(client, APIClient):
        ballot = {"approve": True, "digest": hold.consent.digest, "reason": "agreed"}
        return client.post(f"/api/v1/holds/{hold.pk}/votes/", ballot, format="json")
    ballot = {"form": str(hold.pk), "digest": hold.consent.digest, "verdict": "approve", "reason": "agreed"}
    return client.post(f"/holds/{hold.pk}/vote/", ballot)


@pytest.mark.parametrize("client", [browser, api], ids=["page", "api"])
@pytest.mark.parametrize("ago_s", [None, 601.0])
def test_an_old_sign_in_neither_asks_nor_votes(world: World, client: Open, ago_s: float | None) -> None:
    trader, operator = world.own.people["trader"], world.own.people["operator"]

    asked = ask(world, client(trader, ago_s))
    assert asked.status_code == 409
    assert "sign-in not older than 10 minutes" in asked.content.decode()
    assert Hold.objects.get(pk=world.own.hold.pk).consent is None

    risk.request_release(hold=world.own.hold, actor=trader, reason="over")
    voted = vote(world, client(operator, ago_s))
    assert voted.status_code == 409
    assert "sign-in not older than 10 minutes" in voted.content.decode()
    hold = Hold.objects.get(pk=world.own.hold.pk)
    assert (hold.state, hold.consent.votes.count()) == ("active", 0)


@pytest.mark.parametrize("client", [browser, api], ids=["page", "api"])
def test_a_fresh_sign_in_asks_and_votes(world: World, client: Open) -> None:
    ask(world, client(world.own.people["trader"], 590.0))
    vote(world, client(world.own.people["operator"], 590.0))

    assert Hold.objects.get(pk=world.own.hold.pk).state == "released"


def test_the_refusal_names_the_page_that_helps(world: World) -> None:
    answer = ask(world, api(world.own.people["trader"], None)).json()

    assert answer["code"] == "STEP_UP_REQUIRED"
    assert answer["context"]["link"] == "/accounts/reauthenticate/"


def test_the_proof_of_another_person_does_not_count(world: World) -> None:
    trader, operator = world.own.people["trader"], world.own.people["operator"]
    client = sign_in_again(api(trader, None), operator)

    assert ask(world, client).status_code == 409


def test_to_reducing_needs_no_fresh_sign_in(world: World) -> None:
    hold = risk.place_hold(scope=world.own.bot.scope, level="HALTED", actor=world.own.people["trader"], reason="storm")

    answer = api(world.own.people["operator"], None).post(
        f"/api/v1/holds/{hold.pk}/release/", {"to": "REDUCING", "reason": "let it leave"}, format="json"
    )

    assert (answer.status_code, answer.json()["level"]) == (200, "REDUCING")


def test_signing_in_again_with_the_password_is_the_proof(world: World) -> None:
    trader = world.own.people["trader"]
    trader.set_password("a long enough password")
    trader.save()
    client = browser(trader, None)
    assert ask(world, client).status_code == 409

    client.post("/accounts/reauthenticate/", {"password": "a long enough password"})

    assert ask(world, client).status_code == 302
