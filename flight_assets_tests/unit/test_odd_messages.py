"""Messages that somebody might send on purpose: each has the verdict that the contract documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flight_assets.contracts.message import MAX_MESSAGE_BYTES, MAX_NAMES, MAX_NESTING, MAX_NUMBER_DIGITS
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import TOOK_AT, message, raw_batch, reference, z

Row = dict[str, Any]
TOLERANCE = timedelta(minutes=5)


def verdict(value: bytes | dict[str, Any] | None, taken_at: datetime = TOOK_AT) -> Row:
    """The row of one message."""
    sent = json.dumps(value).encode() if isinstance(value, dict) else value
    (row,) = check(raw_batch([sent], taken_at=taken_at), Checks(reference())).to_pylist()
    return row


def text(name: str, json_text: str, **changes: Any) -> bytes:
    """A message with a field whose value is JSON text that Python would not write."""
    return (
        json.dumps(message(**changes) | {name: "@@"})
        .replace('"@@"', json_text)
        .encode("utf-8", "surrogatepass")
    )


def flight(departs: str, flight_id: str, **changes: Any) -> Row:
    """A scheduled event of a flight of version 3, two hours before it departs."""
    departure = datetime.fromisoformat(departs)
    times = {
        "timestamp": z(departure - timedelta(hours=2)),
        "scheduled_departure": departs,
        "scheduled_arrival": z(departure + timedelta(hours=4)),
    }
    return message(**{"schema_version": 3, "flight_id": flight_id} | times | changes)


NUMBERS = {
    "an integer of 10,000 digits": ("distance_miles", "7" * 10_000, "not_json", "10000 digits"),
    "a fraction of 10,000 digits": ("distance_miles", f"1.{'3' * 9_999}", "not_json", "10000 digits"),
    "10,000 digits in an unknown field": ("x", f"-{'7' * 10_000}", "not_json", "10000 digits"),
    "as many digits as are allowed": ("x", "7" * MAX_NUMBER_DIGITS, None, ""),
    "an exponent of 10,000 digits": ("x", f"1e{'7' * 10_000}", "not_json", "digits"),
    "a number beyond every double": ("distance_miles", "1e400", "out_of_range", "distance_miles = inf"),
    "a number that is all but nothing": ("distance_miles", "1e-400", "out_of_range", "distance_miles = 0.0"),
    "a number beyond 64 bits": ("flight_number", str(2**64), "wrong_type", "beyond 32 bits"),
    "minus nothing": ("flight_number", "-0", "wrong_type", "another flight"),
    "a number with a plus": ("distance_miles", "+5", "not_json", "at character"),
    "a number with a zero before it": ("distance_miles", "0700", "not_json", "at character"),
    "an underscore in a number": ("distance_miles", "1_400", "not_json", "at character"),
    "digits of another script": ("distance_miles", "\u0661\u0662", "not_json", "at character"),
    "not a number": ("distance_miles", "NaN", "not_json", "NaN is no number"),
    "infinity": ("arrival_delay_minutes", "-Infinity", "not_json", "-Infinity is no number"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_its_verdict_whatever_its_digits(name: str) -> None:
    field, number, reason, word = NUMBERS[name]
    row = verdict(text(field, number))
    assert row["reason"] == reason
    assert word in (row["detail"] or "")


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize(
    ("depth", "reason"), [(MAX_NESTING - 1, None), (MAX_NESTING, "not_json"), (9_000, "not_json")]
)
def test_nesting_is_bounded_wherever_it_is(
    opening: str, closing: str, depth: int, reason: str | None
) -> None:
    row = verdict(text("x", opening * depth + "1" + closing * depth))
    assert row["reason"] == reason
    assert reason is None or row["detail"] == f"not a JSON text: nested more than {MAX_NESTING} levels deep"


def test_brackets_in_a_text_are_no_nesting() -> None:
    assert verdict(message(remarks="[{" * 5_000))["reason"] is None


@pytest.mark.parametrize(
    ("members", "twice"),
    [
        ('"airline": "AA"', "airline"),
        ('"airlin\\u0065": "UA"', "airline"),
        ('"x": {"b": 1, "c": {"d": 1, "d": 1}}', "d"),
        ('"x": [{"": 1, "": 2}]', ""),
    ],
)
def test_a_name_that_comes_twice_is_named(members: str, twice: str) -> None:
    row = verdict(f"{json.dumps(message())[:-1]}, {members}}}".encode())
    assert (row["reason"], row["detail"]) == ("not_json", f"not a JSON text: the name {twice} comes twice")


def test_names_that_differ_in_case_or_form_are_other_names() -> None:
    row = verdict(message(AIRLINE="AA", **{"caf\u00e9": 1, "cafe\u0301": 2}))
    assert (row["reason"], row["airline"]) == (None, "UA")
    assert sorted(row["unknown_fields"]) == ["AIRLINE", "cafe\u0301", "caf\u00e9"]


def test_more_names_than_allowed_are_refused_before_anything_is_done_with_them() -> None:
    row = verdict(json.dumps(dict.fromkeys(map(str, range(MAX_NAMES + 1)), 1)).encode())
    assert (row["reason"], str(MAX_NAMES) in row["detail"]) == ("not_json", True)


@pytest.mark.parametrize("name", ["remarks", "event_id", "tail_number", "flight_id"])
@pytest.mark.parametrize(
    ("half", "word"),
    [
        ("\\ud83d", "half a surrogate pair"),
        ("\\udeeb\\ud83d", "half a surrogate pair"),
        ("\ud83d", "not UTF-8"),
    ],
)
def test_half_a_character_is_no_text(name: str, half: str, word: str) -> None:
    row = verdict(text(name, f'"{half}"'))
    assert (row["reason"], word in row["detail"]) == ("not_json", True)


# Letters that look like others, or become them in capitals.
LOOK_ALIKE = {
    "ligature": "\ufb01",
    "dotless i": "u\u0131",
    "long s": "u\u017f",
    "sharp s": "\u00df",
    "Cyrillic": "U\u0410",
    "Greek": "U\u0391",
    "full width": "\uff35\uff21",
    "Kelvin": "U\u212a",
    "combined": "UA\u0301",
    "invisible": "UA\u200b",
}


@pytest.mark.parametrize("letters", LOOK_ALIKE.values(), ids=LOOK_ALIKE)
def test_letters_that_look_like_others_are_in_no_code(letters: str) -> None:
    sent = {"airline": letters, "flight_id": f"{letters.upper()}1545-EWR-20130612"}
    assert verdict(message(**sent))["reason"] in ("unknown_airline", "wrong_type")
    assert verdict(message(airline=letters))["reason"] in ("unknown_airline", "wrong_type")
    assert verdict(message(destination=f"{letters}H"))["reason"] == "unknown_airport"
    row = verdict(
        message(schema_version=3, tail_number=f"N1{letters}", gate=letters, flight_suffix=letters[-1])
    )
    assert [row[name] for name in ("reason", "tail_number", "gate", "flight_suffix")] == [None] * 4
    assert {"tail_number", "gate", "flight_suffix"} <= set(row["cleaned"])


TIMES = {
    "nine digits": ("2013-06-12T13:00:00.123456789Z", "2013-06-12T13:00:00.123456"),
    "ten digits": ("2013-06-12T13:00:00.1234567890Z", None),
    "one digit": ("2013-06-12T13:00:00.5Z", "2013-06-12T13:00:00.5"),
    "no digit after the dot": ("2013-06-12T13:00:00.Z", None),
    "a comma": ("2013-06-12T13:00:00,5Z", None),
    "an offset": ("2013-06-12T09:00:00-04:00", "2013-06-12T13:00:00"),
    "the widest offset": ("2013-06-13T03:59:00+14:59", "2013-06-12T13:00:00"),
    "a wider offset": ("2013-06-13T04:00:00+15:00", None),
    "an offset of 60 minutes": ("2013-06-12T14:00:00+00:60", None),
    "an offset without colon": ("2013-06-12T09:00:00-0400", None),
    "an unknown offset": ("2013-06-12T13:00:00-00:00", None),
    "no offset": ("2013-06-12T13:00:00", None),
    "a leap second": ("2013-06-12T13:59:60Z", None),
    "the hour 24": ("2013-06-11T24:00:00Z", None),
    "a day that is not": ("2013-02-29T13:00:00Z", None),
    "a week": ("2013-W24-3T13:00:00Z", None),
    "small letters": ("2013-06-12t13:00:00z", None),
    "a blank": ("2013-06-12 13:00:00Z", None),
    "a line end": ("2013-06-12T13:00:00Z\n", None),
    "digits of another script": ("\u0662\u0660\u0661\u0663-06-12T13:00:00Z", None),
    "the year 9999": ("9999-12-31T23:59:59Z", None),
    "the year 0": ("0000-01-01T00:00:00Z", None),
    "a year of five digits": ("12013-06-12T13:00:00Z", None),
    "a year before Christ": ("-2013-06-12T13:00:00Z", None),
    "before 1900 in UTC": ("1900-01-01T00:00:00+14:00", None),
    "after 2099 in UTC": ("2099-12-31T23:59:59-14:00", None),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_is_a_moment_or_no_time(name: str) -> None:
    sent, moment = TIMES[name]
    row = verdict(message(timestamp=sent))
    if moment is None:
        assert (row["reason"], row["detail"]) == ("wrong_type", "timestamp is not time but string")
    else:
        assert (row["reason"], row["timestamp"]) == (None, datetime.fromisoformat(moment).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (TOLERANCE, None),
        (TOLERANCE + timedelta(microseconds=1), "inconsistent_times"),
        (timedelta(days=999), "inconsistent_times"),
    ],
)
def test_an_event_is_at_most_five_minutes_ahead_of_the_broker(later: timedelta, reason: str | None) -> None:
    sent = message(event_type="departed")
    taken_at = datetime.fromisoformat(sent["timestamp"]) - later
    assert verdict(sent, taken_at)["reason"] == reason


# Newark: 02:30 on 10 March 2024 is no time; 01:30 on 3 November 2024 comes twice, at 05:30 and 06:30 UTC.
LOCAL = {
    "before the clock goes forward": ("2024-03-10T06:30:00Z", "UA1545-EWR-20240310T0130", None),
    "after the clock went forward": ("2024-03-10T07:30:00Z", "UA1545-EWR-20240310T0330", None),
    "a time that is skipped": ("2024-03-10T07:30:00Z", "UA1545-EWR-20240310T0230", "inconsistent_times"),
    "the first of two": ("2024-11-03T05:30:00Z", "UA1545-EWR-20241103T0130", None),
    "the second of two": ("2024-11-03T06:30:00Z", "UA1545-EWR-20241103T0130", None),
    "the last minute of a day": ("2024-11-04T04:59:00Z", "UA1545-EWR-20241103T2359", None),
    "the date of UTC": ("2024-11-04T04:59:00Z", "UA1545-EWR-20241104", "inconsistent_times"),
    "the time of UTC": ("2024-06-12T14:00:00Z", "UA1545-EWR-20240612T1400", "inconsistent_times"),
    "no time of any day": ("2024-06-12T14:00:00Z", "UA1545-EWR-20240612T2460", "inconsistent_times"),
    "a day that is not": ("2024-06-12T14:00:00Z", "UA1545-EWR-20240631", "wrong_type"),
    "the day of a leap year": ("2024-02-29T14:00:00Z", "UA1545-EWR-20240229", None),
}


@pytest.mark.parametrize("name", LOCAL)
def test_a_flight_id_has_the_date_and_time_of_the_origin(name: str) -> None:
    departs, flight_id, reason = LOCAL[name]
    row = verdict(flight(departs, flight_id), datetime(2025, 1, 1, tzinfo=UTC))
    assert row["reason"] == reason


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("", None),
        ("T2359", None),
        ("T2400", "inconsistent_times"),
        ("T1060", "inconsistent_times"),
        ("T9999", "inconsistent_times"),
    ],
)
def test_without_a_known_zone_the_time_in_an_id_is_a_time(time: str, reason: str | None) -> None:
    sent = flight("2024-06-12T14:00:00Z", f"UA1545-QQQ-20240612{time}", origin="QQQ")
    row = verdict(sent, datetime(2025, 1, 1, tzinfo=UTC))
    assert row["reason"] == reason


@pytest.mark.parametrize(
    ("flight_id", "suffix", "version", "reason"),
    [
        ("UA1545A-EWR-20130612", "A", 3, None),
        ("UA1545A-EWR-20130612", " a ", 3, None),
        ("UA1545A-EWR-20130612", None, 3, "wrong_type"),
        ("UA1545-EWR-20130612", "A", 3, "wrong_type"),
        ("UA1545AB-EWR-20130612", "AB", 3, "wrong_type"),
        ("UA1545A-EWR-20130612", "A", 2, "wrong_type"),
        ("UA01545-EWR-20130612", None, 3, "wrong_type"),
        ("UA1545-EWR-20130612\n", None, 3, "wrong_type"),
        ("UA1545-EWR-\uff12\uff10\uff11\uff130612", None, 3, "wrong_type"),
    ],
)
def test_a_flight_id_with_a_suffix_is_that_of_its_fields(flight_id, suffix, version, reason) -> None:
    assert (
        verdict(message(schema_version=version, flight_id=flight_id, flight_suffix=suffix))["reason"]
        == reason
    )


@pytest.mark.parametrize(
    ("size", "reason"), [(MAX_MESSAGE_BYTES, None), (MAX_MESSAGE_BYTES + 1, "too_large")]
)
def test_a_message_is_as_large_as_the_contract_says(size: int, reason: str | None) -> None:
    empty = len(json.dumps(message(remarks="")).encode())
    assert verdict(message(remarks="x" * (size - empty)))["reason"] == reason
