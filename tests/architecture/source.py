"""The product's Python files, read without importing them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("apps", "controlplane", "sdk/src", "scripts", "benchmarks", "examples", "deploy")


def modules(root: Path, *folders: str) -> Iterator[Path]:
    """Every Python file below `folders` of `root`, migrations left out."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports from `apps`, as deep as the statement names them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("apps."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "apps":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
