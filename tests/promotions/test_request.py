"""Asking for a promotion: what it starts, and what is refused at once."""

from decimal import Decimal
from typing import Any

import pytest

from apps.access import services as access
from apps.audit.context import acting
from apps.audit.models import Record
from apps.bots.models import CodeVersion
from apps.common.clocks import wall_now
from apps.promotions import services as promotions
from apps.promotions.models import Policy, Promotion
from apps.releases.models import Gate
from apps.risk import services as risk
from apps.risk.models import KillDrill
from tests import builders
from tests.bots.attesting import trust_ci
from tests.builders import BY, Team, refused
from tests.races import codes, race
from tests.venues.builders import make_account


def test_asking_makes_the_policys_gates_due(team: Team) -> None:
    promotion = builders.request(team)

    assert promotion.state == "gating"
    assert {gate.kind for gate in Gate.objects.exclude(due_at=None)} == set(builders.GATES)
    assert Record.objects.get(act="promotion.requested").actor == f"user:{team.engineer.pk}"


def test_passed_gates_open_the_vote(team: Team) -> None:
    promotion = builders.voting(team)

    assert promotion.state == "voting"
    assert promotion.digest == promotion.consent.digest
    assert promotion.bound["build_id"] == promotion.release.build_id
    assert set(promotion.bound["evidence"]) == set(builders.GATES)


def test_a_failed_gate_refuses_it_and_names_the_gate(team: Team) -> None:
    promotion = builders.request(team)

    builders.run_gates(builders.FAILED)

    promotion = builders.fresh(promotion)
    assert promotion.state == "refused"
    assert "Configuration lint" in promotion.outcome
    assert promotion.consent is None


def test_half_of_the_gates_open_nothing(team: Team) -> None:
    promotion = builders.request(team)
    Gate.objects.filter(kind="backtest").update(due_at=None)

    builders.run_gates()

    assert builders.fresh(promotion).state == "gating"


@pytest.mark.parametrize("capital", ["0", "-1"])
def test_capital_must_be_positive(team: Team, capital: str) -> None:
    release = builders.make_release(team)

    with refused("CAPITAL_NOT_POSITIVE"):
        builders.request(team, release, capital=Decimal(capital))

    assert not Promotion.objects.exists()


def test_a_reason_is_needed(team: Team) -> None:
    with refused("REASON_MISSING"):
        builders.request(team, reason="  ")

    assert not Promotion.objects.exists()


def test_a_stage_without_a_policy_promotes_nothing(team: Team) -> None:
    with refused("POLICY_MISSING"):
        builders.request(team, stage="shadow")

    assert not Promotion.objects.exists()


def test_an_account_of_another_environment_is_refused(team: Team) -> None:
    release = builders.make_release(team)

    with refused("ENVIRONMENT_MISMATCH"):
        builders.request(team, release, stage="full_production", environment="live")

    assert not Promotion.objects.exists()


def test_an_account_that_the_config_does_not_name_is_refused(team: Team) -> None:
    other = make_account(name="alpha-second", bucket=team.bucket)

    with refused("ACCOUNT_OUTSIDE_BLAST_RADIUS"):
        builders.request(team, account=other)

    assert not Promotion.objects.exists()


def test_an_account_of_another_desk_is_refused(team: Team) -> None:
    team.bot.accounts = ["beta-paper"]
    desk = access.make_desk(name="beta", **BY)
    bucket = access.make_bucket(desk=desk, name="beta-bucket", **BY)
    account = make_account(name="beta-paper", bucket=bucket)

    with refused("ACCOUNT_OTHER_BUCKET"):
        builders.request(team, account=account)

    assert not Promotion.objects.exists()


def _live(team: Team) -> dict[str, Any]:
    """An account of real money, as one at a live venue would be recorded."""
    account = make_account(name="alpha-live", bucket=team.bucket)
    account.environment = account.mode = "live"
    with acting(**BY):
        account.save()
    team.bot.accounts = [account.name]
    builders.set_policy(stage="micro", environment="live")
    return {"account": account, "stage": "micro", "environment": "live"}


def attested(team: Team) -> CodeVersion:
    """A build of a CI that the desk trusts."""
    path = builders.write_artifact(team.bot)
    return builders.push_code(team, path, provenance=trust_ci(team.desk).envelope(path))


def test_a_build_without_provenance_never_goes_live(team: Team) -> None:
    target = _live(team)

    with refused("LIVE_NEEDS_PROVENANCE"):
        builders.request(team, **target)

    assert not Promotion.objects.exists()


def test_live_needs_a_kill_drill_that_has_passed(team: Team) -> None:
    target = _live(team)
    release = builders.make_release(team, code_version=attested(team))

    with refused("DRILL_MISSING"):
        builders.request(team, release, **target)

    assert not Promotion.objects.exists()


def test_an_overdue_kill_drill_lets_nothing_be_asked_for(team: Team) -> None:
    release = builders.make_release(team)
    drill = risk.schedule_drill(scope=team.bucket.scope, **BY)
    with acting(**BY):
        KillDrill.objects.filter(pk=drill.pk).update(blocks_from=wall_now())

    with refused("DRILL_OVERDUE"):
        builders.request(team, release)

    assert not Promotion.objects.exists()


def test_a_build_with_provenance_may_ask_for_live(team: Team) -> None:
    target = _live(team)
    drill = risk.begin_drill(drill=risk.schedule_drill(scope=team.bucket.scope, **BY))
    risk.end_drill(drill=drill, state="passed", message="", figures={})
    release = builders.make_release(team, code_version=attested(team))

    assert builders.request(team, release, **target).state == "gating"


def test_a_second_open_promotion_of_the_bot_and_account_is_refused(team: Team) -> None:
    first = builders.request(team)

    with refused("PROMOTION_OPEN"):
        builders.request(team, first.release)

    assert Promotion.objects.count() == 1


def test_after_the_first_has_ended_another_may_be_asked_for(team: Team) -> None:
    first = builders.request(team)
    promotions.withdraw(promotion=first, actor=team.engineer, reason="not yet")

    second = builders.request(team, first.release)

    assert (second.number, second.state) == (first.number + 1, "gating")


def test_of_two_that_ask_at_once_one_is_refused(committed_team: Team) -> None:
    release = builders.make_release(committed_team)

    outcomes = race(*[lambda: builders.request(committed_team, release)] * 2)

    assert codes(outcomes) == ["PROMOTION_OPEN"]
    assert Promotion.objects.count() == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"gates": []},
        {"gates": ["backtest", "backtest"]},
        {"gates": ["moon_phase"]},
        {"slots": []},
        {"slots": ["view_scope"]},
    ],
)
def test_a_policy_that_nobody_could_meet_or_everybody_could_is_refused(
    team: Team, overrides: dict[str, list[str]]
) -> None:
    with refused("POLICY_INVALID"):
        builders.set_policy(**overrides)

    assert Policy.objects.count() == 1


def test_a_promotion_keeps_the_policy_it_was_asked_under(team: Team) -> None:
    promotion = builders.request(team)

    builders.set_policy(gates=["config_lint"], slots=["vote_trader"])
    builders.run_gates()

    assert builders.fresh(promotion).consent.slots == builders.SLOTS
    assert Policy.objects.count() == 2
