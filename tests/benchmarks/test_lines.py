"""The lines of the benchmarks: their form, and what is refused. No time is measured here."""

import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import NAMES, main
from benchmarks.lines import Line, Reference, ReferenceMissingError
from benchmarks.measuring import alternate, line
from controlplane.supervisor.installation import ROOT

FIELDS = ["name", "value", "unit", "reference", "ratio", "goal", "runs", "seed"]


def make_line(**overrides):
    values = {
        "name": "gateway",
        "value": 500.0,
        "unit": "orders/s",
        "reference": Reference("one INSERT", 2000.0),
        "goal": "ratio >= 0.2",
        "runs": 5,
        "seed": 7,
    }
    return Line(**values | overrides)


def test_a_line_is_one_json_object_with_the_promised_fields():
    text = make_line().as_json()

    assert "\n" not in text
    assert list(json.loads(text)) == FIELDS


def test_a_line_tells_figure_reference_and_their_ratio():
    told = json.loads(make_line().as_json())

    assert told["value"] == 500.0
    assert told["reference"] == {"name": "one INSERT", "value": 2000.0}
    assert told["ratio"] == 0.25


def test_figures_have_four_significant_digits():
    told = json.loads(make_line(value=1234.5678, reference=Reference("r", 0.00123456)).as_json())

    assert told["value"] == 1235.0
    assert told["reference"]["value"] == 0.001235


@pytest.mark.parametrize("reference", [None, Reference("r", 0.0), Reference("r", -1.0), Reference("r", float("nan"))])
def test_a_figure_without_a_reference_is_refused(reference):
    with pytest.raises(ReferenceMissingError, match="gateway"):
        make_line(reference=reference)


def test_a_benchmark_that_measured_no_reference_is_refused():
    with pytest.raises(ReferenceMissingError):
        line("gateway", "orders/s", [1.0, 2.0], "one INSERT", [], goal="ratio >= 0.2", seed=7)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        make_line(value=value)


def test_a_figure_of_no_run_is_refused():
    with pytest.raises(ValueError, match="not run"):
        make_line(runs=0)


def test_a_line_holds_the_medians_of_both_sides():
    made = line("x", "s", [9.0, 1.0, 2.0], "r", [4.0, 400.0, 5.0], goal="value <= 3", seed=7)

    assert (made.value, made.reference, made.runs) == (2.0, Reference("r", 5.0), 3)


def test_both_sides_take_turns_and_the_first_turn_is_not_counted():
    order = []

    def side(name):
        def turn():
            order.append(name)
            return len(order)

        return turn

    ours, theirs = alternate(side("ours"), side("theirs"), runs=3)

    assert "".join(name[0] for name in order) == "ot" + "ot" + "to" + "ot"
    assert (ours, theirs) == ([3, 6, 7], [4, 5, 8])


def test_an_unknown_benchmark_is_refused_with_the_names_there_are(capsys):
    assert main(["gateway", "teleport"]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(word in printed.err for word in ("teleport", *NAMES))


def test_peers_are_locked_with_hashes_and_name_no_registry():
    locked = (ROOT / "benchmarks" / "requirements.txt").read_text()

    assert "nautilus-trader==1.221.0" in locked
    assert locked.count("==") <= locked.count("--hash=sha256:")
    assert "://" not in locked


def test_peers_are_no_part_of_the_product():
    assert "nautilus" not in (ROOT / "requirements.txt").read_text()


def test_the_load_generator_needs_no_django():
    code = "import sys, benchmarks.clients; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
