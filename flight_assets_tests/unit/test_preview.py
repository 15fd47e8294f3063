"""Content of messages is text in a preview, whatever it would mean as Markdown or HTML."""

from __future__ import annotations

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from flight_assets.assets.preview import markdown
from flight_assets_tests.fuzz.events import ODD_TEXTS

HOSTILE = (
    *ODD_TEXTS, "[x](javascript:alert(1))", "![x](http://example.org/t.png)",
    "<img src=x onerror=alert(1)>", "a|b", "`|`", "``` |",
    "a\nb | c", "# title", "**bold**", "http://example.org", "www.example.org", "&lt;b&gt;", "\\", "\\|",
    "\\`",
)  # fmt: skip


def cells_of(value: object) -> tuple[list[str], set[str]]:
    """The cells of the row of a preview, and the kinds of tokens in them."""
    rows = pd.DataFrame([{"number": 7, "text": value, "after": "UA1545-EWR-20130612"}])
    inline = [
        token
        for token in MarkdownIt("commonmark").enable("table").parse(markdown(rows).md_str)
        if token.type == "inline"
    ]
    kinds = {child.type for token in inline for child in token.children or ()}
    return ["".join(child.content for child in token.children or ()) for token in inline[3:]], kinds


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_text_is_one_cell_of_plain_text_or_code(text: str) -> None:
    (number, shown, after), kinds = cells_of(text)
    assert (number, after) == ("7", "UA1545-EWR-20130612")
    assert kinds <= {"text", "code_inline"}
    assert shown.isprintable()
    if text.isprintable() and "\\" not in text:
        assert shown.strip() == text.strip()


def test_ordinary_values_stay_as_they_are() -> None:
    rows = pd.DataFrame(
        [
            {
                "at": pd.Timestamp("2013-06-12 14:00", tz="UTC"),
                "delay": 4.5,
                "id": "UA1-EWR-20130612",
                "none": None,
            }
        ]
    )
    text = markdown(rows).md_str
    assert all(each in text for each in ("2013-06-12 14:00:00+00:00", "4.5", "UA1-EWR-20130612"))
    assert "`" not in text
