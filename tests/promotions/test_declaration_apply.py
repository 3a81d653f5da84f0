"""Applying declarations: what the plan said, all of it or nothing, once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.audit.models import Record
from apps.bots.models import ConfigBundle, ParameterSet
from apps.common.clocks import wall_now
from apps.promotions.declarations import selectors
from apps.promotions.declarations.export import export
from apps.promotions.declarations.rules.facts import written
from apps.promotions.models import Declaration, Promotion
from apps.releases.models import Release
from apps.risk import services as risk
from apps.risk.models import Limit, LimitRaise
from tests.builders import BY, Team, refused
from tests.promotions import declared as d
from tests.races import codes, race


@pytest.fixture
def lead(team: Team) -> User:
    """Somebody who may build and set limits, on a bot with a release and limits."""
    return d.arrange(team)


def counts() -> tuple[int, ...]:
    """How many of everything that applying makes there are."""
    models = (Declaration, ConfigBundle, ParameterSet, Release, LimitRaise, Promotion)
    return tuple(model._default_manager.count() for model in models)


def in_force(team: Team, kind: str) -> Decimal:
    """The value of the bot's own limit."""
    return risk.in_force(Limit.objects.get(scope=team.bot.scope, kind=kind))


def test_what_is_exported_plans_to_nothing(team: Team, lead: User) -> None:
    ends = wall_now() + timedelta(days=3)
    d.set_first(team, "drawdown", "10", lead)
    d.set_first(team, "drawdown", "20.5", lead, expires_at=ends)

    text = export(team.bot)

    assert d.plan(team, text.encode()).lines == ()
    assert written(ends) in text


def test_applying_the_export_keeps_a_first_declaration_and_changes_nothing(team: Team, lead: User) -> None:
    before = counts()

    kept = d.apply(team, d.declared(team), lead)

    assert counts() == (1, *before[1:])
    assert (kept.number, kept.lines, kept.release.number) == (1, [], 1)
    assert Record.objects.get(act="declaration.applied").reason == "as reviewed"


def test_new_content_becomes_new_versions_and_a_release_that_nobody_promoted(team: Team, lead: User) -> None:
    wanted = d.declared(team)
    wanted["parameters"] = {"n": 2}
    wanted["config"]["limits"]["position"] = "1.5"

    kept = d.apply(team, wanted, lead)

    assert (kept.config_bundle.number, kept.parameter_set.number, kept.release.number) == (2, 2, 2)
    assert kept.config_bundle.content["limits"]["position"] == "1.5"
    assert not Promotion.objects.exists()


def test_content_that_was_there_before_is_declared_again(team: Team, lead: User) -> None:
    first = d.declared(team)
    d.apply(team, first | {"parameters": {"n": 2}}, lead)

    kept = d.apply(team, first, lead)

    assert (kept.parameter_set.number, kept.release.number) == (1, 1)
    assert d.plan(team, first).lines == ()
    assert selectors.drift(team.bot) == []


def test_a_lower_limit_counts_at_once(team: Team, lead: User) -> None:
    d.apply(team, d.declared(team) | {"limits": {"position": "0.5"}}, lead)

    assert in_force(team, "position") == Decimal("0.5")
    assert not LimitRaise.objects.filter(applied_at=None).exists()


def test_a_higher_limit_is_asked_for_and_counts_when_another_person_grants_it(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"limits": {"position": "3"}}

    kept = d.apply(team, wanted, lead)

    asked = LimitRaise.objects.get(pk=kept.raises[0])
    assert in_force(team, "position") == 2
    assert d.actions(d.plan(team, wanted)) == {"limits.position": "waits_for_consent"}
    d.grant(asked, team.risk_owner)
    assert in_force(team, "position") == 3
    assert d.plan(team, wanted).lines == ()


def test_who_declared_a_raise_cannot_grant_it(team: Team, lead: User) -> None:
    kept = d.apply(team, d.declared(team) | {"limits": {"position": "3"}}, lead)

    with refused("VOTE_EXCLUDED"):
        d.grant(LimitRaise.objects.get(pk=kept.raises[0]), lead)

    assert in_force(team, "position") == 2


def test_a_raise_ends_when_it_was_declared_to(team: Team, lead: User, wall) -> None:
    ends = written(wall_now() + timedelta(days=2))
    wanted = d.declared(team) | {"limits": {"position": {"value": "3", "until": ends}}}
    kept = d.apply(team, wanted, lead)
    d.grant(LimitRaise.objects.get(pk=kept.raises[0]), team.risk_owner)
    assert d.plan(team, wanted).lines == ()

    wall.ahead = timedelta(days=3)

    assert in_force(team, "position") == 2
    assert [(found.path, found.actual) for found in selectors.drift(team.bot)] == [("limits.position", "2")]


def test_the_same_again_asks_for_nothing_twice(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"limits": {"position": "3"}, "parameters": {"n": 2}}
    first = d.apply(team, wanted, lead)
    before = counts()

    assert d.apply(team, wanted, lead) == first
    assert d.apply(team, wanted, lead, digest=first.plan_digest) == first
    assert counts() == before


def test_a_plan_is_stale_once_the_state_has_changed(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"parameters": {"n": 2}}
    seen = d.plan(team, wanted)
    risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(1), **BY)
    before = counts()

    with refused("PLAN_STALE"):
        d.apply(team, wanted, lead, digest=seen.digest)

    assert counts() == before


def test_a_plan_is_of_one_text_only(team: Team, lead: User) -> None:
    seen = d.plan(team, d.declared(team) | {"parameters": {"n": 2}})

    with refused("PLAN_STALE"):
        d.apply(team, d.declared(team) | {"parameters": {"n": 3}}, lead, digest=seen.digest)

    assert not Declaration.objects.exists()


def test_who_may_not_set_limits_applies_none_of_a_plan_with_limits(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"limits": {"position": "1"}, "parameters": {"n": 2}}
    before = counts()

    with pytest.raises(Exception, match="nothing was applied") as caught:
        d.apply(team, wanted, team.engineer)

    assert caught.value.code == "PERMISSION_DENIED"
    assert [failure["path"] for failure in caught.value.context["failures"]] == ["limits.position"]
    assert counts() == before
    assert in_force(team, "position") == 2


def test_who_may_only_set_limits_applies_none_of_a_plan_with_versions(team: Team, lead: User) -> None:
    wanted = d.declared(team) | {"limits": {"position": "1"}, "parameters": {"n": 2}}
    before = counts()

    with refused("PERMISSION_DENIED"):
        d.apply(team, wanted, team.risk_owner)

    assert counts() == before
    assert in_force(team, "position") == 2


def machine(team: Team, *roles: str) -> User:
    """A service account with these roles on the team's desk."""
    user = access.make_service_account(username="ci", display_name="CI", **BY)
    for role in roles:
        access.grant_role(user=user, role=role, scope=team.desk.scope, **BY)
    return user


def test_a_service_account_applies_what_adds_no_risk(team: Team, lead: User) -> None:
    ci = machine(team, "ci", "risk owner")

    kept = d.apply(team, d.declared(team) | {"limits": {"position": "1"}, "parameters": {"n": 2}}, ci)

    assert kept.applied_by == ci
    assert in_force(team, "position") == 1


def test_a_service_account_asks_for_no_raise(team: Team, lead: User) -> None:
    ci = machine(team, "ci", "risk owner")
    before = counts()

    with refused("PERSON_NEEDED"):
        d.apply(team, d.declared(team) | {"limits": {"position": "3"}, "parameters": {"n": 2}}, ci)

    assert counts() == before


def test_the_blast_radius_is_not_declared_wider(team: Team, lead: User) -> None:
    wanted = d.declared(team)
    wanted["bot"]["symbols"].append("ETH-USD")
    before = counts()

    with refused("PLAN_REFUSED"):
        d.apply(team, wanted, lead)

    assert counts() == before


def test_owners_are_handed_over_by_who_may(team: Team, lead: User) -> None:
    wanted = d.declared(team)
    wanted["bot"] |= {"owner": lead.username}

    with refused("PERMISSION_DENIED"):
        d.apply(team, wanted, lead)
    assert not Declaration.objects.exists()
    d.apply(team, wanted, team.trader)

    team.bot.refresh_from_db()
    assert team.bot.owner == lead


def test_a_reason_is_needed(team: Team, lead: User) -> None:
    with refused("REASON_MISSING"):
        d.apply(team, d.declared(team), lead, reason=" ")

    assert not Declaration.objects.exists()


def test_of_two_declarations_at_once_one_is_stale(committed_team: Team) -> None:
    lead = d.arrange(committed_team)
    first, second = (d.written(d.declared(committed_team) | {"parameters": {"n": n}}) for n in (2, 3))
    digests = [d.plan(committed_team, raw).digest for raw in (first, second)]

    outcomes = race(
        lambda: d.apply(committed_team, first, lead, digest=digests[0]),
        lambda: d.apply(committed_team, second, lead, digest=digests[1]),
    )

    assert codes(outcomes) == ["PLAN_STALE"]
    assert Declaration.objects.count() == 1
    assert Release.objects.count() == 2
