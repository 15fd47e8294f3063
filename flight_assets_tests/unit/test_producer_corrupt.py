"""Bad and awkward messages among good ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import pytest

from flight_assets.contracts.dimensions import airlines, airports
from flight_assets.contracts.message import (
    CHECKED_REASONS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    SCHEMA_VERSION,
    SCHEMA_VERSIONS,
    Field,
    Reason,
    fields_of,
)
from flight_assets.producer.corrupt import (
    AWKWARD,
    HELD_BACK,
    LATE,
    OUT_OF_ORDER,
    mixed_messages,
    with_bad_messages,
)
from flight_assets.producer.events import Message
from flight_assets.producer.synthetic import synthetic_messages

TOTAL = 10_000
SHARE = 0.1
FIELDS = {field.name: field for field in fields_of(SCHEMA_VERSION)}


def good(number: int) -> Iterator[Message]:
    return synthetic_messages(7, number, datetime(2026, 11, 23, 17, tzinfo=UTC))


@pytest.fixture(scope="module")
def mixed() -> list[Message]:
    return list(mixed_messages(good, TOTAL, SHARE, seed=7))


def is_bad(message: Message) -> bool:
    return message.defect in set(Reason)


@pytest.mark.parametrize("total", [0, 1, 12, 1_000])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.9])
def test_the_total_counts_the_bad_ones_too(total: int, share: float) -> None:
    assert len(list(mixed_messages(good, total, share, seed=7))) == total


def test_the_share_is_about_what_was_asked_for(mixed: list[Message]) -> None:
    assert sum(message.defect is not None for message in mixed) == pytest.approx(TOTAL * SHARE, rel=0.15)


def test_every_kind_comes_equally_often_and_the_large_one_once(mixed: list[Message]) -> None:
    counts = Counter(message.defect for message in mixed if message.defect)
    assert set(counts) == set(CHECKED_REASONS) | set(AWKWARD)
    assert counts.pop(Reason.TOO_LARGE) == 1
    assert max(counts.values()) - min(counts.values()) <= 1


def test_no_good_message_is_lost_changed_or_doubled(mixed: list[Message]) -> None:
    kept = [message.value for message in mixed if not is_bad(message) and message.defect != "duplicate"]
    assert sorted(kept) == sorted(message.value for message in good(len(kept)))


def test_late_messages_are_passed_by_hundreds_and_out_of_order_ones_by_a_few(mixed: list[Message]) -> None:
    held = {
        kind: [position - index for position, index in moved(mixed) if mixed[position].defect == kind]
        for kind in (LATE, OUT_OF_ORDER)
    }
    assert min(held[LATE]) > 100
    assert 1 <= min(held[OUT_OF_ORDER]) <= max(held[OUT_OF_ORDER]) < 100


def moved(mixed: list[Message]) -> list[tuple[int, int]]:
    """Position of each held message, and the position at which it would have come: just before the first
    ordinary later event.
    """
    order = {message.value: rank for rank, message in enumerate(good(TOTAL))}
    # The number of good messages differs from TOTAL, so ranks are shifted, but their order is the same.
    ordinary = [
        (order[message.value], position) for position, message in enumerate(mixed) if message.defect is None
    ]
    held = [position for position, message in enumerate(mixed[:-2_500]) if message.defect in HELD_BACK]
    return [
        (position, next(at for rank, at in ordinary if rank > order[mixed[position].value]))
        for position in held
    ]


def test_a_duplicate_is_an_exact_copy_of_an_earlier_message(mixed: list[Message]) -> None:
    seen: set[tuple[bytes | None, bytes]] = set()
    for message in mixed:
        if message.defect == "duplicate":
            assert (message.key, message.value) in seen
        if not is_bad(message):
            seen.add((message.key, message.value))


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(mixed: list[Message]) -> None:
    assert list(mixed_messages(good, TOTAL, SHARE, seed=7)) == mixed
    assert list(mixed_messages(good, TOTAL, SHARE, seed=8)) != mixed


def test_bad_events_have_ids_of_their_own(mixed: list[Message]) -> None:
    parsed = [
        json.loads(message.value) for message in mixed if message.defect not in (Reason.NOT_JSON, "duplicate")
    ]
    ids = [event["event_id"] for event in parsed if isinstance(event, dict) and event.get("event_id")]
    assert len(set(ids)) == len(ids)


def test_share_zero_changes_nothing() -> None:
    assert list(with_bad_messages(good(100), 0.0, seed=7)) == list(good(100))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        with_bad_messages(good(1), share, seed=7)


def test_an_endless_stream_stays_endless_and_lazy() -> None:
    endless = (message for message in iter(lambda: next(good(1)), None))
    assert len(list(islice(with_bad_messages(endless, 0.2, seed=7), 50))) == 50


def test_each_defect_breaks_the_rule_it_is_named_for(mixed: list[Message]) -> None:
    """By an independent reading of the contract: the first reason that applies is the one named."""
    assert {message.defect: first_reason(message.value) for message in mixed if is_bad(message)} == {
        r.value: r for r in CHECKED_REASONS
    }
    assert all(first_reason(message.value) == message.defect for message in mixed if is_bad(message))
    assert all(first_reason(message.value) is None for message in mixed if not is_bad(message))


def first_reason(value: bytes) -> Reason | None:
    """The contract, read message by message."""
    if len(value) > MAX_MESSAGE_BYTES:
        return Reason.TOO_LARGE
    try:
        event = json.loads(value.decode("utf-8"))
    except ValueError:
        return Reason.NOT_JSON
    if not isinstance(event, dict):
        return Reason.NOT_AN_OBJECT
    return next((reason for reason, holds in problems(event) if holds), None)


def problems(event: dict[str, object]) -> Iterator[tuple[Reason, bool]]:
    """Reasons in the contract's order, each looked at only if none before it applies."""
    yield Reason.UNSUPPORTED_SCHEMA_VERSION, event.get("schema_version") not in SCHEMA_VERSIONS
    yield (
        Reason.MISSING_FIELD,
        any(event.get(field.name) is None for field in MESSAGE_FIELDS if field.required),
    )
    yield (
        Reason.WRONG_TYPE,
        any(not has_type(event[name], FIELDS[name]) for name in FIELDS if event[name] is not None)
        or other_flight(event),
    )
    yield Reason.UNKNOWN_AIRLINE, event["airline"] not in set(airlines()["code"])
    yield Reason.UNKNOWN_AIRPORT, not {event["origin"], event["destination"]} <= set(airports()["code"])
    yield (
        Reason.OUT_OF_RANGE,
        any(not in_range(event[name], field) for name, field in FIELDS.items() if field.low is not None),
    )
    yield Reason.INCONSISTENT_TIMES, str(event["scheduled_arrival"]) <= str(event["scheduled_departure"])


def other_flight(event: dict[str, object]) -> bool:
    return not str(event["flight_id"]).startswith(
        f"{event['airline']}{event['flight_number']}-{event['origin']}-"
    )


def has_type(value: object, field: Field) -> bool:
    kinds = {"string": str, "time": str, "integer": int, "number": float, "object": dict}
    return isinstance(value, kinds[field.json_type]) and (field.json_type != "time" or is_time(str(value)))


def is_time(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").utcoffset() is not None
    except ValueError:
        return False


def in_range(value: object, field: Field) -> bool:
    if not isinstance(value, int | float) or field.low is None or field.high is None:
        return True
    above = value > field.low or (value == field.low and not field.low_open)
    return above and (value < field.high or (value == field.high and not field.high_open))
