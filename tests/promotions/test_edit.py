"""An edit voids what was voted; a withdrawal and time end it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.promotions import services as promotions
from apps.promotions.tasks import expire_due, settle_due
from tests import builders
from tests.builders import Team, fresh, refused, vote
from tests.promotions.conftest import Ahead


def _edit(team: Team, promotion: promotions.Promotion, **overrides: object) -> promotions.Promotion:
    fields: dict[str, object] = {"capital": Decimal(2000), "actor": team.engineer, "reason": "more"}
    return promotions.edit(promotion=promotion, **(fields | overrides))  # type: ignore[arg-type]


def test_an_edit_voids_the_votes_and_starts_anew(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader)
    old = fresh(promotion)

    edited = _edit(team, promotion)

    assert edited.digest != old.digest
    assert fresh(old.consent).state == "void"
    assert (edited.consent.state, edited.consent.votes.count()) == ("open", 0)


def test_an_edit_after_approval_takes_the_approval_away(team: Team) -> None:
    promotion = builders.approved(team)

    edited = _edit(team, promotion)

    assert (edited.state, edited.due_at) == ("voting", None)
    vote(promotion, team.trader)
    assert vote(promotion, team.risk_owner).state == "approved"


def test_a_vote_on_what_it_was_before_the_edit_is_refused(team: Team) -> None:
    promotion = builders.voting(team)
    seen = promotion.digest
    _edit(team, promotion)

    with refused("DIGEST_CHANGED"):
        vote(promotion, team.trader, digest=seen)


@pytest.mark.parametrize("when", [builders.request, builders.voting, builders.approved])
def test_whoever_edited_cannot_vote(team: Team, when: object) -> None:
    promotion = when(team)  # type: ignore[operator]
    _edit(team, promotion, actor=team.second_trader)
    builders.run_gates()

    with refused("VOTE_EXCLUDED"):
        vote(promotion, team.second_trader)

    assert fresh(promotion).consent.votes.count() == 0


def test_an_earlier_editor_stays_excluded_after_a_later_one(team: Team) -> None:
    promotion = builders.voting(team)
    _edit(team, promotion, actor=team.second_trader)
    _edit(team, promotion, capital=Decimal(3000))

    with refused("VOTE_EXCLUDED"):
        vote(promotion, team.second_trader)


def test_no_capital_is_no_edit(team: Team) -> None:
    promotion = builders.voting(team)

    with refused("CAPITAL_NOT_POSITIVE"):
        _edit(team, promotion, capital=Decimal(0))

    assert fresh(promotion).digest == promotion.digest


def test_what_has_ended_is_not_edited(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader, approve=False)

    with refused("PROMOTION_NOT_OPEN"):
        _edit(team, promotion)

    assert fresh(promotion).capital == Decimal(1000)


@pytest.mark.parametrize("when", [builders.request, builders.voting, builders.approved])
def test_it_can_be_withdrawn_until_it_is_applied(team: Team, when: object) -> None:
    promotion = when(team)  # type: ignore[operator]

    withdrawn = promotions.withdraw(promotion=promotion, actor=team.engineer, reason="not yet")

    assert (withdrawn.state, withdrawn.outcome, withdrawn.due_at) == ("withdrawn", "not yet", None)
    assert withdrawn.consent is None or fresh(withdrawn.consent).state == "withdrawn"


def test_what_was_denied_is_not_withdrawn(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader, approve=False)

    with refused("STATE_CONFLICT"):
        promotions.withdraw(promotion=promotion, actor=team.engineer, reason="x")

    assert fresh(promotion).state == "denied"


@pytest.mark.parametrize("when", [builders.request, builders.voting, builders.approved])
def test_time_ends_it(team: Team, wall: Ahead, when: object) -> None:
    promotion = when(team)  # type: ignore[operator]
    wall.ahead = timedelta(hours=25)

    expire_due()

    ended = fresh(promotion)
    assert (ended.state, ended.due_at) == ("expired", None)
    assert ended.consent is None or ended.consent.state == "withdrawn"


def test_time_leaves_alone_what_is_not_late(team: Team, wall: Ahead) -> None:
    promotion = builders.voting(team)
    wall.ahead = timedelta(hours=23)

    expire_due()

    assert fresh(promotion).state == "voting"
    assert fresh(promotion).consent.state == "open"


def test_a_pass_that_expires_while_others_run_refuses_it(team: Team, wall: Ahead, settings: object) -> None:
    settings.PROMOTION_EXPIRES_H = 24 * 30  # type: ignore[attr-defined]
    release = builders.make_release(team)
    promotion = builders.request(team, release)
    with builders.verdicts(builders.PASSED):
        for gate in builders.claims.claim(builders.Gate.objects.filter(kind="config_lint"), lease_s=60):
            builders.releases.run_gate(gate)
    wall.ahead = timedelta(days=8)

    settle_due()

    assert fresh(promotion).state == "refused"
