"""Remove safeguards one by one in a copy of the product and let the tests that must notice run."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutation import verdicts
from tests.mutation.safeguard import Safeguard
from tests.mutation.safeguards import SAFEGUARDS
from tests.mutation.verdicts import BROKEN, CAUGHT, PASSED, Verdict

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("apps", "controlplane", "sdk", "tests", "data", "examples", "templates", "static", "docs", "deploy")
FILES = ("manage.py", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", ".git", "vendor")
TEST_TIMEOUT_S, RUN_TIMEOUT_S = 90, 600
# Only what the tests need: a run is mostly imports.
PLUGINS = ("-p", "pytest_django.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider")
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "DJANGO_SETTINGS_MODULE": "controlplane.settings.test"}


@dataclass(frozen=True, slots=True)
class Run:
    """A pytest run: its exit code, what each test said, and the end of its output."""

    exit_code: int
    found: dict[str, tuple[str, str]]
    output: str


class Copy:
    """A copy of the product in which one safeguard at a time is removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)
        if (ROOT / ".venv").exists():
            (folder / ".venv").symlink_to(ROOT / ".venv")

    def pytest(self, tests: Iterable[str]) -> Run:
        """Run these tests here, against the servers of this process' environment."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        options = ["-q", "--tb=short", "-o", f"timeout={TEST_TIMEOUT_S}", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *PLUGINS, *options, *tests]
        exit_code, output = _run(command, self.folder)
        return Run(exit_code, verdicts.outcomes(report) if report.exists() else {}, output)

    def without(self, safeguard: Safeguard) -> Run:
        """Run the safeguard's tests with the safeguard removed, then put it back."""
        path = self.folder / safeguard.file
        source = path.read_text()
        try:
            _write(path, safeguard.removed(source))
            return self.pytest(safeguard.tests)
        finally:
            _write(path, source)


def _write(path: Path, source: str) -> None:
    """Write a module and forget its byte code, which may be of the same second and size."""
    path.write_text(source)
    for known in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        known.unlink()


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | QUICK,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -1, f"{output}\nno end after {RUN_TIMEOUT_S} s"
    return process.returncode, output


def main() -> int:
    """Mutate what is asked for; 0 when every removal is caught, 1 when not, 2 for an unknown name."""
    asked = _arguments()
    chosen = [one for one in SAFEGUARDS if not asked.names or one.name in asked.names]
    unknown = set(asked.names) - {one.name for one in chosen}
    if unknown:
        print(f"no safeguard is named {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    os.environ.setdefault("QUARTERDECK_TEST_VAR", str(ROOT / "var" / "mutation"))
    from tests import servers  # starts them once, for every run

    try:
        with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
            return _report(chosen, _judge_all(chosen, [Copy(Path(folder) / str(n)) for n in range(asked.jobs)]))
    finally:
        servers.pytest_unconfigure()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these safeguards; all when none is named")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at once, each in a copy of its own")
    return parser.parse_args()


def _judge_all(chosen: Sequence[Safeguard], copies: Sequence[Copy]) -> dict[str, Verdict]:
    """The verdict on each. One that is out of date, or whose tests fail with the safeguard in place, is not tried."""
    baseline = copies[0].pytest(dict.fromkeys(test for one in chosen for test in one.tests))
    if not baseline.found:
        print(baseline.output[-4000:], file=sys.stderr)
    before = {one.name: _before(one, baseline, copies[0].folder) for one in chosen}
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge(safeguard: Safeguard) -> Verdict:
        started, verdict = time.monotonic(), before[safeguard.name]
        if verdict is None:
            copy = free.get()
            try:
                verdict = _judge(safeguard, copy)
            finally:
                free.put(copy)
        _say(safeguard, verdict, time.monotonic() - started)
        return verdict

    with ThreadPoolExecutor(len(copies)) as pool:
        return dict(zip((one.name for one in chosen), pool.map(judge, chosen), strict=True))


def _before(safeguard: Safeguard, baseline: Run, folder: Path) -> Verdict | None:
    try:
        safeguard.removed((folder / safeguard.file).read_text())
    except (OSError, ValueError) as error:
        return Verdict(BROKEN, f"out of date: {error}")
    for test in safeguard.tests:
        outcome, message = baseline.found.get(test, (verdicts.ERROR, "it did not run"))
        if outcome != PASSED:
            return Verdict(BROKEN, f"{test} fails with the safeguard in place: {message}")
    return None


def _judge(safeguard: Safeguard, copy: Copy) -> Verdict:
    run = copy.without(safeguard)
    verdict = verdicts.judge(safeguard.tests, run.exit_code, run.found)
    if verdict.outcome == BROKEN:
        print(run.output[-2000:], file=sys.stderr)
    return verdict


def _say(safeguard: Safeguard, verdict: Verdict, seconds: float) -> None:
    by = ", ".join(safeguard.tests) if verdict.outcome == CAUGHT else safeguard.rule
    print(f"{verdict.outcome:8} {safeguard.name:32} {seconds:5.1f} s  {by}  [{verdict.why[:160]}]", flush=True)


def _report(chosen: Sequence[Safeguard], found: dict[str, Verdict]) -> int:
    by_outcome = {
        outcome.lower(): [name for name, verdict in found.items() if verdict.outcome == outcome]
        for outcome in (CAUGHT, verdicts.SURVIVED, BROKEN)
    }
    counts = {outcome: len(names) for outcome, names in by_outcome.items()}
    print(
        json.dumps({"safeguards": len(chosen)} | counts | {"not_caught": by_outcome["survived"] + by_outcome["broken"]})
    )
    return 0 if counts["caught"] == len(chosen) else 1
