"""Gates of the team's release in whatever state a test needs, and figures that pass."""

from typing import Any

from apps.access import services as access
from apps.access.models import User
from apps.common import claims
from apps.releases import checks, selectors, services
from apps.releases.models import Gate, GateWaiver, Release
from apps.releases.states import GateState
from tests.builders import BY, Team, verdicts

CI_ROLE = "ci"
GREEN: dict[str, Any] = {"passed": 120, "failed": 0}
SHA = "ab" * 32


def asked(release: Release, kind: str, **overrides: Any) -> Gate:
    """The gate of that kind, asked for."""
    return services.request_gates(release=release, kinds=[kind], **(BY | overrides))[0]


def judged(release: Release, kind: str, state: GateState, **figures: Any) -> Gate:
    """The gate, run to that verdict."""
    asked(release, kind)
    with verdicts(checks.Verdict(state, figures, {}, "said so")):
        return services.run_gate(claims.claim(Gate.objects.filter(kind=kind), lease_s=60)[0])


def ci(team: Team) -> User:
    """The desk's CI."""
    found = access.make_service_account(username="alpha-ci", display_name="CI", **BY)
    access.grant_role(user=found, role=CI_ROLE, scope=team.desk.scope, **BY)
    return found


def report(gate: Gate, actor: User | str, figures: dict[str, Any] | None = None, **overrides: Any) -> Gate:
    """What CI reports of the gate."""
    fields: dict[str, Any] = {"reason": "build 7", "tool": "pytest 8", "evidence_sha256": SHA}
    return services.report_gate(gate=gate, actor=actor, figures=figures or GREEN, **(fields | overrides))


def waiver(gate: Gate, actor: User, **overrides: Any) -> GateWaiver:
    """A waiver asked for."""
    return services.request_waiver(gate=gate, actor=actor, **({"hours": 24, "reason": "a flaky runner"} | overrides))


def agree(found: GateWaiver, actor: User, **overrides: Any) -> GateWaiver:
    """The second person's vote."""
    fields = {"approve": True, "reason": "I looked", "digest": found.consent.digest} | overrides
    return services.vote_waiver(waiver=found, actor=actor, **fields)


def redefine(kind: str, **thresholds: Any) -> None:
    """A new version of the kind, some thresholds changed."""
    now = selectors.definition_in_force(kind)
    services.set_definition(
        kind=kind,
        thresholds=now.thresholds | thresholds,
        valid_for_h=now.valid_for_h,
        reporter=now.reporter,
        **BY,
    )
