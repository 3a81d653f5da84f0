"""The import contracts of pyproject.toml hold, and each of them can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

# contract -> (file, a line that breaks it)
PLANTED = {
    "An app imports only the rows below it": ("apps/bots/models.py", "import apps.promotions.states"),
    "Apps do not know the process that serves them": ("sdk/src/quarterdeck/bars.py", "import apps.common.ids"),
    "Inside an app: edges above services": ("apps/alerts/models.py", "import apps.alerts.selectors"),
    "Pure decisions import neither Django nor Celery": ("apps/risk/rules/__init__.py", "import django.conf"),
    "Services wake tasks by name": ("apps/rollouts/services.py", "import apps.markets.tasks"),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    env = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'sdk' / 'src'}"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says about a copy of the code with one violation of every contract."""
    copy = tmp_path_factory.mktemp("planted")
    for folder in ("apps", "controlplane", "sdk/src"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, line in PLANTED.values():
        with (copy / name).open("a") as file:
            file.write(f"\n{line}\n")
    result = _lint(copy)
    assert result.returncode == 1
    return result.stdout


def test_every_import_contract_holds() -> None:
    result = _lint(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(planted: str, contract: str) -> None:
    lines = [line for line in planted.splitlines() if line.startswith(contract)]

    assert lines
    assert lines[0].rstrip().endswith("BROKEN")


def test_every_contract_has_a_planted_violation(planted: str) -> None:
    assert "Contracts: 0 kept" in planted
