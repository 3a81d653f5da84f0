"""Handing bots over: who may, to whom, one or all of a leaver's, and never to be let vote."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from apps.access import services as access
from apps.access.models import User
from apps.audit.models import Record
from apps.bots import services as bots
from apps.bots.models import Bot
from tests import builders
from tests.builders import BY, Team, fresh, refused
from tests.execution.builders import await_blocked


@pytest.fixture
def administrator(team: Team) -> User:
    """Somebody who administers the desk."""
    return builders.make_user("anna", "administrator", team.desk.scope)


def give(bot: Bot, owner: User, fallback: User, **overrides: Any) -> Bot:
    """The bot to these two."""
    fields = {"bot": bot, "owner": owner, "fallback_owner": fallback} | BY | overrides
    return bots.hand_over(**fields)


def pair(bot: Bot) -> tuple[User, User]:
    """Who owns and who backs it, in the database."""
    found = Bot.objects.select_related("owner", "fallback_owner").get(pk=bot.pk)
    return found.owner, found.fallback_owner


def another_bot(team: Team, name: str, owner: User, fallback: User) -> Bot:
    """One more bot of the team."""
    fields = {"strategy": team.bot.strategy, "symbols": ["BTC-USD"], "accounts": [team.account.name]}
    return bots.make_bot(name=name, owner=owner, fallback_owner=fallback, **fields, **BY)


def handed() -> int:
    """How many hand-overs are on record."""
    return Record.objects.filter(act="bot.handed_over").count()


def test_an_administrator_gives_a_bot_to_others(team: Team, administrator: User) -> None:
    give(team.bot, team.engineer, team.risk_owner, actor=administrator, reason="Tess moves on")

    assert pair(team.bot) == (team.engineer, team.risk_owner)
    record = Record.objects.get(act="bot.handed_over")
    assert (record.actor, record.reason) == (f"user:{administrator.pk}", "Tess moves on")
    assert record.before == {"owner": str(team.trader.pk), "fallback_owner": str(team.second_trader.pk)}
    assert record.after == {"owner": str(team.engineer.pk), "fallback_owner": str(team.risk_owner.pk)}


@pytest.mark.parametrize("who", ["trader", "second_trader"])
def test_its_owners_give_it_away(team: Team, who: str) -> None:
    give(team.bot, team.engineer, team.second_trader, actor=getattr(team, who))

    assert pair(team.bot) == (team.engineer, team.second_trader)


def test_who_neither_owns_nor_administers_it_gives_nothing(team: Team) -> None:
    with refused("PERMISSION_DENIED"):
        give(team.bot, team.engineer, team.risk_owner, actor=team.engineer)

    assert pair(team.bot) == (team.trader, team.second_trader)
    assert handed() == 0


def test_a_former_owner_gives_nothing_any_more(team: Team) -> None:
    stale = fresh(team.bot)
    give(team.bot, team.engineer, team.risk_owner)

    with refused("PERMISSION_DENIED"):
        give(stale, team.trader, team.second_trader, actor=team.trader)

    assert pair(team.bot) == (team.engineer, team.risk_owner)


@pytest.mark.parametrize("who", ["the same", "a machine", "a leaver"])
def test_owners_are_two_different_active_people(team: Team, who: str) -> None:
    others = {
        "the same": team.trader,
        "a machine": access.make_service_account(username="robot", display_name="Robot", **BY),
        "a leaver": builders.make_user("lea", "trader", team.desk.scope),
    }
    access.grant_role(user=others["a machine"], role="trader", scope=team.desk.scope, **BY)
    access.deactivate(user=others["a leaver"], **BY)

    with refused("OWNERS_INVALID"):
        give(team.bot, team.trader, fresh(others[who]))

    assert pair(team.bot) == (team.trader, team.second_trader)


def test_an_owner_may_see_the_bot(team: Team) -> None:
    elsewhere = builders.make_user("olga", "trader", access.make_desk(name="beta", **BY).scope)

    with refused("OWNER_CANNOT_SEE"):
        give(team.bot, team.trader, elsewhere)
    with refused("OWNER_CANNOT_SEE"):
        another_bot(team, "second", team.trader, elsewhere)

    assert pair(team.bot) == (team.trader, team.second_trader)
    assert Bot.objects.count() == 1


def test_a_hand_over_lets_nobody_vote_on_what_they_asked_for(team: Team) -> None:
    """Neither who gives a bot away nor who takes one is less excluded than before."""
    give(team.bot, team.engineer, team.second_trader)
    access.grant_role(user=team.engineer, role="trader", scope=team.desk.scope, **BY)
    promotion = builders.voting(team)
    excluded = fresh(promotion.consent).excluded

    give(team.bot, team.trader, team.second_trader, actor=fresh(team.engineer))

    assert fresh(promotion.consent).excluded == excluded
    with refused("VOTE_EXCLUDED"):
        builders.vote(promotion, team.engineer)
    assert not promotion.consent.votes.exists()


def test_all_bots_of_a_leaver_go_and_who_is_active_stays(team: Team, administrator: User) -> None:
    backed = another_bot(team, "backed", team.risk_owner, team.trader)
    lea = builders.make_user("lea", "trader", team.desk.scope)
    with_a_leaver = another_bot(team, "with-a-leaver", lea, team.trader)
    access.deactivate(user=lea, **BY)
    access.deactivate(user=team.trader, **BY)

    moved = bots.hand_over_all(
        person=team.trader, owner=team.engineer, fallback_owner=administrator, actor=administrator, reason="Tess left"
    )

    assert pair(team.bot) == (team.engineer, team.second_trader)
    assert pair(backed) == (team.risk_owner, administrator)
    assert pair(with_a_leaver) == (team.engineer, administrator)
    assert len(moved) == handed() == 3


def test_who_backs_a_bot_may_move_up(team: Team, administrator: User) -> None:
    takes = {"owner": team.second_trader, "fallback_owner": team.engineer}

    bots.hand_over_all(person=team.trader, **takes, actor=administrator, reason="Tess left")

    assert pair(team.bot) == (team.second_trader, team.engineer)


def test_who_owns_a_bot_may_move_down(team: Team, administrator: User) -> None:
    takes = {"owner": team.engineer, "fallback_owner": team.trader}

    bots.hand_over_all(person=team.second_trader, **takes, actor=administrator, reason="Tom left")

    assert pair(team.bot) == (team.engineer, team.trader)


def test_one_bot_that_cannot_go_keeps_all(team: Team, administrator: User) -> None:
    narrow = builders.make_user("nora", "trader", team.bot.scope)
    another = another_bot(team, "another", team.trader, team.second_trader)
    takes = {"owner": narrow, "fallback_owner": team.engineer}

    with refused("OWNER_CANNOT_SEE"):
        bots.hand_over_all(person=team.trader, **takes, actor=administrator, reason="Tess left")

    assert pair(team.bot) == pair(another) == (team.trader, team.second_trader)
    assert handed() == 0


def test_one_bot_that_is_not_theirs_to_give_keeps_all(team: Team) -> None:
    another = another_bot(team, "another", team.trader, team.risk_owner)
    takes = {"owner": team.engineer, "fallback_owner": team.risk_owner}

    with refused("PERMISSION_DENIED"):
        bots.hand_over_all(person=team.trader, **takes, actor=team.second_trader, reason="Tess left")

    assert pair(team.bot) == (team.trader, team.second_trader)
    assert pair(another) == (team.trader, team.risk_owner)


@pytest.mark.parametrize("second", ["trader", "engineer"])
def test_a_leavers_successors_are_two_other_people(team: Team, administrator: User, second: str) -> None:
    takes = {"owner": team.engineer, "fallback_owner": getattr(team, second)}

    with refused("OWNERS_INVALID"):
        bots.hand_over_all(person=team.trader, **takes, actor=administrator, reason="leaves")

    assert pair(team.bot) == (team.trader, team.second_trader)


@pytest.mark.parametrize(("who", "code"), [("inactive", "OWNERS_INVALID"), ("blind", "OWNER_CANNOT_SEE")])
def test_a_successor_whom_no_bot_needs_is_checked_too(team: Team, administrator: User, who: str, code: str) -> None:
    """The trader owns the one bot, and who backs it stays."""
    scope = team.desk.scope if who == "inactive" else access.make_desk(name="beta", **BY).scope
    second = builders.make_user("sue", "trader", scope)
    if who == "inactive":
        access.deactivate(user=second, **BY)
    takes = {"owner": team.engineer, "fallback_owner": second}

    with refused(code):
        bots.hand_over_all(person=team.trader, **takes, actor=administrator, reason="Tess left")

    assert pair(team.bot) == (team.trader, team.second_trader)
    assert handed() == 0


def test_bots_out_of_reach_stay_whose_they_are(team: Team) -> None:
    beta = builders.make_user("beta-administrator", "administrator", access.make_desk(name="beta", **BY).scope)
    takes = {"owner": team.engineer, "fallback_owner": team.risk_owner}

    with refused("BOTS_NOT_FOUND"):
        bots.hand_over_all(person=team.trader, **takes, actor=beta, reason="left")

    assert pair(team.bot) == (team.trader, team.second_trader)


def test_who_is_just_being_deactivated_becomes_no_owner(committed_team: Team) -> None:
    team = committed_team

    def take() -> Bot:
        try:
            return give(team.bot, team.engineer, team.second_trader)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            access.deactivate(user=fresh(team.engineer), **BY)
            taken = pool.submit(take)
            await_blocked("transactionid")

        with refused("OWNERS_INVALID"):
            taken.result(timeout=20)

    assert pair(team.bot) == (team.trader, team.second_trader)
