"""A gate that did not pass is let through by two people, for a while, and for exactly what it found."""

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.access.models import Consent, User, Vote
from apps.audit.context import acting
from apps.common.clocks import wall_now
from apps.promotions import selectors as promotions
from apps.releases import services
from apps.releases.kinds import KINDS
from apps.releases.models import Gate, GateWaiver, Release
from apps.releases.states import GateState
from tests import builders
from tests.builders import Team, fresh, refused
from tests.promotions.conftest import Ahead
from tests.releases import gates

RED = {"passed": 119, "failed": 1}


@pytest.fixture
def failed(team: Team) -> Gate:
    """Unit tests that failed."""
    return gates.report(gates.asked(builders.make_release(team), "unit"), gates.ci(team), RED)


def test_a_second_person_lets_it_through_until_the_hour_that_was_asked_for(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    assert not services.is_open(fresh(failed))

    gates.agree(asked, team.risk_owner)

    gate = fresh(failed)
    assert (gate.state, gate.valid_until) == ("waived", asked.until)
    assert services.is_open(gate)
    assert gate.evidence_digest == failed.evidence_digest


def test_who_asked_does_not_agree(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.risk_owner)

    with refused("VOTE_EXCLUDED"):
        gates.agree(asked, team.risk_owner)

    assert fresh(failed).state == "failed"


def test_who_built_it_does_not_agree(team: Team, failed: Gate) -> None:
    access.grant_role(user=team.engineer, role="risk owner", scope=team.desk.scope, **builders.BY)
    asked = gates.waiver(failed, team.trader)

    with refused("VOTE_EXCLUDED"):
        gates.agree(asked, fresh(team.engineer))

    assert not Vote.objects.exists()
    assert fresh(failed).state == "failed"


def test_a_trader_does_not_agree(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)

    with refused("PERMISSION_DENIED"):
        gates.agree(asked, team.second_trader)

    assert fresh(failed).state == "failed"


def test_a_machine_asks_for_nothing(team: Team, failed: Gate) -> None:
    with refused("PERSON_NEEDED"):
        gates.waiver(failed, User.objects.get(username="alpha-ci"))

    assert not GateWaiver.objects.exists()


def test_a_denial_leaves_it_shut(team: Team, failed: Gate) -> None:
    gates.agree(gates.waiver(failed, team.trader), team.risk_owner, approve=False)

    assert fresh(failed).state == "failed"


@pytest.mark.parametrize("hours", [0, 169])
def test_a_waiver_holds_for_a_week_at_most(team: Team, failed: Gate, hours: int) -> None:
    with refused("WAIVER_HOURS"):
        gates.waiver(failed, team.trader, hours=hours)


def test_after_its_hours_it_opens_nothing(team: Team, failed: Gate, wall: Ahead) -> None:
    gates.agree(gates.waiver(failed, team.trader, hours=2), team.risk_owner)
    wall.ahead = timedelta(hours=2, seconds=1)

    assert not services.is_open(fresh(failed))
    services.expire_gates()
    assert fresh(failed).state == "expired"


def test_a_new_verdict_ends_a_waiver_that_stands(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    gates.agree(asked, team.risk_owner)

    gates.report(fresh(failed), User.objects.get(username="alpha-ci"), {"passed": 1, "failed": 99})

    assert fresh(failed).state == "failed"
    assert not services.is_open(fresh(failed))
    assert Consent.objects.get(pk=asked.consent_id).state == "void"


def test_a_new_verdict_ends_a_waiver_that_waits(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    gates.report(failed, User.objects.get(username="alpha-ci"), RED | {"skipped": 1})

    with refused("CONSENT_NOT_OPEN"):
        gates.agree(asked, team.risk_owner)

    assert fresh(failed).state == "failed"


def test_a_vote_on_another_finding_than_the_one_asked_about_is_refused(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    with acting(**builders.BY):
        Gate.objects.filter(pk=failed.pk).update(evidence_digest="0" * 64)

    with refused("DIGEST_CHANGED"):
        gates.agree(asked, team.risk_owner)

    assert fresh(failed).state == "failed"


@pytest.mark.parametrize("kind", [kind for kind, known in KINDS.items() if not known.may_be_waived])
def test_facts_are_never_agreed_away(team: Team, kind: str) -> None:
    gate = gates.judged(builders.make_release(team), kind, GateState.FAILED)

    with refused("GATE_NOT_WAIVABLE"):
        gates.waiver(gate, team.trader)

    assert not GateWaiver.objects.exists()


def test_determinism_is_such_a_fact() -> None:
    assert not KINDS["deterministic"].may_be_waived


@pytest.mark.parametrize("state", ["pending", "running", "passed"])
def test_there_is_nothing_to_waive_before_a_verdict_or_after_a_pass(team: Team, failed: Gate, state: str) -> None:
    with acting(**builders.BY):
        Gate.objects.filter(pk=failed.pk).update(state=state)

    with refused("GATE_NOTHING_TO_WAIVE"):
        gates.waiver(failed, team.trader)


def test_one_waiver_waits_at_a_time(team: Team, failed: Gate) -> None:
    gates.waiver(failed, team.trader)

    with refused("WAIVER_OPEN"):
        gates.waiver(failed, team.second_trader)


def test_a_waiver_taken_back_opens_nothing_any_more(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    gates.agree(asked, team.risk_owner)

    services.withdraw_waiver(waiver=asked, actor=team.trader, reason="it is no flake")

    assert fresh(failed).state == "expired"
    assert not services.is_open(fresh(failed))


def test_voters_of_a_promotion_see_what_was_waived(team: Team) -> None:
    builders.set_policy(gates=["unit"])
    release = builders.make_release(team)
    gate = gates.report(gates.asked(release, "unit"), gates.ci(team), RED)
    gates.agree(gates.waiver(gate, team.trader), team.risk_owner)

    promotion = builders.request(team, release)
    builders.run_gates()

    promotion = fresh(promotion)
    assert promotion.state == "voting"
    assert promotion.bound["waived"] == {"unit": fresh(gate).valid_until.isoformat()}
    services.withdraw_waiver(waiver=GateWaiver.objects.get(), actor=team.trader, reason="no")
    assert promotions.bound(fresh(promotion)) != promotion.bound


def test_a_newer_definition_wears_a_waiver_out(team: Team, failed: Gate) -> None:
    asked = gates.waiver(failed, team.trader)
    gates.agree(asked, team.risk_owner)
    gates.redefine("unit", passed_min=5)

    again = gates.asked(Release.objects.get(), "unit")

    assert again.state == "pending"
    assert Consent.objects.get(pk=asked.consent_id).state == "void"
    assert not services.is_open(again)
    assert asked.until > wall_now()
