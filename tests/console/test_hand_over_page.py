"""Handing over on pages: the bot's head, a leaver's bots, the marks of what has no owner."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.audit.context import acting
from apps.audit.models import Record
from apps.bots import services as bots
from apps.bots.models import Bot
from tests.api.world import ARRANGE, person


@pytest.fixture
def own(world):
    """The own desk."""
    return world.own


@pytest.fixture
def leaver(own):
    """The bot's owner, who has left."""
    user = own.people["engineer"]
    access.deactivate(user=user, **ARRANGE)
    bots.watch_owners()
    return user


def text(client, address):
    return client.get(address).content.decode()


def bot_page(own):
    return f"/bots/{own.bot.name}/"


def people_page(user):
    return f"/people/{user.pk}/bots/"


def values(own, form, **overrides):
    """The form as it is filled in."""
    pair = {"owner": own.people["operator"].pk, "fallback_owner": own.people["risk owner"].pk}
    return {"form": form, "reason": "she moves to another desk"} | pair | overrides


def another_bot(own, name):
    """One more bot of the same people."""
    bots.make_bot(
        strategy=own.bot.strategy,
        name=name,
        owner=own.people["engineer"],
        fallback_owner=own.people["trader"],
        symbols=["BTC-USD"],
        accounts=[own.account.name],
        **ARRANGE,
    )


def owners(own):
    found = Bot.objects.get(pk=own.bot.pk)
    return found.owner_id, found.fallback_owner_id


def given(own, *roles):
    return tuple(own.people[role].pk for role in roles)


def test_the_head_shows_owners_and_blast_radius(own, signed_in):
    page = text(signed_in(own.people["auditor"]), bot_page(own))

    for shown in ("Own-Engineer", "Own-Trader", "BTC-USD", own.account.name, "Worker pool", "cycles"):
        assert shown in page
    assert "Without an owner" not in page


@pytest.mark.parametrize(("role", "may"), [("administrator", True), ("engineer", True), ("operator", False)])
def test_the_form_is_for_owners_and_administrators(own, signed_in, role, may):
    page = text(signed_in(own.people[role]), bot_page(own))

    assert ("Hand over…" in page) is may


def test_people_who_may_see_the_bot_can_be_chosen(world, own, signed_in):
    page = text(signed_in(own.people["administrator"]), bot_page(own))

    assert f'<option value="{own.people["operator"].pk}"' in page
    assert str(world.other.people["operator"].pk) not in page


def test_a_bot_is_handed_over_on_its_page(own, signed_in):
    client = signed_in(own.people["administrator"])

    answer = client.post(f"{bot_page(own)}hand-over/", values(own, "hand-over"), follow=True)

    assert "Own-Operator’s now" in answer.content.decode()
    assert owners(own) == given(own, "operator", "risk owner")
    assert Record.objects.get(act="bot.handed_over").reason == "she moves to another desk"


def test_a_refused_form_comes_back_with_what_was_typed(own, signed_in):
    client = signed_in(own.people["administrator"])
    twice = values(own, "hand-over", fallback_owner=own.people["operator"].pk)

    answer = client.post(f"{bot_page(own)}hand-over/", twice)

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "OWNERS_INVALID" in page
    assert "she moves to another desk" in page
    assert owners(own) == given(own, "engineer", "trader")


def test_a_form_without_a_reason_changes_nothing(own, signed_in):
    answer = signed_in(own.people["administrator"]).post(
        f"{bot_page(own)}hand-over/", values(own, "hand-over", reason="")
    )

    assert answer.status_code == 422
    assert owners(own) == given(own, "engineer", "trader")


def test_what_has_no_owner_is_marked_and_leads_to_the_leavers_bots(own, signed_in, leaver):
    client = signed_in(own.people["administrator"])

    assert "Without an owner: Own-Engineer left" in text(client, bot_page(own))
    assert "▲ without owner" in text(client, "/fleet/")
    assert own.bot.name in text(client, "/fleet/?attention=1")
    assert people_page(leaver) in text(client, "/alerts/")


def test_all_bots_of_a_leaver_are_handed_over_on_one_page(own, signed_in, leaver):
    client = signed_in(own.people["administrator"])
    assert "Hand all of them over…" in text(client, people_page(leaver))

    answer = client.post(f"{people_page(leaver)}hand-over/", values(own, "hand-over-all"), follow=True)

    page = answer.content.decode()
    assert "1 bot of Own-Engineer went to others" in page
    assert "No bots within your reach" in page
    assert owners(own) == given(own, "operator", "trader")
    assert "▲ without owner" not in text(client, "/fleet/")


def test_who_may_not_hand_all_over_is_told_who_can(own, signed_in, leaver):
    client = signed_in(own.people["operator"])
    assert "Hand all of them over…" not in text(client, people_page(leaver))

    answer = client.post(f"{people_page(leaver)}hand-over/", values(own, "hand-over-all"))

    assert answer.status_code == 403
    assert "Somebody who administers these bots" in answer.content.decode()
    assert owners(own) == given(own, "engineer", "trader")


def test_queries_do_not_grow_with_the_bots(own, signed_in, django_assert_max_num_queries):
    client = signed_in(own.people["administrator"])
    with CaptureQueriesContext(connection) as of_one:
        text(client, people_page(own.people["engineer"]))
    for number in range(4):
        another_bot(own, f"more-{number}")

    with django_assert_max_num_queries(len(of_one)):
        page = text(client, people_page(own.people["engineer"]))

    assert "more-3" in page
    assert f'<option value="{own.people["operator"].pk}"' in page


def test_only_who_may_see_all_of_them_can_be_chosen(own, signed_in):
    with acting(**ARRANGE):
        narrow = person("nora", "trader", own.bot.scope)
    client = signed_in(own.people["administrator"])
    assert str(narrow.pk) in text(client, people_page(own.people["engineer"]))

    another_bot(own, "another")

    page = text(client, people_page(own.people["engineer"]))
    assert str(narrow.pk) not in page
    assert str(own.people["operator"].pk) in page


def test_bots_of_other_desks_do_not_show(world, own, signed_in):
    page = text(signed_in(own.people["administrator"]), people_page(world.other.people["engineer"]))

    assert world.other.bot.name not in page
    assert "No bots within your reach" in page
