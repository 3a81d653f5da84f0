"""What gates are measured against: versioned, checked, and never changed under what was voted on."""

from typing import Any

import jsonschema
import pytest

from apps.promotions import selectors as promotions
from apps.releases import selectors, services
from apps.releases.kinds import KINDS
from apps.releases.models import GateDefinition, Release
from apps.releases.states import GateKind, GateState
from tests import builders
from tests.builders import BY, Team, fresh, refused
from tests.releases import gates

LINT: dict[str, Any] = {
    "kind": "config_lint",
    "thresholds": {"problems_max": 0},
    "valid_for_h": 1,
    "reporter": "worker",
}


@pytest.fixture
def release(team: Team) -> Release:
    """A release of the team."""
    return builders.make_release(team)


@pytest.mark.parametrize("kind", GateKind.values)
def test_every_kind_has_a_first_version_that_fits_its_schema(db: None, kind: str) -> None:
    found = selectors.definition_in_force(kind)

    jsonschema.Draft202012Validator(KINDS[GateKind(kind)].thresholds).validate(found.thresholds)
    assert found.version == 1
    assert found.reporter in KINDS[GateKind(kind)].reporters


def test_versions_count_up_and_the_newest_is_in_force(team: Team) -> None:
    made = services.set_definition(**(LINT | BY))

    assert made.version == 2
    assert selectors.definition_in_force("config_lint") == made


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "horoscope"}, "GATE_KIND_UNKNOWN"),
        ({"thresholds": {"problems_max": "many"}}, "GATE_THRESHOLDS"),
        ({"thresholds": {}}, "GATE_THRESHOLDS"),
        ({"thresholds": None}, "GATE_THRESHOLDS"),
        ({"valid_for_h": 0}, "GATE_VALIDITY"),
        ({"valid_for_h": 24 * 91}, "GATE_VALIDITY"),
        ({"reporter": "ci"}, "GATE_REPORTER"),
        ({"reason": " "}, "REASON_MISSING"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(db: None, change: dict[str, Any], code: str) -> None:
    with refused(code):
        services.set_definition(**(LINT | BY | change))

    assert GateDefinition.objects.filter(kind="config_lint").count() == 1


def test_a_newer_definition_wears_a_pass_out_for_whoever_asks(release: Release) -> None:
    gates.judged(release, "config_lint", GateState.PASSED)
    newer = services.set_definition(**(LINT | BY))

    again = gates.asked(release, "config_lint")

    assert (again.state, again.definition) == ("pending", newer)


def test_a_newer_definition_leaves_what_was_voted_on(team: Team) -> None:
    promotion = builders.approved(team)
    before = promotions.bound(promotion)

    services.set_definition(**(LINT | BY))

    assert all(services.is_open(gate) for gate in promotions.evidence(promotion))
    assert promotions.bound(fresh(promotion)) == before


def test_a_gate_keeps_the_version_it_was_asked_under(release: Release) -> None:
    gate = gates.asked(release, "config_lint")
    services.set_definition(**(LINT | BY))

    again = gates.asked(release, "config_lint")

    assert again.definition == gate.definition
    assert again.definition.version == 1


def test_the_evidence_binds_thresholds_and_version(team: Team, release: Release) -> None:
    actor = gates.ci(team)
    one = gates.report(gates.asked(release, "unit"), actor).evidence_digest
    gates.redefine("unit", passed_min=100)

    other = gates.report(gates.asked(release, "unit"), actor)

    assert other.state == "passed"
    assert other.thresholds == {"failed_max": 0, "passed_min": 100}
    assert other.evidence_digest != one


def test_without_a_definition_nothing_is_judged(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "newest_definition", lambda kind: None)

    with refused("GATE_DEFINITION_MISSING"):
        gates.asked(release, "config_lint")
