"""A file has at most 300 lines and a function at most 50, in the product, its tests and the deployment."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("flight_assets", "dashboard", "deploy", "flight_assets_tests")
FILES = sorted(
    path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
)
MOST_LINES_OF_FILE = 300
MOST_LINES_OF_FUNCTION = 50


def problems(source: str) -> list[str]:
    """Return a line for the file, if it is too long, and for each function that is, decorators left out."""
    lines = len(source.splitlines())
    found = [f"the file has {lines} lines"] if lines > MOST_LINES_OF_FILE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_LINES_OF_FUNCTION:
                found.append(f"line {node.lineno}: {node.name} has {length} lines")
    return found


def test_files_and_functions_are_short() -> None:
    too_long = {path: found for path in FILES if (found := problems((ROOT / path).read_text()))}
    assert too_long == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f():\n" + "    a = 1\n" * 49, 0),
        ("def f():\n" + "    a = 1\n" * 50, 1),
        ("class C:\n    async def f(self):\n" + "        a = 1\n" * 50, 1),
        ("a = 1\n" * 300, 0),
        ("a = 1\n" * 301, 1),
    ],
)
def test_what_is_too_long_is_found(source: str, count: int) -> None:
    assert len(problems(source)) == count
