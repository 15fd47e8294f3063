"""Whatever comes: every message gets one verdict, nothing raises, and its bytes are kept."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flight_assets.contracts.message import CHECKED_REASONS, MESSAGE_FIELDS
from flight_assets.producer.corrupt import with_bad_messages
from flight_assets.producer.replay import replay_messages
from flight_assets.transforms import messages
from flight_assets_tests.factories import checked, encode, message

MESSAGES = 2_000
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([field.name for field in MESSAGE_FIELDS]) | st.text(max_size=5)
EVENTS = st.builds(
    message,
    event_type=st.sampled_from(["scheduled", "departed", "arrived", "cancelled"]),
    event_id=st.text(max_size=8),
)
CHANGED = st.builds(
    lambda event, changes: encode(event | changes), EVENTS, st.dictionaries(NAMES, VALUES, max_size=3)
)
BOUNDED = st.sampled_from(
    [field.name for field in MESSAGE_FIELDS if field.is_bounded and field.json_type == "number"]
)
NUMBERED = st.builds(
    lambda event, name, value: encode(event | {name: value}), EVENTS, BOUNDED, st.floats(-20_000, 20_000)
)


@st.composite
def damaged(draw) -> bytes:
    """The bytes of a valid message with some of them replaced."""
    whole = draw(EVENTS.map(encode))
    start = draw(st.integers(0, len(whole)))
    return whole[:start] + draw(st.binary(max_size=8)) + whole[start + draw(st.integers(0, 8)) :]


def any_messages(count: int = MESSAGES) -> list[bytes]:
    """``count`` byte strings, the same ones every time: arbitrary ones, JSON of any shape, and messages
    changed in many ways.
    """
    found: list[bytes] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.one_of(
            st.binary(max_size=300),
            VALUES.map(lambda value: json.dumps(value).encode()),
            CHANGED,
            NUMBERED,
            damaged(),
        )
    )
    def collect(value: bytes) -> None:
        found.append(value)

    collect()
    return found


def is_json(value: bytes) -> bool:
    """Return whether Python reads it as strict JSON in UTF-8, in which a name comes once per object and every
    surrogate has its other half.
    """

    def refuse(text: str) -> None:
        raise ValueError(text)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) != len(dict(pairs)):
            raise ValueError("a name twice")
        return dict(pairs)

    try:
        read = json.loads(value.decode(), parse_constant=refuse, object_pairs_hook=once)
        json.dumps(read, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module", params=[500, pytest.param(MESSAGES, marks=pytest.mark.slow)])
def sent(request) -> list[bytes]:
    return any_messages(request.param)


@pytest.fixture(scope="module")
def found(sent):
    """A row per value with its verdict, in order."""
    return checked(sent, reject_unknown=True)


def test_the_messages_are_many_and_of_every_kind(sent, found):
    assert len(sent) >= 500
    reasons = Counter(row.reason for row in found)
    assert min(reasons[None], reasons.total() - reasons[None]) > len(sent) // 50
    assert {reason for reason in reasons if reason} >= {
        "not_json",
        "not_an_object",
        "missing_field",
        "wrong_type",
        "out_of_range",
    }


def test_every_message_has_exactly_one_verdict(sent, found):
    assert [row.kafka_offset for row in found] == list(range(len(sent)))


def test_a_message_has_a_detail_if_and_only_if_it_has_a_reason_and_is_an_event_otherwise(found):
    reasons = {reason.value for reason in CHECKED_REASONS}
    assert all((row.reason in reasons) == bool(row.detail) == (row.event_id is None) for row in found)


def test_every_message_is_kept_byte_for_byte(sent, found):
    assert [row.value for row in found] == sent


def test_what_python_cannot_read_as_json_is_not_json_and_what_it_can_is(sent, found):
    wrong = [
        row.value
        for row, value in zip(found, sent, strict=True)
        if (row.reason == "not_json") == is_json(value)
    ]
    assert wrong == []


def test_only_objects_are_objects(sent, found):
    readable = [(row, json.loads(value)) for row, value in zip(found, sent, strict=True) if is_json(value)]
    assert [
        row.value for row, value in readable if (row.reason == "not_an_object") == isinstance(value, dict)
    ] == []


def test_the_fast_reader_gives_what_the_exact_one_gives_or_nothing(sent):
    compared = 0
    for value in sent:
        fast = messages._read_fast(value)
        if fast is not None:
            compared += 1
            assert fast == messages._read_exactly(value)
    assert compared > len(sent) // 20


def test_the_checks_find_each_defect_that_the_producer_puts_in():
    produced = list(with_bad_messages(replay_messages(1_600), share=0.3, seed=7))
    reasons = {reason.value for reason in CHECKED_REASONS}
    expected = [message.defect if message.defect in reasons else "valid" for message in produced]
    rows = checked(
        [message.value for message in produced],
        reject_unknown=True,
        taken_at=datetime(2014, 1, 1, tzinfo=UTC),
    )
    found = [row.reason or "valid" for row in rows]
    assert [
        (row.detail, wanted, got)
        for row, wanted, got in zip(rows, expected, found, strict=True)
        if wanted != got
    ] == []
    assert {*reasons, "valid"} == set(found)
    assert len(produced) > 1_900
