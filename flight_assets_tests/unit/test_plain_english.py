"""Docstrings and comments in plain English: they begin with a verb or a noun.

No sentence of the product's docstrings is longer than 25 words.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("flight_assets", "dashboard")
    for path in (ROOT / folder).rglob("*.py")
)
EVERY_FILE = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("flight_assets", "dashboard", "flight_assets_tests", "deploy")
    for path in (ROOT / folder).rglob("*.py")
)
MOST_WORDS = 25
OPENING = re.compile(r"(?:What|Who|Which|Of|Whether|As of)\b")
# Code counts as one word; a paragraph, a list item, an entry of "Args:" and a full stop end a sentence.
CODE = re.compile(r"``.+?``|`.+?`", re.S)
BREAK = re.compile(r"\n\s*\n|\n\s*(?:[-*├└│] ?|\d+\. |\w+: |\w+ {2,})|(?<=[.!?])[)\"']?\s+(?=[^a-z\s])")


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Return line and text of each docstring of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def openings(source: str) -> Iterator[tuple[int, str]]:
    """Return line and text of each paragraph of a docstring, and of the first line of each comment."""
    for line, text in docstrings(source):
        yield from ((line, paragraph.strip()) for paragraph in re.split(r"\n\s*\n", text))
    before = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            has_its_line = not token.line[: token.start[1]].strip()
            if not (has_its_line and token.start[0] == before + 1):
                yield token.start[0], token.string.lstrip("#: ")
            before = token.start[0] if has_its_line else before


def long_sentences(text: str) -> list[str]:
    """Return the sentences with more than MOST_WORDS words."""
    sentences = BREAK.split(CODE.sub("code", text))
    return [
        " ".join(sentence.split())
        for sentence in sentences
        if len(re.findall(r"\w[\w'’-]*", sentence)) > MOST_WORDS
    ]


def problems(source: str) -> list[str]:
    """Return a line for each docstring that begins wrongly and each sentence that is too long."""
    return wrong_openings(source) + [
        f"line {line} has a sentence of more than {MOST_WORDS} words: {sentence}"
        for line, text in docstrings(source)
        for sentence in long_sentences(text)
    ]


def wrong_openings(source: str) -> list[str]:
    return [
        f"line {line} begins with {text.split()[0]}: {text.splitlines()[0]}"
        for line, text in openings(source)
        if OPENING.match(text)
    ]


def test_docstrings_and_comments_begin_with_a_verb_or_a_noun_everywhere():
    wrong = {path: wrong_openings((ROOT / path).read_text()) for path in EVERY_FILE}
    assert {path: lines for path, lines in wrong.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("# What is kept.", 1),
        ("x = 1  # Of many, one.", 1),
        ("# One thing, and\n# what follows.", 0),
        ("# One thing.\n# What follows.", 0),
        ('"""One.\n\nWhat follows.\n"""', 1),
    ],
)
def test_wrong_openings_are_found(source, count):
    assert len(wrong_openings(source)) == count


@pytest.mark.parametrize("path", FILES)
def test_docstrings_are_in_plain_english(path):
    assert problems((ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("What a sink must be told now.", 1),
        ("Whether it is so.", 1),
        ("As of when the answers are.", 1),
        ("Of a flight's states the newest.", 1),
        ("Whatever comes is kept.", 0),
        ("Return the alerts of a sink.", 0),
        ("One " + "word " * 24 + "end.", 1),
        ("One " + "word " * 23 + "end. One " + "word " * 23 + "end.", 0),
        ("Return:\n\n- " + "word " * 15 + "\n- " + "word " * 15, 0),
        ("One " + "``a b c d`` " * 23 + "end.", 0),
    ],
)
def test_breaches_are_found(text, count):
    assert len(problems(f'"""{text}"""')) == count
