"""Exit plans over the API: who may, what is refused, what comes back."""

from typing import Any

import pytest

from apps.execution.exits.api.serializers import NewExitPlan
from apps.execution.exits.api.views import EXAMPLE
from apps.execution.exits.models import ExitPlan
from apps.venues.adapters.base import VenueTimeout
from tests.api.conftest import as_user, world
from tests.api.world import World

__all__ = ["as_user", "world"]
URL = "/api/v1/exit-plans/"


class Silent:
    """A venue that does not answer."""

    def positions(self) -> list[Any]:
        """No."""
        raise VenueTimeout("silence")


@pytest.fixture
def trader(world: World, as_user: Any) -> Any:
    """The own desk's trader."""
    return as_user(world.own.people["trader"])


def asked(world: World, **overrides: Any) -> dict[str, Any]:
    """A plan for the own bot."""
    return {"scope": str(world.own.bot.scope_id), "reason": "delisted"} | overrides


def started() -> int:
    """How many plans are at work."""
    return ExitPlan.objects.filter(state="running").count()


def test_a_plan_is_started_and_shown_with_its_legs(world: World, trader: Any) -> None:
    answer = trader.post(URL, asked(world, collar_bps="20", step_s=2))

    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["state"], body["collar_bps"], body["participation"], body["step_s"]) == ("running", "20", "0.1", 2)
    (leg,) = body["legs"]
    assert (leg["symbol"], leg["deployment"], leg["hedge_group"]) == ("BTC-USD", str(world.own.deployment.pk), 1)
    assert trader.get(f"{URL}{body['id']}/").json() == body
    assert trader.get(f"{URL}?state=done").json()["results"] == []


def test_the_same_key_is_one_plan(world: World, trader: Any) -> None:
    answers = [trader.post(URL, asked(world), HTTP_IDEMPOTENCY_KEY="exit-now-1") for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert started() == 1


def test_a_second_plan_is_refused_with_the_first_one_s_id(world: World, trader: Any) -> None:
    first = trader.post(URL, asked(world)).json()

    answer = trader.post(URL, asked(world))

    assert (answer.status_code, answer.json()["code"]) == (409, "EXIT_PLAN_ACTIVE")
    assert answer.json()["context"]["plan"] == first["id"]


def test_a_plan_is_stopped(world: World, trader: Any) -> None:
    first = trader.post(URL, asked(world)).json()

    answer = trader.post(f"{URL}{first['id']}/stop/", {"reason": "wrong bot"})

    assert (answer.status_code, answer.json()["state"]) == (200, "stopped")
    assert [leg["state"] for leg in answer.json()["legs"]] == ["stopped"]


WHO = [("engineer", 403), ("auditor", 403), ("service account", 403), ("risk owner", 201), ("operator", 201)]


@pytest.mark.parametrize(("role", "status"), WHO)
def test_only_people_who_may_exit_start_plans(world: World, as_user: Any, role: str, status: int) -> None:
    answer = as_user(world.own.people[role]).post(URL, asked(world))

    assert answer.status_code == status
    assert started() == (status == 201)


def test_another_desk_s_scope_does_not_exist(world: World, as_user: Any) -> None:
    stranger = as_user(world.other.people["trader"])

    for path in (URL, f"{URL}preview/"):
        assert stranger.post(path, asked(world)).status_code == 404
    assert not started()


def test_another_desk_s_plan_is_neither_seen_nor_stopped(world: World, trader: Any, as_user: Any) -> None:
    plan = trader.post(URL, asked(world)).json()
    stranger = as_user(world.other.people["trader"])

    assert plan["id"] not in {row["id"] for row in stranger.get(URL).json()["results"]}
    assert stranger.post(f"{URL}{plan['id']}/stop/", {"reason": "mischief"}).status_code == 404
    assert started() == 1


def test_the_preview_works_without_the_venue_and_stores_nothing(
    world: World, trader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.venues.services.adapter_for", lambda account: Silent())

    answer = trader.post(f"{URL}preview/", asked(world))

    assert answer.status_code == 200, answer.json()
    (leg,) = answer.json()["legs"]
    assert (answer.json()["is_confirmed"], leg["venue_position"], leg["our_position"]) == (False, None, "0")
    assert [order["id"] for order in leg["cancels"]] == [str(world.own.order.pk)]
    assert leg["waits_for"] == "the venue does not say what it holds"
    assert not started()


BAD = [
    ({"participation": "2"}, "EXIT_PLAN_TERMS"),
    ({"participation": 0.5}, "VALIDATION_FAILED"),
    ({"step_s": 0}, "VALIDATION_FAILED"),
    ({"reason": None}, "VALIDATION_FAILED"),
    ({"hedge_groups": [["01980000-0000-7000-8000-000000000004"]]}, "HEDGE_GROUP_UNKNOWN"),
]


@pytest.mark.parametrize(("wrong", "code"), BAD)
def test_what_makes_no_sense_is_refused_and_starts_nothing(
    world: World, trader: Any, wrong: dict[str, Any], code: str
) -> None:
    answer = trader.post(URL, asked(world, **wrong))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not started()


def test_the_example_is_acceptable() -> None:
    parsed = NewExitPlan(data=EXAMPLE.value)

    assert parsed.is_valid(), parsed.errors
