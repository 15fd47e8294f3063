"""Every promise is on the page of guarantees, with its failure cases and with tests that exist."""

from __future__ import annotations

import ast
import re

import pytest

from flight_assets_tests.docs.markdown import ROOT, Page

PAGE = Page("docs/guarantees.md")
SECTIONS = dict(re.findall(r"^## (P\d+)[^\n]*\n(.*?)(?=^## |\Z)", PAGE.text, re.M | re.S))
PROMISES = [f"P{number}" for number in range(1, 9)]


def functions(file_name: str) -> set[str]:
    """The tests in the files of this name, wherever they are."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "flight_assets_tests").rglob(file_name)]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_its_section() -> None:
    assert list(SECTIONS)[: len(PROMISES)] == PROMISES


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_names_tests_that_exist(promise: str) -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", SECTIONS[promise])
    assert len(named) >= 2
    missing = {f"{file}::{test}" for file, test in named if test not in functions(file)}
    assert missing == set()


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_says_what_happens_when_something_fails(promise: str) -> None:
    rows = re.findall(r"^\| (?!what happens|---)[^|]+ \| [^|]+ \| .*`test_", SECTIONS[promise], re.M)
    assert len(rows) >= 2
