"""`make prove` asks for what the goals name, of tests that are there and read what it sets."""

import json
import re
import subprocess
import sys

import pytest

from controlplane.supervisor.installation import ROOT
from tests import prove

PLACES = [pytest.param(proof, id=proof.name) for proof in prove.PROOFS]
HELD, BROKEN = "raise SystemExit(0)", "raise SystemExit(1)"


def lines(text: str) -> list[dict[str, object]]:
    """The JSON of each line."""
    return [json.loads(line) for line in text.splitlines()]


def standing_in(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """The tests of every proof are this script."""
    monkeypatch.setattr(prove.Proof, "command", lambda _: [sys.executable, "-c", script])


@pytest.mark.parametrize("proof", PLACES)
def test_a_proof_names_tests_that_read_every_knob_that_it_turns(proof: prove.Proof) -> None:
    text = (ROOT / proof.tests[0]).read_text()

    assert re.findall(r"^def test_", text, re.MULTILINE)
    knobs = {name for name in proof.environment(7) if not name.endswith("_SEED")}
    assert knobs == set(proof.knobs)
    assert [name for name in knobs if f'os.environ.get("{name}"' not in text] == []


@pytest.mark.parametrize("proof", PLACES)
def test_a_seeded_proof_reads_its_seed(proof: prove.Proof) -> None:
    text = (ROOT / proof.tests[0]).read_text()

    assert bool(re.search(r'os\.environ\.get\("\w+_SEED"', text)) == proof.is_seeded
    assert proof.environment(7) == proof.environment(8) or proof.is_seeded


def test_the_sizes_are_those_of_the_goals() -> None:
    asked = {proof.name: proof for proof in prove.PROOFS}

    assert asked["oracle"].knobs == {"RISK_ORDERS": 100_000}
    assert asked["last-unit"].knobs == {"LAST_UNIT_CLIENTS": 64, "LAST_UNIT_ROUNDS": 1_000}
    assert "MESSAGES = 10_000\n" in (ROOT / asked["signals"].tests[0]).read_text()


def test_every_proof_has_a_line_and_the_long_ones_name_their_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, HELD)

    assert prove.main(["--seed", "7"]) == 0

    told = lines(capsys.readouterr().out)
    assert [line["name"] for line in told] == [proof.name for proof in prove.PROOFS] + ["simulate", "crash", "latch"]
    assert (told[0]["n"], told[0]["seed"], told[0]["held"]) == ({"orders": 100_000}, 7, True)
    assert [line["run"] for line in told if "run" in line] == [command for _, _, command in prove.ELSEWHERE]


def test_a_proof_that_fails_fails_the_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, BROKEN)

    assert prove.main(["one-key"]) == 1

    assert [line["held"] for line in lines(capsys.readouterr().out)] == [False]


def test_the_knobs_reach_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = "os.environ['LAST_UNIT_ROUNDS'] == '1000' and os.environ['LAST_UNIT_CLIENTS'] == '64'"
    standing_in(monkeypatch, f"import os; raise SystemExit(0 if {wanted} else 1)")

    assert prove.main(["last-unit"]) == 0


def test_a_proof_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SystemExit):
        prove.main(["no-such-proof"])


def test_make_runs_it() -> None:
    asked = [
        "make",
        "--no-print-directory",
        "-n",
        "-o",
        ".venv/bin/.dev-installed",
        "-o",
        "static/vendor/.stamp",
        "prove",
        "ONLY=oracle",
        "SEED=7",
    ]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert shown.split()[-5:] == ["-m", "tests.prove", "oracle", "--seed", "7"]
