"""Every decision has its page in the agreed form, and its line in the index."""

from __future__ import annotations

import re

import pytest

from flight_assets_tests.docs.markdown import DOCS, ROOT, Page

DECISIONS = [Page(str(path.relative_to(ROOT))) for path in sorted((DOCS / "decisions").glob("[0-9]*.md"))]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.path.stem)
def test_a_decision_has_its_parts_in_order(page: Page) -> None:
    parts = re.findall(r"^## (.+)$", page.text, re.M)
    assert parts[:3] == ["Context", "Decision", "Consequences"]
    assert parts[3:] in ([], ["Figures"])


def test_numbers_follow_on_and_the_index_has_each_with_its_title() -> None:
    titles = {page.path.name: re.match(r"# (\d{3}): (.+)", page.text).groups() for page in DECISIONS}
    rows = re.findall(r"^\| (\d{3}) \| \[(.+)\]\((.+)\) \|$", Page("docs/decisions/README.md").text, re.M)
    assert {name: (number, title) for number, title, name in rows} == titles
    assert [number for number, _, _ in rows] == [f"{number:03}" for number in range(1, len(DECISIONS) + 1)]
