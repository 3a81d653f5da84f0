"""Which tests share a worker."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.scheduling import TOGETHER, scope_of

ROOT = Path(__file__).resolve().parent.parent.parent
MANY = """
import pytest

@pytest.mark.parametrize("number", range(12))
def test_one_of_many(number):
    pass
"""


def test_the_tests_of_a_product_share_a_worker_and_others_do_not() -> None:
    found = {scope_of(f"tests/e2e/{name}.py::test_x[1]") for name in ("test_crash", "test_every_page")}

    assert found == {"tests/e2e/"}
    assert scope_of("tests/risk/test_check.py::test_x[1]") == "tests/risk/test_check.py::test_x[1]"


def test_what_shares_a_worker_exists() -> None:
    assert all((ROOT / place).exists() for place in TOGETHER)


def test_two_workers_keep_what_belongs_together_on_one(tmp_path: Path) -> None:
    for place in ("e2e", "other"):
        folder = tmp_path / "tests" / place
        folder.mkdir(parents=True)
        (folder / f"test_{place}.py").write_text(MANY, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n", "2", "-v", "-p", "tests.scheduling", "-p", "no:django"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_XDIST")}

    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    workers = {place: set(re.findall(rf"\[(gw\d)\].* tests/{place}/", ran.stdout)) for place in ("e2e", "other")}
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(workers["e2e"]) == 1
    assert workers["e2e"] | workers["other"] == {"gw0", "gw1"}
