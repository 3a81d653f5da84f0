"""The Makefile's names stay put and explain themselves."""

import re
import subprocess

from controlplane.supervisor.installation import ROOT

PROMISED = {
    "help", "run", "stop", "test", "check", "bench", "simulate", "prove", "mutate", "seed", "assets", "lock", "clean"
}  # fmt: skip
TARGETS_MAX = 13


def test_promised_targets_exist_and_are_few() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].split())
    assert targets >= PROMISED
    assert len(targets) <= TARGETS_MAX


def test_help_explains_every_target() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = dict(re.findall(r"^make (\w+) +(\S.*)$", shown, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(explained) == set(phony[1].split())


def test_unfit_python_is_refused_with_what_to_do() -> None:
    refused = subprocess.run(
        ["make", "-s", "PYTHON=", "VENV=/nonexistent/venv", "/nonexistent/venv/bin/python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in refused.stdout


def test_ci_runs_the_checks_and_the_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "\nmake check\n" in script
    assert "\nmake test\n" in script
    assert "set -euo pipefail" in script
