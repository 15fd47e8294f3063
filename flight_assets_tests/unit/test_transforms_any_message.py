"""Whatever comes: every message gets one outcome, nothing raises, and what is rejected is kept byte for byte."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flight_assets.contracts.message import MESSAGE_FIELDS, Reason
from flight_assets.producer.corrupt import with_bad_messages
from flight_assets.producer.replay import replay_messages
from flight_assets_tests.factories import dimension_frames, encode, message, raw_rows

MESSAGES = 2_000
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)
NAMES = st.sampled_from([field.name for field in MESSAGE_FIELDS]) | st.text(max_size=5)
EVENTS = st.builds(message, event_type=st.sampled_from(["scheduled", "departed", "arrived", "cancelled"]), event_id=st.text(max_size=8))
CHANGED = st.builds(lambda event, changes: encode(event | changes), EVENTS, st.dictionaries(NAMES, VALUES, max_size=3))
BOUNDED = st.sampled_from([field.name for field in MESSAGE_FIELDS if field.is_bounded and field.json_type == "number"])
NUMBERED = st.builds(lambda event, name, value: encode(event | {name: value}), EVENTS, BOUNDED, st.floats(-20_000, 20_000))


@st.composite
def damaged(draw) -> bytes:
    """The bytes of a valid message with some of them replaced."""
    whole = draw(EVENTS.map(encode))
    start = draw(st.integers(0, len(whole)))
    return whole[:start] + draw(st.binary(max_size=8)) + whole[start + draw(st.integers(0, 8)) :]


def any_messages(count: int = MESSAGES) -> list[bytes]:
    """``count`` byte strings, the same ones every time: arbitrary ones, JSON of any shape, and messages changed in many ways."""
    found: list[bytes] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=300), VALUES.map(lambda value: json.dumps(value).encode()), CHANGED, NUMBERED, damaged()))
    def collect(value: bytes) -> None:
        found.append(value)

    collect()
    return found


def is_json(value: bytes) -> bool:
    """Whether Python reads it as strict JSON in UTF-8, in which a name comes once per object and every surrogate has its other half."""

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


@pytest.fixture(scope="module")
def sent() -> list[bytes]:
    return any_messages()


@pytest.fixture(scope="module")
def classify(spark):
    """A function from values to their rows (outcome, reason, detail, value), in order, in one action."""
    from flight_assets.stores.warehouse import computed
    from flight_assets.transforms.stage import check_messages, with_outcome

    def rows(values: list[bytes]) -> list[Any]:
        before = spark.createDataFrame([], "event_id STRING")
        raw = raw_rows(spark, values)
        classified = with_outcome(computed(check_messages(raw, *dimension_frames(spark))), before)
        return classified.select("kafka_offset", "outcome", "reason", "detail", "value", "event_id").orderBy("kafka_offset").collect()

    return rows


@pytest.fixture(scope="module")
def found(classify, sent):
    return classify(sent)


def test_the_messages_are_many_and_of_every_kind(sent, found):
    assert len(sent) >= MESSAGES
    outcomes, reasons = Counter(row.outcome for row in found), Counter(row.reason for row in found)
    assert min(outcomes["staged"], outcomes["quarantined"]) > MESSAGES // 50
    assert {reason for reason in reasons if reason} >= {"not_json", "not_an_object", "missing_field", "wrong_type", "out_of_range"}


def test_every_message_has_exactly_one_outcome(sent, found):
    assert [row.kafka_offset for row in found] == list(range(len(sent)))
    assert {row.outcome for row in found} <= {"staged", "duplicate", "quarantined"}


def test_a_message_is_quarantined_if_and_only_if_it_has_a_reason_and_then_a_detail(found):
    reasons = {reason.value for reason in Reason}
    assert all((row.outcome == "quarantined") == (row.reason in reasons) == bool(row.detail) for row in found)


def test_every_message_is_kept_byte_for_byte(sent, found):
    assert [bytes(row.value) for row in found] == sent


def test_what_python_cannot_read_as_json_is_not_json_and_what_it_can_is(sent, found):
    wrong = [row.value for row, value in zip(found, sent, strict=True) if (row.reason == "not_json") == is_json(value)]
    assert wrong == []


def test_only_objects_are_objects(sent, found):
    readable = [(row, json.loads(value)) for row, value in zip(found, sent, strict=True) if is_json(value)]
    assert [row.value for row, value in readable if (row.reason == "not_an_object") == isinstance(value, dict)] == []


def test_an_event_id_is_staged_once(found):
    staged = [row.event_id for row in found if row.outcome == "staged"]
    assert len(staged) == len(set(staged)) > 0
    assert {row.event_id for row in found if row.outcome == "duplicate"} <= set(staged)


def test_spark_finds_each_defect_that_the_producer_puts_in(classify):
    produced = list(with_bad_messages(replay_messages(1_600), share=0.3, seed=7))
    expected = [message.defect if message.defect in {*Reason, "duplicate"} else "staged" for message in produced]
    rows = classify([message.value for message in produced])
    found = [row.reason or row.outcome for row in rows]
    assert [(row.detail, wanted, got) for row, wanted, got in zip(rows, expected, found, strict=True) if wanted != got] == []
    assert {*Reason, "duplicate", "staged"} == set(found)
    assert len(produced) > 1_900
