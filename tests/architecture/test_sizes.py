"""Modules, functions and test files stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import PRODUCT, ROOT, modules

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
TEST_FILE_LINES_MAX = 400


def _long_files(root: Path, lines_max: int, *folders: str) -> list[str]:
    counts = ((path, len(path.read_text().splitlines())) for path in modules(root, *folders))
    return [f"{path.relative_to(root)}: {lines}" for path, lines in counts if lines > lines_max]


def _long_functions(root: Path, *folders: str) -> Iterator[str]:
    for path in modules(root, *folders):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{path.relative_to(root)} {node.name}: {lines}"


def test_no_module_is_long() -> None:
    assert _long_files(ROOT, MODULE_LINES_MAX, *PRODUCT) == []


def test_no_test_file_is_long() -> None:
    assert _long_files(ROOT, TEST_FILE_LINES_MAX, "tests") == []


def test_no_function_is_long() -> None:
    assert list(_long_functions(ROOT, *PRODUCT, "tests")) == []


def test_a_planted_long_function_is_found(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "long.py").write_text("def f():\n" + "    pass\n" * 70)

    assert list(_long_functions(tmp_path, "apps")) == ["apps/long.py f: 71"]
    assert _long_files(tmp_path, 70, "apps") == ["apps/long.py: 71"]
