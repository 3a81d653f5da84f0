"""Handing bots over through the API: one, and all those of somebody who leaves."""

import pytest

from apps.access import services as access
from apps.alerts.models import Alert
from apps.audit.models import Record
from apps.bots import services as bots
from apps.bots.models import Bot
from tests.api.world import ARRANGE

BAD_OWNERS = [
    ({"reason": ""}, 422, "VALIDATION_FAILED"),
    ({"owner": ""}, 422, "VALIDATION_FAILED"),
    ({"fallback_owner": 7}, 404, "REFERENCE_NOT_FOUND"),
    ({"owner": "nobody"}, 404, "REFERENCE_NOT_FOUND"),
    ({"fallback_owner": "own-operator"}, 409, "OWNERS_INVALID"),
    ({"owner": "own-bot"}, 409, "OWNERS_INVALID"),
    ({"owner": "other-trader"}, 409, "OWNER_CANNOT_SEE"),
]


@pytest.fixture
def administrator(world, as_user):
    """The own desk's administrator."""
    return as_user(world.own.people["administrator"])


def body(world, **overrides):
    """The bot to the operator, backed by the risk owner."""
    names = {"owner": world.own.people["operator"].username, "fallback_owner": str(world.own.people["risk owner"].pk)}
    return names | {"reason": "Erin leaves on Friday"} | overrides


def one(world):
    return f"/api/v1/bots/{world.own.bot.pk}/hand-over/"


def everything(world, role="engineer"):
    return f"/api/v1/users/{world.own.people[role].pk}/hand-over/"


def owners(world):
    """Roles of the own bot's owners, in the database."""
    roles = {user.pk: role for role, user in world.own.people.items()}
    found = Bot.objects.get(pk=world.own.bot.pk)
    return roles.get(found.owner_id), roles.get(found.fallback_owner_id)


def assert_kept(world):
    """The bot is whose it was, and nothing is on record."""
    assert owners(world) == ("engineer", "trader")
    assert not Record.objects.filter(act="bot.handed_over").exists()


def test_a_bot_is_handed_over_with_a_reason(world, administrator):
    answer = administrator.post(one(world), body(world))

    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["owner_name"], shown["fallback_owner_name"]) == ("Own-Operator", "Own-Risk-Owner")
    assert shown["lacks_an_owner"] is False
    assert owners(world) == ("operator", "risk owner")
    assert Record.objects.get(act="bot.handed_over").reason == "Erin leaves on Friday"


@pytest.mark.parametrize("role", ["engineer", "trader"])
def test_its_owners_hand_it_over(world, as_user, role):
    answer = as_user(world.own.people[role]).post(one(world), body(world))

    assert (answer.status_code, owners(world)) == (200, ("operator", "risk owner"))


def test_others_of_the_desk_hand_nothing_over(world, as_user):
    for role in ("operator", "risk owner", "auditor"):
        for url in (one, everything):
            answer = as_user(world.own.people[role]).post(url(world), body(world))

            assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), (role, url)
            assert_kept(world)


def test_another_desk_finds_nothing_to_hand_over(world, as_user):
    for url in (one, everything):
        assert as_user(world.other.people["administrator"]).post(url(world), body(world)).status_code == 404, url
        assert_kept(world)


@pytest.mark.parametrize("url", [one, everything])
def test_bad_owners_change_nothing(world, administrator, url):
    for changed, status, code in BAD_OWNERS:
        answer = administrator.post(url(world), body(world, **changed))

        assert (answer.status_code, answer.json()["code"]) == (status, code), changed
        assert_kept(world)


def test_all_bots_of_a_leaver_go_at_once(world, administrator):
    access.deactivate(user=world.own.people["engineer"], **ARRANGE)
    bots.watch_owners()
    assert administrator.get(f"/api/v1/bots/{world.own.bot.pk}/").json()["lacks_an_owner"] is True

    answer = administrator.post(everything(world), body(world))

    assert (answer.status_code, [shown["name"] for shown in answer.json()]) == (200, [world.own.bot.name])
    assert owners(world) == ("operator", "trader")
    assert Alert.objects.get(code="OWNER_LEFT").state == "resolved"


def test_a_leaver_hands_their_own_bots_over(world, as_user):
    answer = as_user(world.own.people["trader"]).post(everything(world, "trader"), body(world))

    assert (answer.status_code, owners(world)) == (200, ("engineer", "risk owner"))


def test_somebody_without_bots_has_none_to_hand_over(world, administrator):
    answer = administrator.post(everything(world, "auditor"), body(world))

    assert (answer.status_code, answer.json()["code"]) == (404, "BOTS_NOT_FOUND")


@pytest.mark.parametrize("field", ["owner", "fallback_owner"])
def test_bots_are_found_by_their_owners(world, administrator, field):
    found = {"owner": world.own.people["engineer"], "fallback_owner": world.own.people["trader"]}

    for user, count in ((found[field], 1), (world.own.people["operator"], 0)):
        assert len(administrator.get("/api/v1/bots/", {field: user.pk}).json()["results"]) == count


def test_leaving_is_not_held_up_by_bots(world, as_user):
    client = as_user(world.firm_administrator)

    answer = client.post(f"/api/v1/users/{world.own.people['engineer'].pk}/deactivate/", {"reason": "left"})

    assert (answer.status_code, answer.json()["is_active"]) == (200, False)


def test_a_refused_resume_says_who_left(world, as_user):
    operator = as_user(world.own.people["operator"])
    url = f"/api/v1/deployments/{world.own.deployment.pk}"
    assert operator.post(f"{url}/pause/", {"reason": "look"}).status_code == 200
    access.deactivate(user=world.own.people["trader"], **ARRANGE)

    answer = operator.post(f"{url}/resume/", {"reason": "go on"})

    assert (answer.status_code, answer.json()["code"]) == (409, "OWNER_LEFT")
    assert operator.get(f"{url}/").json()["desired"] == "paused"
