"""What stands against what was declared last: what differs, which way, and by whom, when and why."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.access.models import User
from apps.bots import services as bots
from apps.common.clocks import wall_now
from apps.promotions.declarations import selectors
from apps.promotions.declarations.rules.facts import written
from apps.promotions.declarations.selectors import Drift
from apps.risk import services as risk
from apps.risk.models import LimitRaise
from tests import builders
from tests.builders import BY, Team
from tests.promotions import declared as d


@pytest.fixture
def lead(team: Team) -> User:
    """Somebody who may build and set limits; what stands is declared."""
    found = d.arrange(team)
    d.apply(team, d.declared(team), found)
    return found


def drifted(team: Team) -> Drift:
    """The one thing that is not as declared."""
    [one] = selectors.drift(team.bot)
    return one


def test_a_bot_that_nobody_declared_has_no_drift(team: Team) -> None:
    assert selectors.newest(team.bot) is None
    assert selectors.drift(team.bot) == []


def test_what_was_applied_has_not_drifted(team: Team, lead: User) -> None:
    assert selectors.drift(team.bot) == []


def test_a_limit_lowered_by_hand_is_drift_with_who_and_why(team: Team, lead: User) -> None:
    risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(1), actor=team.risk_owner, reason="a bad night")

    found = drifted(team)

    assert (found.path, found.declared, found.actual, found.direction) == ("limits.position", "2", "1", "tightens")
    assert found.record is not None
    assert (found.record.actor, found.record.reason) == (f"user:{team.risk_owner.pk}", "a bad night")


def test_a_limit_raised_by_hand_is_drift_that_widens(team: Team, lead: User) -> None:
    d.set_first(team, "position", "5", lead)

    assert (drifted(team).actual, drifted(team).direction) == ("5", "widens")


def test_a_raise_that_waits_is_told_apart(team: Team, lead: User) -> None:
    d.apply(team, d.declared(team) | {"limits": {"position": "3"}}, lead)

    assert drifted(team).is_waiting


def test_parameters_pushed_by_hand_are_drift(team: Team, lead: User) -> None:
    code = team.bot.code_versions.get()
    builders.push_parameters(team, code, content={"n": 7})

    found = drifted(team)

    assert (found.path, found.declared, found.actual) == ("parameters.n", 1, 7)
    assert found.record is not None
    assert found.record.act == "parameters.pushed"


def test_owners_handed_over_by_hand_are_drift(team: Team, lead: User) -> None:
    bots.hand_over(bot=team.bot, owner=lead, fallback_owner=team.trader, **BY)

    found = {one.path: one.actual for one in selectors.drift(team.bot)}

    assert found == {"bot.owner": lead.username, "bot.fallback_owner": team.trader.username}


ENDS = st.one_of(st.none(), st.integers(1, 60).map(lambda days: written(wall_now() + timedelta(days=days))))
VALUES = st.sampled_from(["0", "0.5", "1", "2", "2.5", "3", "7"])
LIMITS = st.dictionaries(
    st.sampled_from(["order_quantity", "position", "drawdown"]), st.tuples(VALUES, ENDS), max_size=3
)
PARTS = st.fixed_dictionaries(
    {"limits": LIMITS, "n": st.integers(-3, 3), "bundle": VALUES, "named": st.booleans(), "grant": st.booleans()}
)


# Not shrunk: every step of that would take the whole path through the database again.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(parts=st.lists(PARTS, min_size=1, max_size=2))
def test_what_was_applied_plans_to_nothing_but_waiting(team: Team, lead: User, parts: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        for part in parts:
            raw = d.written(generated(team, part))
            kept = d.apply(team, raw, lead)
            assert {line.action.value for line in d.plan(team, raw).lines} <= {"waits_for_consent"}
            granted = LimitRaise.objects.filter(pk__in=kept.raises if part["grant"] else [])
            for asked in granted:
                d.grant(asked, team.risk_owner)
            # What an earlier declaration asked for, and this one wants too, still waits.
            left = {line.path: line.action.value for line in d.plan(team, raw).lines}
            assert set(left.values()) <= {"waits_for_consent"}
            assert not left.keys() & {f"limits.{asked.kind}" for asked in granted}
        transaction.set_rollback(True)


def generated(team: Team, part: dict[str, Any]) -> dict[str, Any]:
    """A declaration of what was drawn: only what is more than what stands for good may end."""
    wanted = d.declared(team) | {"parameters": {"n": part["n"]}}
    standing = selectors.limits_of(team.bot).values()
    ground = {row.kind: row.value if row.reverts_to is None else row.reverts_to for row in standing}
    wanted["limits"] = {
        kind: {"value": value} | ({"until": ends} if ends and Decimal(value) > ground.get(kind, -1) else {})
        for kind, (value, ends) in part["limits"].items()
    }
    bound = wanted["limits"].get("position", {"value": ground["position"]})["value"]
    wanted["config"]["limits"]["position"] = str(min(Decimal(part["bundle"]), Decimal(bound)))
    if not part["named"]:
        wanted.pop("code", None)
    return wanted
