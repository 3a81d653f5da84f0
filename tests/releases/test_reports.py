"""What CI and apps above report: checked by schema, judged here, by whoever may."""

from typing import Any

import pytest

from apps.audit.models import Record
from apps.releases import services, tasks
from apps.releases.models import Release
from apps.runtime import services as runtime
from tests import builders
from tests.builders import Team, fresh, refused
from tests.releases import gates

FLOOR = "job:rollouts"
REHEARSED = {"fenced_ms": 900, "reconciled_ms": 60_000, "breaks": 0}


@pytest.fixture
def release(team: Team) -> Release:
    """A release of the team."""
    return builders.make_release(team)


def test_a_green_report_passes_and_says_who_measured(team: Team, release: Release) -> None:
    actor = gates.ci(team)

    gate = gates.report(gates.asked(release, "unit"), actor, uri="https://ci.example/7")

    assert (gate.state, gate.figures) == ("passed", gates.GREEN)
    assert gate.report == {
        "by": f"service:{actor.pk}", "tool": "pytest 8", "uri": "https://ci.example/7", "sha256": gates.SHA,
    }  # fmt: skip
    assert services.is_open(gate)


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("unit", {"passed": 120, "failed": 1}),
        ("unit", {"passed": 0, "failed": 0}),
        ("integration", {"passed": 9, "failed": 1}),
        ("image_scan", {"criticals": 1, "highs": 0}),
        ("image_scan", {"criticals": 0, "highs": 1}),
    ],
)
def test_thresholds_are_judged_here_and_not_by_the_caller(
    team: Team, release: Release, kind: str, figures: dict[str, Any]
) -> None:
    gate = gates.report(gates.asked(release, kind), gates.ci(team), figures)

    assert gate.state == "failed"
    assert "What to do" in gate.message
    assert not services.is_open(gate)


@pytest.mark.parametrize(
    "figures",
    [{"passed": 1}, {"passed": "1", "failed": 0}, {"passed": 1, "failed": 0, "state": "passed"}, {"passed": 1.5}, []],
)
def test_figures_that_do_not_fit_are_refused_and_change_nothing(team: Team, release: Release, figures: Any) -> None:
    gate = gates.asked(release, "unit")

    with refused("GATE_FIGURES"):
        services.report_gate(gate=gate, actor=gates.ci(team), reason="x", figures=figures)

    assert fresh(gate).state == "pending"


def test_an_error_is_no_pass_whatever_figures_come_with_it(team: Team, release: Release) -> None:
    gate = gates.report(gates.asked(release, "unit"), gates.ci(team), error="the runner died")

    assert (gate.state, gate.figures, gate.message) == ("error", {}, "the runner died")
    assert not services.is_open(gate)


def test_a_person_reports_nothing(team: Team, release: Release) -> None:
    gate = gates.asked(release, "unit")

    with refused("REPORT_BY_PERSON"):
        gates.report(gate, team.engineer)

    assert fresh(gate).state == "pending"


def test_ci_does_not_report_what_a_worker_or_an_app_above_measures(team: Team, release: Release) -> None:
    actor = gates.ci(team)
    for kind, figures in (
        ("rollback_rehearsal", REHEARSED),
        ("dependency_scan", {"packages": 1, "vulnerabilities": 0}),
    ):
        gate = gates.asked(release, kind)

        with refused("GATE_OTHER_REPORTER"):
            gates.report(gate, actor, figures)

        assert fresh(gate).state == "pending"


def test_an_app_above_does_not_report_what_ci_measures(release: Release) -> None:
    gate = gates.asked(release, "unit")

    with refused("GATE_OTHER_REPORTER"):
        gates.report(gate, FLOOR)

    assert fresh(gate).state == "pending"


def test_a_newer_report_replaces_the_verdict(team: Team, release: Release) -> None:
    actor, gate = gates.ci(team), gates.asked(release, "unit")
    gates.report(gate, actor)

    later = gates.report(gate, actor, {"passed": 119, "failed": 1})

    assert (later.state, later.valid_until) == ("failed", None)
    assert Record.objects.filter(object_id=gate.pk, act__in=["gate.passed", "gate.failed"]).count() == 2


def test_a_rehearsal_is_judged_when_an_app_above_reports_it(release: Release) -> None:
    gate = gates.asked(release, "rollback_rehearsal")

    late = gates.report(gate, FLOOR, REHEARSED | {"fenced_ms": 5001})
    assert late.state == "failed"
    assert "fenced ms 5001 is more than the 5000 allowed" in late.message

    assert gates.report(gate, FLOOR, REHEARSED).state == "passed"


def test_the_worker_leaves_what_others_report(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "report_worker", lambda: None)
    rows = [gates.asked(release, kind) for kind in ("unit", "rollback_rehearsal", "paper_window")]

    tasks.run_due_gates()

    assert [(fresh(row).state, fresh(row).attempts) for row in rows] == [("pending", 0)] * 3
