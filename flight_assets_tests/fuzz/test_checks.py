"""A short part of `make fuzz-checks`, which takes millions of messages."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from flight_assets.contracts.message import CHECKED_REASONS
from flight_assets.transforms import fields
from flight_assets_tests.fuzz import checks
from flight_assets_tests.fuzz.content import KINDS, values

MESSAGES = 5_000


def test_every_message_has_one_right_verdict() -> None:
    found = checks.play(seed=7, count=MESSAGES)
    assert found.failures == []
    assert found.messages == MESSAGES
    assert set(found.kinds) == set(KINDS)
    assert set(found.verdicts) == {"valid", *(reason.value for reason in CHECKED_REASONS)}
    assert found.read_fast > MESSAGES / 3


def test_an_error_in_the_checks_is_reported_with_its_seed_and_message(monkeypatch) -> None:
    def fails(_text: str) -> None:
        raise OverflowError("no such time")

    monkeypatch.setattr(fields, "moment", fails)
    found = checks.play(seed=7, count=checks.BATCH)
    assert found.failures
    assert all(line.startswith("seed 7 message ") for line in found.failures)
    assert "raises OverflowError: no such time" in found.failures[0]


def test_a_seed_gives_the_same_messages_and_another_seed_others() -> None:
    once, again, other = (list(islice(values(seed), 300)) for seed in (3, 3, 4))
    assert once == again
    assert once != other
    assert Counter(kind for kind, _, _ in once)["plain"] > 60
