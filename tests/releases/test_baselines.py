"""The frozen backtest against the accepted baseline: what is compared, with what, and who accepts it."""

from decimal import Decimal
from typing import Any

import pytest

from apps.audit.context import acting
from apps.releases import checks, rules, services
from apps.releases.checks import runs
from apps.releases.models import Baseline, Gate, Release
from apps.runtime.models import Backtest
from tests import builders
from tests.builders import BY, Team, refused
from tests.releases import gates
from tests.releases.test_checks import TRADES

BASE: dict[str, Any] = {
    "total_return": "0.20", "max_drawdown": "0.10", "sharpe": "1.5", "fill_count": 100, "costs": "50"
}  # fmt: skip
TOLERATED = {
    "return_drop_max": "0.05",
    "drawdown_rise_max": "0.05",
    "sharpe_drop_max": "0.5",
    "fills_change_percent_max": "30",
    "costs_rise_percent_max": "30",
}


@pytest.fixture
def release(team: Team) -> Release:
    """A release that trades, under floors that ten bars can hold."""
    gates.redefine("backtest", floors={"fill_count_min": 2, "max_drawdown_max": "0.6"})
    return _release(team, "1.0.0", TRADES)


def _release(team: Team, version: str, body: str) -> Release:
    path = builders.write_artifact(team.bot, version=version, body=body)
    return builders.make_release(team, code_version=builders.push_code(team, path))


def _ran(release: Release) -> Gate:
    """The backtest gate, run in the sandbox."""
    gates.asked(release, "backtest")
    with acting(**BY):
        Gate.objects.filter(release=release, kind="backtest").update(due_at=None)
    gate = Gate.objects.select_related("release", "definition").get(release=release, kind="backtest")
    return services.run_gate(gate)


def _accept(gate: Gate, team: Team) -> Baseline:
    return services.accept_baseline(gate=gate, actor=team.risk_owner, reason="as planned")


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        ({}, None),
        ({"total_return": "0.15", "max_drawdown": "0.15", "sharpe": "1.0", "fill_count": 130, "costs": "65"}, None),
        ({"total_return": "0.149"}, "return drop"),
        ({"max_drawdown": "0.151"}, "drawdown rise"),
        ({"sharpe": "0.99"}, "sharpe drop"),
        ({"sharpe": None}, "sharpe drop"),
        ({"fill_count": 131}, "fills change percent"),
        ({"fill_count": 69}, "fills change percent"),
        ({"costs": "65.01"}, "costs rise percent"),
        ({"total_return": "9", "max_drawdown": "0", "sharpe": "9", "costs": "0"}, None),
    ],
)
def test_each_metric_has_its_tolerance(change: dict[str, Any], breach: str | None) -> None:
    problems = rules.problems(rules.regression(BASE, BASE | change), TOLERATED)

    assert [problem.rpartition(" is ")[0].rpartition(" ")[0] for problem in problems] == ([breach] if breach else [])


def test_costs_out_of_nothing_are_a_rise() -> None:
    assert Decimal(rules.regression(BASE | {"costs": "0"}, BASE)["costs_rise_percent"]) == 100


@pytest.mark.parametrize("value", [None, "many", True, 1.5, "NaN", "Infinity"])
def test_a_figure_that_is_missing_or_no_number_never_passes(value: Any) -> None:
    with pytest.raises(rules.FigureMissing):
        rules.problems({"failed": value}, {"failed_max": 0})


def test_the_first_run_is_judged_by_its_floors_and_says_so(release: Release) -> None:
    gate = _ran(release)

    assert gate.state == "passed"
    assert "no baseline is accepted yet" in gate.message
    assert set(gate.thresholds) == {"fill_count_min", "max_drawdown_max"}


def test_a_needed_baseline_that_is_not_there_fails(release: Release) -> None:
    gates.redefine("backtest", needs_baseline=True)

    gate = _ran(release)

    assert gate.state == "failed"
    assert "a baseline is needed" in gate.message


def test_a_run_like_the_baseline_is_compared_and_passes(team: Team, release: Release) -> None:
    accepted = _accept(_ran(release), team)

    gate = _ran(_release(team, "1.0.1", f"{TRADES}\n"))

    assert gate.state == "passed"
    assert gate.figures["return_drop"] == "0"
    assert gate.figures["baseline_hash"] == accepted.backtest.intents_hash
    assert "return_drop_max" in gate.thresholds


def test_a_run_worse_than_the_baseline_tolerates_fails(team: Team, release: Release) -> None:
    accepted = _accept(_ran(release), team)
    changed = _release(team, "1.1.0", TRADES.replace('Decimal("0.1")', 'Decimal("0.9")'))

    gate = _ran(changed)

    assert gate.state == "failed"
    assert "costs rise percent" in gate.message
    assert Baseline.objects.get() == accepted


def test_a_meant_change_goes_on_once_somebody_else_accepts_its_run(team: Team, release: Release) -> None:
    _accept(_ran(release), team)
    changed = _release(team, "1.1.0", TRADES.replace('Decimal("0.1")', 'Decimal("0.9")'))

    _accept(_ran(changed), team)

    assert _ran(changed).state == "passed"


def test_another_simulator_is_not_compared(team: Team, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    _accept(_ran(release), team)
    monkeypatch.setattr(runs, "simulator", lambda: "f" * 64)

    gate = _ran(_release(team, "1.0.1", f"{TRADES}\n"))

    assert "the simulator has changed" in gate.message
    assert "return_drop" not in gate.figures


def test_another_dataset_is_not_compared(team: Team, release: Release) -> None:
    gate = _ran(release)
    folder = builders.Path(builders.settings.DATASET_ROOT)
    other = builders.markets.freeze_dataset(
        name="other",
        file_name=builders.write_bars(folder, "other.csv", ["50000"] * 9),
        instrument=team.feed.instrument,
        interval_ms=builders.HOUR_MS,
        source="a test",
        **BY,
    )
    with acting(**BY):
        run = Backtest.objects.get(pk=gate.backtest_id)
        Baseline.objects.create(
            bot=team.bot, dataset=other, backtest=run, simulator=runs.simulator(), accepted_by=team.trader, reason="x"
        )

    assert "is on the dataset other, this run is on btc" in _ran(_release(team, "1.0.1", f"{TRADES}\n")).message


def test_whoever_built_it_does_not_accept_it(team: Team, release: Release) -> None:
    gate = _ran(release)

    with refused("BASELINE_BY_BUILDER"):
        services.accept_baseline(gate=gate, actor=team.engineer, reason="mine")

    assert not Baseline.objects.exists()


def test_a_run_below_the_floors_is_no_baseline(team: Team, release: Release) -> None:
    gates.redefine("backtest", floors={"fill_count_min": 10_000, "max_drawdown_max": "0.6"})

    with refused("BASELINE_BELOW_FLOORS"):
        _accept(_ran(release), team)

    assert not Baseline.objects.exists()


def test_a_run_of_an_older_simulator_is_no_baseline(team: Team, release: Release) -> None:
    gate = _ran(release)
    with acting(**BY):
        Gate.objects.filter(pk=gate.pk).update(figures=gate.figures | {"simulator_hash": "0" * 64})

    with refused("BASELINE_OLD_SIMULATOR"):
        _accept(gate, team)

    assert not Baseline.objects.exists()


def test_what_never_ran_is_no_baseline(team: Team, release: Release) -> None:
    with refused("BASELINE_NO_RUN"):
        _accept(gates.asked(release, "backtest"), team)


def test_judging_without_a_figure_is_an_error() -> None:
    found = checks.judge("unit", checks.Found({"passed": 1}, {"failed_max": 0}))

    assert found.state == "error"
    assert found.message.startswith("FIGURE_MISSING")
