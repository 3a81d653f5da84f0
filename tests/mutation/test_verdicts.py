"""A mutant is caught only by tests that ran and failed by themselves."""

from pathlib import Path

import pytest

from tests.mutation.verdicts import BROKEN, CAUGHT, SURVIVED, judge, outcomes

CASE = '<testcase classname="tests.one.test_it" name="{name}">{inside}</testcase>'
FAILURE = '<failure message="{message}">...</failure>'
ERROR = '<error message="failed on setup">...</error>'
TESTS = ("tests/one/test_it.py::test_a", "tests/one/test_it.py::test_b")


def verdict(folder: Path, exit_code: int, **cases: str) -> str:
    """The outcome for TESTS when the report holds these cases: name -> what is inside."""
    report = folder / "report.xml"
    inside = "".join(CASE.format(name=name, inside=text) for name, text in cases.items())
    report.write_text(f"<testsuites><testsuite>{inside}</testsuite></testsuites>")
    return judge(TESTS, exit_code, outcomes(report)).outcome


FAILED = FAILURE.format(message="assert 1 == 2")


def test_it_is_caught_when_every_test_fails(tmp_path: Path) -> None:
    assert verdict(tmp_path, 1, test_a=FAILED, test_b=FAILED) == CAUGHT


def test_it_survives_when_one_test_passes(tmp_path: Path) -> None:
    assert verdict(tmp_path, 1, test_a=FAILED, test_b="") == SURVIVED
    assert verdict(tmp_path, 0, test_a="", test_b="") == SURVIVED


@pytest.mark.parametrize("exit_code", [-9, 2, 3, 4, 5])
def test_a_run_in_which_no_test_decided_proves_nothing(tmp_path: Path, exit_code: int) -> None:
    assert verdict(tmp_path, exit_code, test_a=FAILED, test_b=FAILED) == BROKEN


def test_a_fixture_that_fails_proves_nothing(tmp_path: Path) -> None:
    assert verdict(tmp_path, 1, test_a=ERROR, test_b=FAILED) == BROKEN


def test_a_test_that_did_not_run_proves_nothing(tmp_path: Path) -> None:
    assert verdict(tmp_path, 1, test_a=FAILED) == BROKEN


@pytest.mark.parametrize("message", ["NameError: name 'x'", "ImportError: no x", "SyntaxError: invalid"])
def test_a_mutant_that_does_not_run_proves_nothing(tmp_path: Path, message: str) -> None:
    assert verdict(tmp_path, 1, test_a=FAILURE.format(message=message.replace("'", "")), test_b=FAILED) == BROKEN


def test_one_failing_case_of_a_test_with_parameters_is_enough(tmp_path: Path) -> None:
    cases = {"test_a[1]": "", "test_a[2]": FAILED, "test_a[3]": "", "test_b": FAILED}

    assert verdict(tmp_path, 1, **cases) == CAUGHT
