"""Every page: links lead somewhere, sizes and sentences are bounded, words are the agreed ones, no machine is
named.
"""

from __future__ import annotations

import re

import pytest

from flight_assets_tests.docs.markdown import DOCS, ROOT, Page, pages, slug, words

PAGES = pages()
WRITTEN = [page for page in PAGES if not page.is_generated]
README_BYTES = 8_192
PAGE_BYTES = 15_000
WORDS_PER_SENTENCE = 25
# One word per thing: those on the left are not used for the thing on the right.
OTHER_WORDS = {
    r"\balarms?\b": "alert",
    r"\bthe house\b": "warehouse",
    r"\blanes?\b": "live processing",
    r"\bcontinuous processing\b": "live processing",
    r"\bused to be\b|\bsince then\b": "a page says what is, not what was",
}
# Paths of one machine and hosts of package registries. The brackets keep this line from being a match itself.
PLACES = r"/[w]ork/|/[t]mp/|/[r]oot/|py[p]i\.org|repo1\.[m]aven|/home/\w"


def by_name(page: Page) -> str:
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Page) -> None:
    missing = []
    for link in page.links:
        if re.match(r"https?://|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        if not path.exists() or (
            anchor and path.suffix == ".md" and anchor not in Page(str(path.relative_to(ROOT))).anchors
        ):
            missing.append(link)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_page_is_short_enough_to_be_read(page: Page) -> None:
    size = len(page.text.encode())
    assert size <= (README_BYTES if page.name == "README.md" else PAGE_BYTES)


@pytest.mark.parametrize("page", WRITTEN, ids=by_name)
def test_a_sentence_is_short_enough_to_be_read(page: Page) -> None:
    assert [sentence for sentence in page.sentences if words(sentence) > WORDS_PER_SENTENCE] == []


@pytest.mark.parametrize("page", WRITTEN, ids=by_name)
def test_a_page_uses_the_agreed_words(page: Page) -> None:
    found = {
        found[0]: better
        for word, better in OTHER_WORDS.items()
        if (found := re.search(word, page.without_code, re.I))
    }
    assert found == {}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_page_names_no_machine(page: Page) -> None:
    assert re.findall(PLACES, page.text) == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_page_begins_with_its_title_and_has_no_heading_twice(page: Page) -> None:
    headings = re.findall(r"^##? .+$", page.without_code, re.M)
    assert headings[0].startswith("# ")
    assert len(headings) == len(set(headings))


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[str] = set()
    ahead = ["README.md"]
    while ahead:
        page = Page(ahead.pop())
        seen.add(page.name)
        targets = {
            (page.path.parent / link.partition("#")[0]).resolve()
            for link in page.links
            if not link.startswith(("http", "#"))
        }
        ahead += [
            name
            for path in targets
            if path.suffix == ".md" and path.is_file() and (name := str(path.relative_to(ROOT))) not in seen
        ]
    assert {page.name for page in PAGES} - seen == set()


def test_every_picture_is_shown() -> None:
    shown = {
        (page.path.parent / link).resolve() for page in PAGES for link in page.links if link.endswith(".png")
    }
    assert set(DOCS.rglob("*.png")) - shown == set()


def test_long_sentences_and_wrong_anchors_are_seen() -> None:
    """The reader of pages finds what the tests above look for."""
    page = Page("made up.md")
    long, items = "word " * 30 + "end.", "- item one\n- item two"
    blocks = (
        "```console\n$ flights up   # all\n```\n\n1. Then\n\n   ```\n   flights down\n   other words\n  "
        " ```\n"
    )
    page.__dict__["text"] = f"# A, b `c`\n\nOne two. {long}\n\n{items}\n\nOf `a`, `b`, `c`.\n\n{blocks}"
    assert [words(sentence) for sentence in page.sentences] == [2, 31, 2, 2, 2, 1]
    assert page.anchors == {"a-b-c"}
    assert page.typed == ["flights up", "flights down"]
    assert slug("Sign-in & roles") == "sign-in--roles"
