"""Applying: what was approved is what runs; a re-check can only refuse."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import RoleGrant
from apps.audit.context import acting
from apps.audit.models import Record
from apps.bots import services as bots
from apps.bots.store import FileStore
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment, DeploymentEvent, Slice
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.releases.models import Gate
from apps.risk import services as risk
from apps.risk.models import KillDrill
from apps.rollouts import services as rollouts
from apps.rollouts.tasks import apply_due
from apps.venues.models import Venue
from tests import builders
from tests.builders import BY, Team, fresh, vote
from tests.promotions.conftest import Ahead
from tests.races import race


def _assert_refused(promotion: Promotion, code: str, state: str = "refused") -> None:
    row = fresh(promotion)
    assert row.state == state
    assert row.outcome.startswith(code)
    assert row.due_at is None
    assert not Deployment.objects.exists()
    assert not Slice.objects.exists()
    assert fresh(row.bot).stage == "offline_testing"


def test_the_whole_story_ends_in_a_deployment(team: Team) -> None:
    promotion = builders.approved(team)

    apply_due()

    deployment = Deployment.objects.get()
    applied = fresh(promotion)
    assert (applied.state, applied.outcome) == ("applied", "runs as epoch 1")
    assert (deployment.release, deployment.capital) == (promotion.release, Decimal(1000))
    assert (deployment.desired, deployment.observed) == ("running", "starting")
    assert deployment.limits == builders.LIMITS
    assert fresh(team.bot).stage == "simulated_execution"
    assert DeploymentEvent.objects.get().build_id == promotion.release.build_id
    acts = set(Record.objects.filter(object_id=promotion.pk).values_list("act", flat=True))
    assert {"promotion.requested", "promotion.approved", "promotion.applied"} <= acts


@pytest.mark.parametrize("when", [builders.request, builders.voting])
def test_what_is_not_approved_is_not_applied(team: Team, when: Any) -> None:
    promotion = when(team)
    before = promotion.state

    assert rollouts.apply(promotion) is None

    assert fresh(promotion).state == before
    assert not Deployment.objects.exists()


def test_one_vote_of_two_is_no_approval(team: Team) -> None:
    promotion = builders.voting(team)
    vote(promotion, team.trader)

    apply_due()

    assert fresh(promotion).state == "voting"
    assert not Deployment.objects.exists()


def test_applying_twice_changes_nothing_more(team: Team) -> None:
    promotion = builders.approved(team)

    first, second = rollouts.apply(promotion), rollouts.apply(promotion)

    assert (first, second) == (Deployment.objects.get(), None)
    assert Deployment.objects.get().epoch == 1
    assert DeploymentEvent.objects.count() == 1


def test_two_workers_at_once_apply_it_once(committed_team: Team) -> None:
    promotion = builders.approved(committed_team)

    outcomes = race(*[lambda: rollouts.apply(fresh(promotion))] * 2)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Deployment", "NoneType"]
    assert Deployment.objects.get().epoch == 1
    assert Record.objects.filter(act="promotion.applied").count() == 1


def test_the_next_release_gets_the_next_epoch(team: Team) -> None:
    rollouts.apply(builders.approved(team))
    config = builders.push_config(team, limits=builders.LIMITS | {"position": "3"})
    second = builders.approved(team, release=builders.make_release(team, config_bundle=config))

    deployment = rollouts.apply(second)

    assert deployment is not None
    assert (deployment.epoch, deployment.release, deployment.limits["position"]) == (2, second.release, "3")
    assert Deployment.objects.count() == 1


def test_other_evidence_than_was_voted_on_voids_it(team: Team) -> None:
    promotion = builders.approved(team)
    with acting(**BY):
        Gate.objects.filter(kind="backtest").update(evidence_digest="e" * 64)

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "DIGEST_CHANGED", state="void")


def test_a_gate_that_has_expired_refuses_it(team: Team) -> None:
    promotion = builders.approved(team)
    with acting(**BY):
        Gate.objects.filter(kind="backtest").update(valid_until=wall_now())

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "GATE_NOT_OPEN")


def test_a_signer_revoked_after_the_vote_refuses_it(team: Team) -> None:
    promotion = builders.approved(team)
    bots.revoke_signer(signer=team.signer, **BY)

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "SIGNER_REVOKED")


def test_a_lost_artifact_refuses_it(team: Team) -> None:
    promotion = builders.approved(team)
    store = FileStore(builders.settings.ARTIFACT_ROOT)
    store.path(promotion.release.code_version.artifact_sha256).unlink()

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "ARTIFACT_MISSING")


def test_a_voter_who_lost_the_role_takes_the_approval_along(team: Team) -> None:
    promotion = builders.approved(team)
    access.revoke_role(grant=RoleGrant.objects.get(user=team.risk_owner), **BY)

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "CONSENT_VOTER_LOST")


def test_a_voter_who_left_takes_the_approval_along(team: Team) -> None:
    promotion = builders.approved(team)
    access.deactivate(user=team.trader, **BY)

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "CONSENT_VOTER_LOST")


def test_an_approval_expires(team: Team, wall: Ahead) -> None:
    promotion = builders.approved(team)
    wall.ahead = timedelta(hours=25)

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "CONSENT_EXPIRED")


def test_an_edit_between_vote_and_apply_is_not_applied(team: Team) -> None:
    promotion = builders.approved(team)
    promotions.edit(promotion=promotion, capital=Decimal(9000), actor=team.engineer, reason="more")

    assert rollouts.apply(promotion) is None

    assert fresh(promotion).state == "voting"
    assert not Deployment.objects.exists()


def test_capital_changed_behind_the_services_back_voids_it(team: Team) -> None:
    promotion = builders.approved(team)
    with acting(**BY):
        Promotion.objects.filter(pk=promotion.pk).update(capital=Decimal(9000))

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "DIGEST_CHANGED", state="void")


def test_what_was_withdrawn_meanwhile_stays_so_whatever_else_is_wrong(team: Team) -> None:
    promotion = builders.approved(team)
    promotions.withdraw(promotion=promotion, actor=team.engineer, reason="not yet")
    bots.revoke_signer(signer=team.signer, **BY)

    assert rollouts.apply(promotion) is None

    assert (fresh(promotion).state, fresh(promotion).outcome) == ("withdrawn", "not yet")


def test_a_kill_drill_that_became_overdue_since_the_vote_refuses_it(team: Team) -> None:
    promotion = builders.approved(team)
    drill = risk.schedule_drill(scope=team.bucket.scope, **BY)
    with acting(**BY):
        KillDrill.objects.filter(pk=drill.pk).update(blocks_from=wall_now())

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "DRILL_OVERDUE")


def test_a_paper_account_at_a_venue_of_real_money_is_refused(team: Team) -> None:
    promotion = builders.approved(team)
    with acting(**BY):
        Venue.objects.filter(pk=team.account.venue_id).update(mode="live")

    assert rollouts.apply(promotion) is None

    _assert_refused(promotion, "MODE_MISMATCH")


def test_another_bot_on_the_same_instrument_and_account_is_refused(team: Team) -> None:
    promotion = builders.approved(team)
    rival = bots.make_bot(
        strategy=team.bot.strategy,
        name="rival",
        owner=team.trader,
        fallback_owner=team.second_trader,
        symbols=["BTC-USD"],
        accounts=[team.account.name],
        **BY,
    )
    with acting(**BY):
        Slice.objects.create(account=team.account, instrument=team.feed.instrument, bot=rival)

    assert rollouts.apply(promotion) is None

    assert fresh(promotion).outcome.startswith("SLICE_TAKEN")
    assert not Deployment.objects.exists()


def test_one_that_breaks_keeps_no_other_waiting(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    first = builders.approved(team)
    other = builders.make_team("beta")
    second = builders.approved(other)
    real = bots.launchable

    def breaks(code: Any) -> Any:
        if code.bot_id == team.bot.pk:
            raise OSError("the disk is gone")
        return real(code)

    monkeypatch.setattr(bots, "launchable", breaks)

    with pytest.raises(OSError, match="disk"):
        apply_due()
    apply_due()

    assert fresh(first).state == "approved"
    assert fresh(second).state == "applied"
