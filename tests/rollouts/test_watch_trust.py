"""What runs is paused when a key that vouches for it is revoked; live takes only what a trusted CI has built."""

from datetime import timedelta

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.bots import services as bots
from apps.common.clocks import wall_now
from apps.deployments import services as deployments
from apps.deployments.models import Deployment
from apps.promotions import services as promotions
from apps.rollouts import services
from tests import builders
from tests.bots.attesting import Ci, trust_ci
from tests.builders import BY, Team, fresh, refused
from tests.promotions.conftest import Ahead


@pytest.fixture
def ci(team: Team) -> Ci:
    """A CI that the desk trusts."""
    return trust_ci(team.desk)


@pytest.fixture
def running(team: Team, ci: Ci) -> Deployment:
    """What the CI has built runs on paper."""
    path = builders.write_artifact(team.bot)
    code = builders.push_code(team, path, provenance=ci.envelope(path))
    deployment = services.apply(builders.approved(team, release=builders.make_release(team, code_version=code)))
    assert deployment is not None
    return deployment


def test_while_its_keys_are_trusted_a_bot_runs_on(running: Deployment) -> None:
    assert services.watch_trust() == 0
    assert fresh(running).desired == "running"


@pytest.mark.parametrize("role", ["signer", "builder"])
def test_a_bot_of_a_revoked_key_is_paused_in_a_new_epoch_and_told_of(
    team: Team, ci: Ci, running: Deployment, role: str
) -> None:
    bots.revoke(key=team.signer if role == "signer" else ci.builder, **BY)

    assert services.watch_trust() == 1

    row = fresh(running)
    assert (row.desired, row.epoch) == ("paused", running.epoch + 1)
    assert Alert.objects.get(code="TRUST_WITHDRAWN").object_id == row.pk
    assert services.watch_trust() == 0


def test_resuming_it_starts_nothing(team: Team, running: Deployment) -> None:
    bots.revoke(key=team.signer, **BY)
    services.watch_trust()
    deployments.resume(deployment=fresh(running), **BY)

    with refused("SIGNER_REVOKED"):
        bots.launchable(running.release.code_version)
    assert services.watch_trust() == 1


def test_a_key_with_an_end_stops_its_bots_then_and_not_before(team: Team, running: Deployment, wall: Ahead) -> None:
    bots.revoke(key=team.signer, at=wall_now() + timedelta(hours=1), **BY)
    assert services.watch_trust() == 0

    wall.ahead = timedelta(hours=2)

    assert services.watch_trust() == 1


def test_other_bots_run_on(team: Team, running: Deployment) -> None:
    stranger = builders.make_team("beta")
    bots.revoke(key=stranger.signer, **BY)

    assert services.watch_trust() == 0
    assert fresh(running).desired == "running"


def test_what_was_approved_for_live_is_judged_again_when_it_is_applied(team: Team, ci: Ci) -> None:
    path = builders.write_artifact(team.bot)
    code = builders.push_code(team, path, provenance=ci.envelope(path))
    promotion = builders.approved(team, release=builders.make_release(team, code_version=code))
    promotion.environment = "live"
    with acting(**BY):
        promotion.save(update_fields=["environment"])
    bots.revoke(key=ci.builder, **BY)

    with refused("LIVE_NEEDS_PROVENANCE"), acting(**BY):
        promotions.ready_to_apply(promotion)

    assert services.apply(promotion) is None
    assert fresh(promotion).outcome.startswith("PROVENANCE_KEY_REVOKED")
    assert not Deployment.objects.exists()
