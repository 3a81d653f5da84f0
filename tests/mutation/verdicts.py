"""What a pytest run on a mutant says: caught, survived, or broken, which proves nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

PASSED, FAILED, ERROR = "passed", "failed", "error"
CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "BROKEN"
# A mutant that does not even run removes nothing: such a failure is the mutation's, not the test's.
NO_CODE = ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` is what the first test said that noticed, or what is wrong."""

    outcome: str
    why: str


def outcomes(report: Path) -> dict[str, tuple[str, str]]:
    """Node id without parameters -> (passed, failed or error; the first message), from a JUnit report."""
    found: dict[str, tuple[str, str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        node = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').partition('[')[0]}"
        worst = _outcome(case)
        if node not in found or found[node][0] == PASSED:
            found[node] = worst
    return found


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    """A failure of the test itself outweighs an error of its fixtures."""
    for tag, outcome in (("failure", FAILED), ("error", ERROR), ("skipped", ERROR)):
        element = case.find(tag)
        if element is not None:
            return outcome, element.get("message", "").strip().partition("\n")[0]
    return PASSED, ""


def judge(tests: Iterable[str], exit_code: int, found: dict[str, tuple[str, str]]) -> Verdict:
    """Caught when every one of `tests` failed by itself."""
    if exit_code not in (0, 1):
        return Verdict(BROKEN, f"pytest ended with {exit_code}: no test decided")
    said = {test: found.get(test, (ERROR, "it did not run")) for test in tests}
    passed = [test for test, (outcome, _) in said.items() if outcome == PASSED]
    if passed:
        return Verdict(SURVIVED, f"{', '.join(passed)} passed")
    for test, (outcome, message) in said.items():
        if outcome != FAILED or message.startswith(NO_CODE):
            return Verdict(BROKEN, f"{test}: {message}")
    return Verdict(CAUGHT, next(iter(said.values()))[1])
