"""Declarations of a team's bot: written, planned and applied."""

from decimal import Decimal
from typing import Any

import yaml

from apps.access import services as access
from apps.access.models import User
from apps.promotions.declarations import selectors, services
from apps.promotions.declarations.export import export
from apps.promotions.declarations.rules import Plan
from apps.promotions.models import Declaration
from apps.risk import services as risk
from apps.risk.models import LimitRaise
from tests import builders
from tests.builders import BY, Team

LEDGER = {"order_quantity": "1", "position": "2"}


def arrange(team: Team) -> User:
    """A release, two limits in the ledger, and somebody who may both build and set limits."""
    builders.make_release(team)
    lead = builders.make_user("lead", "engineer", team.desk.scope)
    access.grant_role(user=lead, role="risk owner", scope=team.desk.scope, **BY)
    for kind, value in LEDGER.items():
        set_first(team, kind, value, lead)
    return lead


def set_first(team: Team, kind: str, value: str, actor: User, **overrides: Any) -> None:
    """A limit that somebody asked for and the risk owner granted."""
    asked = risk.request_raise(
        scope=team.bot.scope, kind=kind, value=Decimal(value), actor=actor, reason="a first limit", **overrides
    )
    grant(asked, team.risk_owner)


def grant(asked: LimitRaise, by: User) -> None:
    """The raise is granted."""
    assert asked.consent is not None
    risk.vote_raise(limit_raise=asked, actor=by, approve=True, reason="sized", digest=asked.consent.digest)


def declared(team: Team) -> dict[str, Any]:
    """What stands, as a declaration to change."""
    found: dict[str, Any] = yaml.safe_load(export(team.bot))
    return found


def written(declaration: dict[str, Any]) -> bytes:
    """As a file."""
    return yaml.safe_dump(declaration, sort_keys=False).encode()


def plan(team: Team, declaration: dict[str, Any] | bytes) -> Plan:
    """Its plan against what is."""
    raw = declaration if isinstance(declaration, bytes) else written(declaration)
    return selectors.judge(team.bot, raw).plan


def apply(team: Team, declaration: dict[str, Any] | bytes, actor: User, **overrides: Any) -> Declaration:
    """Planned and applied."""
    raw = declaration if isinstance(declaration, bytes) else written(declaration)
    fields = {"digest": overrides.get("digest") or plan(team, raw).digest, "reason": "as reviewed"} | overrides
    return services.apply(bot=team.bot, raw=raw, actor=User.objects.get(pk=actor.pk), **fields)


def actions(found: Plan) -> dict[str, str]:
    """What each line of the plan does, in the plan's order."""
    return {line.path: line.action.value for line in found.lines}
