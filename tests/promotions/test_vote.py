"""Voting on a promotion: two people who had no part in making it."""

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.access.models import Vote
from apps.audit.models import Record
from apps.promotions import selectors
from apps.promotions.models import Promotion
from apps.promotions.states import PROMOTION_TRANSITIONS, PromotionState
from tests import builders
from tests.builders import BY, Team, fresh, refused, vote
from tests.promotions.conftest import Ahead
from tests.races import codes, race


def _unchanged(promotion: Promotion) -> bool:
    row = fresh(promotion)
    return row.state == "voting" and row.consent.state == "open" and not Vote.objects.exists()


def test_two_people_approve_it_and_make_it_due(team: Team) -> None:
    promotion = builders.voting(team)

    assert vote(promotion, team.trader).state == "voting"
    approved = vote(promotion, team.risk_owner)

    assert approved.state == "approved"
    assert approved.due_at is not None
    assert Record.objects.filter(act="promotion.approved", object_id=promotion.pk).count() == 1


def test_the_requester_cannot_approve_their_own(team: Team) -> None:
    access.grant_role(user=team.engineer, role="trader", scope=team.desk.scope, **BY)
    promotion = builders.voting(team)

    with refused("VOTE_EXCLUDED"):
        vote(promotion, team.engineer)

    assert _unchanged(promotion)


def test_a_trader_who_asks_cannot_approve_either(team: Team) -> None:
    promotion = builders.voting(team, actor=team.trader)

    with refused("VOTE_EXCLUDED"):
        vote(promotion, team.trader)

    assert _unchanged(promotion)


@pytest.mark.parametrize("part", ["code", "config", "parameters", "release"])
def test_whoever_made_a_part_cannot_approve(team: Team, part: str) -> None:
    maker = {
        name: team.trader if name == part else team.engineer for name in ("code", "config", "parameters", "release")
    }
    code = builders.push_code(team, actor=maker["code"])
    release = builders.make_release(
        team,
        code_version=code,
        config_bundle=builders.push_config(team, actor=maker["config"]),
        parameter_set=builders.push_parameters(team, code, actor=maker["parameters"]),
        actor=maker["release"],
    )
    promotion = builders.voting(team, release=release)

    with refused("VOTE_EXCLUDED"):
        vote(promotion, team.trader)

    assert _unchanged(promotion)
    assert team.trader not in selectors.who_can_approve(fresh(promotion))[0].candidates


def test_a_denial_ends_it(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader)

    denied = vote(promotion, team.risk_owner, approve=False, reason="too large")

    assert (denied.state, denied.outcome, denied.due_at) == ("denied", "denied: too large", None)
    with refused("PROMOTION_NOT_VOTING"):
        vote(promotion, team.second_trader)


def test_nobody_votes_before_the_gates_have_passed(team: Team) -> None:
    promotion = builders.request(team)

    with refused("PROMOTION_NOT_VOTING"):
        vote(promotion, team.trader)

    assert not Vote.objects.exists()


def test_a_vote_on_what_was_seen_before_is_refused(team: Team) -> None:
    promotion = builders.voting(team)

    with refused("DIGEST_CHANGED"):
        vote(promotion, team.trader, digest="0" * 64)

    assert _unchanged(promotion)


def test_a_second_vote_by_the_same_person_is_refused(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader)

    with refused("ALREADY_VOTED"):
        vote(promotion, team.trader)

    assert Vote.objects.count() == 1


def test_a_late_vote_is_refused(team: Team, wall: Ahead) -> None:
    promotion = builders.voting(team)
    wall.ahead = timedelta(hours=25)

    with refused("CONSENT_EXPIRED"):
        vote(promotion, team.trader)

    assert _unchanged(promotion)


def test_somebody_of_another_desk_cannot_vote(team: Team) -> None:
    stranger = builders.make_team("beta")
    promotion = builders.voting(team)

    with refused("PERMISSION_DENIED"):
        vote(promotion, stranger.trader)

    assert _unchanged(promotion)


def test_the_last_two_votes_at_once_approve_once(committed_team: Team) -> None:
    promotion = builders.voting(committed_team)

    outcomes = race(lambda: vote(promotion, committed_team.trader), lambda: vote(promotion, committed_team.risk_owner))

    assert sorted(outcome.state for outcome in outcomes) == ["approved", "voting"]
    assert Record.objects.filter(act="promotion.approved", object_id=promotion.pk).count() == 1


def test_of_two_traders_at_once_one_is_told_that_the_slot_is_taken(committed_team: Team) -> None:
    promotion = builders.voting(committed_team)

    outcomes = race(
        lambda: vote(promotion, committed_team.trader), lambda: vote(promotion, committed_team.second_trader)
    )

    assert codes(outcomes) == ["NO_FREE_SLOT"]
    assert fresh(promotion).state == "voting"


def test_nothing_is_applied_that_was_not_approved() -> None:
    ways = {before for before, after in PROMOTION_TRANSITIONS.items() if PromotionState.APPLIED in after}

    assert ways == {PromotionState.APPROVED}


def test_what_has_ended_stays_so() -> None:
    ends = set(PromotionState) - {PromotionState.GATING, PromotionState.VOTING, PromotionState.APPROVED}

    assert not ends & set(PROMOTION_TRANSITIONS)
