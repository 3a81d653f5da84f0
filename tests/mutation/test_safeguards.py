"""The list of safeguards stays true: each text is there, each test is there, no removal is a syntax error."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.mutation.run import ROOT
from tests.mutation.safeguard import Safeguard
from tests.mutation.safeguards import SAFEGUARDS

SAFEGUARDS_MIN = 90


@cache
def names_in(path: Path) -> frozenset[str]:
    """Names of the test functions of a file."""
    found = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len({safeguard.name for safeguard in SAFEGUARDS}) == len(SAFEGUARDS) >= SAFEGUARDS_MIN


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda safeguard: safeguard.name)
def test_it_stands_once_in_the_product_and_can_be_removed(safeguard: Safeguard) -> None:
    source = (ROOT / safeguard.file).read_text()

    removed = safeguard.removed(source)

    assert safeguard.file.startswith(("apps/", "sdk/src/"))
    assert ast.dump(ast.parse(removed)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda safeguard: safeguard.name)
def test_the_tests_that_must_notice_are_there(safeguard: Safeguard) -> None:
    assert safeguard.tests
    for test in safeguard.tests:
        file, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in names_in(ROOT / file)


def test_a_text_that_is_not_there_once_is_said() -> None:
    planted = Safeguard("planted", "A rule.", "apps/there.py", "if True:", "if False:", ())

    for source, count in (("", 0), ("if True:\n" * 2, 2)):
        with pytest.raises(ValueError, match=f"planted: its text is {count} times in apps/there.py"):
            planted.removed(source)
