"""Every rule of the message contract, each with messages that keep it and messages that break it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest

from flight_assets.contracts.message import (
    CHECKED_REASONS,
    MAX_EVENT_ID_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MAX_NESTING,
    MESSAGE_FIELDS,
    Reason,
)
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import checked, encode, message, raw_batch, reference, verdicts, without

VALID = json.dumps(message())
WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    "string": (5, 1.5, True, ["x"], {"x": 1}),
    "time": (1371042000, 1.5, True, ["2013-06-12T13:00:00Z"], {"x": 1}, "yesterday", ""),
    "integer": ("5", "five", 1.5, 1545.0, True, [5], {"x": 1}),
    "number": ("5", "far", True, [5.0], {"x": 1}),
    "object": ("sunny", 5, True, [{"temperature_f": 60.0}]),
}
BAD_TIMES = {
    "an offset that no clock has": "2013-06-12T13:00:00+15:00",
    "no zone": "2013-06-12T13:00:00",
    "unknown local zone": "2013-06-12T13:00:00-00:00",
    "a blank for the T": "2013-06-12 13:00:00Z",
    "no time": "2013-06-12",
    "30 February": "2013-02-30T13:00:00Z",
    "29 February of no leap year": "2013-02-29T13:00:00Z",
    "month 13": "2013-13-12T13:00:00Z",
    "hour 24": "2013-06-12T24:00:00Z",
    "minute 60": "2013-06-12T13:60:00Z",
    "a leap second": "2013-06-12T12:59:60Z",
    "ten digits of a second": "2013-06-12T13:00:00.1234567891Z",
    "digits that are not ASCII": "２０13-06-12T13:00:00Z",
    "blanks around it": " 2013-06-12T13:00:00Z ",
    "a line break after it": "2013-06-12T13:00:00Z\n",
}


def literal(name: str, text: str, **changes: Any) -> bytes:
    """The valid message with a field whose value is JSON text that Python would not write."""
    return json.dumps(message(**changes) | {name: "@"}).replace('"@"', text).encode()


def flight(number: int, **changes: Any) -> dict[str, Any]:
    """A consistent message of another flight number."""
    return message(flight_number=number, flight_id=f"UA{number}-EWR-20130612", **changes)


def arrived(**changes: Any) -> dict[str, Any]:
    return message(event_type="arrived", **changes)


def delayed(minutes: float) -> dict[str, Any]:
    """A flight that left and arrived so late."""
    at = datetime(2013, 6, 12, 18, 30) + timedelta(minutes=minutes)  # noqa: DTZ001 - written as UTC
    return arrived(
        departure_delay_minutes=minutes, arrival_delay_minutes=minutes, timestamp=f"{at.isoformat()}Z"
    )


ACCEPTED: dict[str, Any] = {
    **{kind: message(event_type=kind) for kind in ("scheduled", "departed", "arrived", "cancelled")},
    "cancelled after it left the gate": message(event_type="cancelled", departure_delay_minutes=5.0),
    "blanks around the JSON": b" \n" + VALID.encode() + b"\r\n ",
    "unknown fields": message(extra={"a": [1, {"b": None}]}, remarks="x", **{"a.b": 1, "$": 2, "": 3}),
    "3,000 unknown fields": message(**{f"field_{nth}": nth for nth in range(3_000)}),
    "as deep as allowed": f'{VALID[:-1]}, "x": {"[" * (MAX_NESTING - 1)}{"]" * (MAX_NESTING - 1)}}}'.encode(),
    "brackets in a text": message(remarks="[{" * 1_000),
    "as large as allowed": encode(message()) + b" " * (MAX_MESSAGE_BYTES - len(encode(message()))),
    "astral character escaped as two surrogates": literal("tail_number", '"\\ud83d\\ude00"'),
    **{f"without {name}": without(name) for name in ("tail_number", "scheduled_arrival", "weather")},
    **{
        f"{name} is null": message(**{name: None}) for name in ("tail_number", "scheduled_arrival", "weather")
    },
    "weather without a value": message(weather={}),
    "weather of nulls": message(weather={"temperature_f": None}),
    "empty tail number": message(tail_number=""),
    "blank tail number": message(tail_number="  "),
    "flight number 1": flight(1),
    "flight number 9999": flight(9999),
    "distance just above 0": message(distance_miles=0.001),
    "distance just below 12,500": message(distance_miles=12_499.999),
    "distance without a point": message(distance_miles=1400),
    "distance with an exponent": literal("distance_miles", "1.4e3"),
    "distance with 60 digits": literal("distance_miles", "1400." + "1" * 60),
    **{
        f"delays of {minutes}": delayed(minutes) for minutes in (-1_440, -1_440.0, 0, 3_143, 20_160, 20_160.0)
    },
    "time with +00:00": message(timestamp="2013-06-12T13:00:00+00:00"),
    "time with tenths": message(timestamp="2013-06-12T13:00:00.5Z"),
    "time with microseconds": message(timestamp="2013-06-12T13:00:00.123456Z"),
    "time with nanoseconds": message(timestamp="2013-06-12T13:00:00.123456789Z"),
    "time with seven digits": message(timestamp="2013-06-12T13:00:00.1234567+00:00"),
    "time east of UTC": message(timestamp="2013-06-12T15:00:00+02:00"),
    "time west of UTC": message(timestamp="2013-06-12T07:00:00-06:00"),
    "29 February of a leap year": message(timestamp="2012-02-29T13:00:00Z"),
    "announced at its departure": message(timestamp="2013-06-12T14:00:00Z"),
    "departed a day early": message(event_type="departed", timestamp="2013-06-11T14:00:00Z"),
    "stamped five minutes after Kafka took it": message(
        event_type="departed", timestamp="2013-07-01T09:05:00Z"
    ),
    "a long event_id": message(event_id="x" * MAX_EVENT_ID_CHARACTERS),
    "an event_id in another script": message(event_id="рейс-1 ✈"),
    "a diversion": message(
        schema_version=3,
        event_type="diverted",
        diverted_to="AUS",
        departure_delay_minutes=4.0,
        timestamp="2013-06-12T17:00:00Z",
    ),
    "version 3 with ICAO codes": message(
        schema_version=3, airline="UAL", origin="KEWR", destination="KIAH", flight_id="UAL1545-KEWR-20130612"
    ),
    "version 3 with the local time": message(schema_version=3, flight_id="UA1545-EWR-20130612T1000"),
    "version 3 with a suffix": message(schema_version=3, flight_suffix="a", flight_id="UA1545A-EWR-20130612"),
    "version 3 with a source": message(schema_version=3, source="bts"),
    "lands a second after it leaves": message(scheduled_arrival="2013-06-12T14:00:01Z"),
    "version 2 with its field": message(schema_version=2, gate=" b12 "),
    "version 2 without its field": message(schema_version=2),
    "version 2 with its field null": message(schema_version=2, gate=None),
    "version 1 with what became a field later": message(gate={"terminal": "B"}),
    "fields that no version has": message(colour="blue", **{"x" * 100: 1}),
    "local date a day behind UTC": message(
        scheduled_departure="2013-06-13T01:00:00Z", scheduled_arrival=None
    ),
}

MISSING = {
    **{
        f"{field.name} absent": (without(field.name), field.name)
        for field in MESSAGE_FIELDS
        if field.required
    },
    **{
        f"{field.name} null": (message(**{field.name: None}), field.name)
        for field in MESSAGE_FIELDS
        if field.required
    },
    "empty object": (
        {},
        (
            "schema_version, event_id, event_type, timestamp, flight_id, airline, flight_number, origin,"
            " destination"
        ),
    ),
    "fields in capitals": (
        {key.upper(): value for key, value in message().items()},
        "schema_version, event_id",
    ),
    "departed without its delay": (
        without("departure_delay_minutes", message(event_type="departed")),
        "departure_delay_minutes",
    ),
    "departed with null delay": (
        message(event_type="departed", departure_delay_minutes=None),
        "departure_delay_minutes",
    ),
    "arrived without departure delay": (
        without("departure_delay_minutes", arrived()),
        "departure_delay_minutes",
    ),
    "arrived without arrival delay": (without("arrival_delay_minutes", arrived()), "arrival_delay_minutes"),
    "arrived with null arrival delay": (arrived(arrival_delay_minutes=None), "arrival_delay_minutes"),
}
WRONG_TYPES = {
    **{
        f"{field.name} = {value!r}": (
            arrived(schema_version=field.since) | {field.name: value},
            f"{field.name} is not {field.json_type}",
        )
        for field in MESSAGE_FIELDS
        for value in WRONG_VALUES[field.json_type]
    },
    **{
        f"{name}: {what}": (message(**{name: text}), f"{name} is not time")
        for name in ("timestamp", "scheduled_departure", "scheduled_arrival")
        for what, text in BAD_TIMES.items()
    },
    **{
        f"flight number {text}": (literal("flight_number", text), "flight_number")
        for text in ("9" * 100, "1e400", "1.545e3")
    },
    "flight number below 0": (message(flight_number=-1545), "another flight"),
    "flight number beyond 32 bits": (literal("flight_number", str(2**32 + 1545)), "flight_number"),
    "flight number of five digits": (flight(10_000), "flight_id"),
    "version of 30 digits": (literal("schema_version", "9" * 30), "schema_version"),
    "version as text": (message(schema_version="1"), "schema_version is not integer"),
    "version with a point": (message(schema_version=1.0), "schema_version is not integer"),
    "diverted before version 3": (
        message(event_type="diverted", departure_delay_minutes=4.0),
        "event_type is diverted",
    ),
    "local time before version 3": (message(flight_id="UA1545-EWR-20130612T1000"), "flight_id is not"),
    "suffix that the flight_id lacks": (message(schema_version=3, flight_suffix="A"), "another flight"),
    "event_id with a line break": (message(event_id="a\nb"), "event_id has"),
    "event_id of more characters than allowed": (
        message(event_id="x" * (MAX_EVENT_ID_CHARACTERS + 1)),
        "event_id has",
    ),
    "unknown event type": (message(event_type="landed"), "event_type is landed"),
    "event type in capitals": (message(event_type="SCHEDULED"), "event_type is SCHEDULED"),
    "flight_id with another number": (message(flight_id="UA1546-EWR-20130612"), "another flight"),
    "flight_id with a longer number": (message(flight_number=154), "another flight"),
    "flight_id with another carrier": (message(flight_id="AA1545-EWR-20130612"), "another flight"),
    "flight_id with another origin": (message(flight_id="UA1545-JFK-20130612"), "another flight"),
    "flight_id with leading zeros": (
        message(flight_number=5, flight_id="UA0005-EWR-20130612"),
        "another flight",
    ),
    "flight_id in small letters": (message(flight_id="ua1545-ewr-20130612"), "flight_id is not"),
    "flight_id with a dash too many": (message(flight_id="UA-1545-EWR-20130612"), "flight_id is not"),
    "flight_id without date": (message(flight_id="UA1545-EWR"), "flight_id is not"),
    "flight_id with text after it": (message(flight_id="UA1545-EWR-20130612-B"), "flight_id is not"),
    "flight_id on 31 June": (message(flight_id="UA1545-EWR-20130631"), "flight_id is not"),
    **{
        f"empty {name}": (message(**{name: ""}), name)
        for name in ("event_id", "event_type", "flight_id", "airline", "origin", "destination")
    },
    **{
        f"blank {name}": (message(**{name: "  "}), name)
        for name in ("event_id", "event_type", "flight_id", "airline", "origin", "destination")
    },
}
NOT_JSON: dict[str, bytes | None] = {
    "cut short": VALID[:-1].encode(),
    "cut in the middle": VALID[:100].encode(),
    "empty": b"",
    "blank": b"  \n",
    "tombstone": None,
    "text": b"flight data unavailable",
    "a byte that is not UTF-8": VALID.replace("N14228", "@").encode().replace(b"@", b"N\xff"),
    "a surrogate in UTF-8": VALID.replace("N14228", "@").encode().replace(b"@", b"\xed\xa0\x80"),
    "an overlong NUL": VALID.replace("N14228", "@").encode().replace(b"@", b"\xc0\x80"),
    "UTF-16": VALID.encode("utf-16"),
    "Latin-1": VALID.replace("N14228", "Zürich").encode("latin-1"),
    "byte order mark": b"\xef\xbb\xbf" + VALID.encode(),
    "half a surrogate pair, escaped": literal("tail_number", '"\\ud800"'),
    "unknown escape": literal("tail_number", '"\\x41"'),
    "line break in a string": literal("tail_number", '"N\n1"'),
    "NaN": literal("distance_miles", "NaN"),
    "Infinity": literal("distance_miles", "Infinity"),
    "a number of 5,000 digits": literal("distance_miles", "9" * 5_000),
    "a number of 1,001 digits around its point": literal("distance_miles", "9." + "9" * 1_000),
    "a number of 1,002 digits with its exponent": literal("distance_miles", f"{'9' * 1_000}e-10"),
    "leading zero": literal("flight_number", "01545"),
    "hexadecimal": literal("flight_number", "0x609"),
    "single quotes": VALID.replace('"', "'").encode(),
    "comment": f"{VALID[:-1]}/* late */}}".encode(),
    "comma before the end": f"{VALID[:-1]},}}".encode(),
    "the same field twice": f'{VALID[:-1]}, "airline": "AA"}}'.encode(),
    "the same field twice, equal": f'{VALID[:-1]}, "airline": "UA"}}'.encode(),
    "20,000 levels deep": f'{VALID[:-1]}, "x": {"[" * 20_000}{"]" * 20_000}}}'.encode(),
    "60,000 brackets never closed": b"[" * 60_000,
    "text after the object": VALID.encode() + b"x",
    "two objects": VALID.encode() + VALID.encode(),
    "a bracket after the object": VALID.encode() + b"}",
    "list elements after the object": VALID.encode() + b"], [1",
}
NOT_AN_OBJECT = {
    "empty list": b"[]",
    "list": f"[{VALID}]".encode(),
    "1": b"1",
    "text": b'"x"',
    "null": b"null",
    "true": b"true",
    "1e400": b"1e400",
}
VERSIONS = {"0": 0, "4": 4, "-1": -1, "99": 99, "2147483647": 2**31 - 1}
UNKNOWN_CODES = {
    "airline": (message(airline="ZZ", flight_id="ZZ1545-EWR-20130612"), Reason.UNKNOWN_AIRLINE, "airline ZZ"),
    "origin": (message(origin="QQQ", flight_id="UA1545-QQQ-20130612"), Reason.UNKNOWN_AIRPORT, "origin QQQ"),
    "destination": (message(destination="QQQ"), Reason.UNKNOWN_AIRPORT, "destination QQQ"),
    "both airports": (
        message(origin="QQQ", destination="QQZ", flight_id="UA1545-QQQ-20130612"),
        Reason.UNKNOWN_AIRPORT,
        "origin QQQ, destination QQZ",
    ),
}
OUT_OF_RANGE = {
    "flight number 0": (flight(0), "flight_number = 0"),
    **{
        f"distance {miles}": (message(distance_miles=miles), "distance_miles")
        for miles in (0, 0.0, -5.0, 12_500, 12_500.0, 20_000)
    },
    **{
        f"distance {text}": (literal("distance_miles", text), "distance_miles")
        for text in ("1e400", "-1e400", "1e-400", "9" * 100, "9" * 400)
    },
    **{
        f"departure delay {m}": (arrived(departure_delay_minutes=m), "departure_delay_minutes")
        for m in (-1_440.1, -1_441, 20_160.1, 20_161)
    },
    **{
        f"arrival delay {m}": (arrived(arrival_delay_minutes=m), "arrival_delay_minutes")
        for m in (-1_440.1, -1_441, 20_160.1, 20_161)
    },
    "departure delay 1e400": (
        literal("departure_delay_minutes", "1e400", event_type="departed"),
        "departure_delay_minutes",
    ),
    "destination = origin": (message(destination="EWR"), "destination = origin"),
    "destination = origin once cleaned": (message(destination=" ewr"), "destination = origin"),
}
INCONSISTENT = {
    "arrives when it leaves": (message(scheduled_arrival="2013-06-12T14:00:00Z"), "scheduled_arrival"),
    "arrives before it leaves": (message(scheduled_arrival="2013-06-12T13:59:59Z"), "scheduled_arrival"),
    "announced after its departure": (
        message(timestamp="2013-06-12T14:00:01Z"),
        "scheduled after its departure",
    ),
    "departed over a day early": (
        message(event_type="departed", timestamp="2013-06-11T13:59:59Z"),
        "more than a day before its departure",
    ),
    "arrived over a day before departing": (
        arrived(timestamp="2013-06-11T13:59:59Z"),
        "more than a day before its departure",
    ),
    "arrived before it departed": (arrived(timestamp="2013-06-12T14:03:59Z"), "arrived before it departed"),
    "arrives before it departs by its delays": (
        arrived(departure_delay_minutes=300.0, timestamp="2013-06-12T23:00:00Z"),
        "arrived before it departed",
    ),
    "the date in UTC, not the origin's": (
        message(
            flight_id="UA1545-EWR-20130613",
            scheduled_departure="2013-06-13T01:00:00Z",
            scheduled_arrival=None,
        ),
        "(2013-06-12 21:00 local time) is not on the date in flight_id",
    ),
    "another local time": (
        message(schema_version=3, flight_id="UA1545-EWR-20130612T1400"),
        "date in flight_id",
    ),
    "stamped later than Kafka took it": (
        message(event_type="departed", timestamp="2013-07-08T09:10:00Z"),
        "minutes after Kafka took the message",
    ),
    "two days before the date in flight_id": (message(flight_id="UA1545-EWR-20130614"), "date in flight_id"),
    "two days after the date in flight_id": (message(flight_id="UA1545-EWR-20130610"), "date in flight_id"),
    "scheduled with departure delay": (
        message(departure_delay_minutes=1.0),
        "departure_delay_minutes in a scheduled event",
    ),
    "scheduled with arrival delay": (
        message(arrival_delay_minutes=1.0),
        "arrival_delay_minutes in a scheduled event",
    ),
    "departed with arrival delay": (
        message(event_type="departed", arrival_delay_minutes=1.0),
        "arrival_delay_minutes in a departed event",
    ),
    "cancelled with arrival delay": (
        message(event_type="cancelled", arrival_delay_minutes=1.0),
        "arrival_delay_minutes in a cancelled event",
    ),
}
TOO_LARGE = {
    "a byte too many": encode(message()) + b" " * (MAX_MESSAGE_BYTES + 1 - len(encode(message()))),
    "no JSON": b"x" * 100_000,
    "not an object": b"[" + b"1," * 40_000 + b"1]",
}
REJECTED: dict[str, tuple[Any, Reason, str]] = {
    **{f"missing: {name}": (value, Reason.MISSING_FIELD, word) for name, (value, word) in MISSING.items()},
    **{f"type: {name}": (value, Reason.WRONG_TYPE, word) for name, (value, word) in WRONG_TYPES.items()},
    **{f"not JSON: {name}": (value, Reason.NOT_JSON, "JSON") for name, value in NOT_JSON.items()},
    **{
        f"not an object: {name}": (value, Reason.NOT_AN_OBJECT, "not an object")
        for name, value in NOT_AN_OBJECT.items()
    },
    **{
        f"version {name}": (message(schema_version=v), Reason.UNSUPPORTED_SCHEMA_VERSION, name)
        for name, v in VERSIONS.items()
    },
    **{f"unknown {name}": case for name, case in UNKNOWN_CODES.items()},
    **{f"range: {name}": (value, Reason.OUT_OF_RANGE, word) for name, (value, word) in OUT_OF_RANGE.items()},
    **{
        f"times: {name}": (value, Reason.INCONSISTENT_TIMES, word)
        for name, (value, word) in INCONSISTENT.items()
    },
    **{
        f"too large: {name}": (value, Reason.TOO_LARGE, f"{len(value)} bytes")
        for name, value in TOO_LARGE.items()
    },
}

# Years that Spark can hold and Python, or an hour's arithmetic on them, cannot.
IMPOSSIBLE_YEARS = {
    "year 0 of the event": message(timestamp="0000-06-12T13:00:00Z"),
    "year 0 of the departure": message(
        event_type="departed", scheduled_departure="0000-06-12T13:00:00Z", flight_id="UA1545-EWR-00000612"
    ),
    "first day of year 1": message(
        timestamp="0001-01-01T00:00:00Z",
        scheduled_departure="0001-01-01T00:00:00Z",
        flight_id="UA1545-EWR-00010101",
    ),
}

# One harm of each kind that can be done to a message together with the others.
HARMS: dict[Reason, dict[str, Any]] = {
    Reason.TOO_LARGE: {"remarks": "x" * MAX_MESSAGE_BYTES},
    Reason.UNSUPPORTED_SCHEMA_VERSION: {"schema_version": 4},
    Reason.MISSING_FIELD: {"event_id": None},
    Reason.WRONG_TYPE: {"tail_number": 5},
    Reason.UNKNOWN_AIRLINE: {"airline": "ZZ", "flight_id": "ZZ1545-EWR-20130612"},
    Reason.UNKNOWN_AIRPORT: {"destination": "QQQ"},
    Reason.OUT_OF_RANGE: {"distance_miles": -5.0},
    Reason.INCONSISTENT_TIMES: {"scheduled_arrival": "2013-06-12T13:00:00Z"},
}
SEVERAL_HARMS = {
    " + ".join(reasons): message(
        **{name: value for reason in reasons for name, value in HARMS[reason].items()}
    )
    for size in range(1, len(HARMS) + 1)
    for reasons in combinations(HARMS, size)
    if Reason.TOO_LARGE not in reasons or size <= 2
}


@pytest.fixture(scope="module")
def found():
    """Verdicts of the checks on every message of this module, where codes must be known."""
    rejected = {name: value for name, (value, _, _) in REJECTED.items()}
    cases = {**ACCEPTED, **rejected, **SEVERAL_HARMS, **IMPOSSIBLE_YEARS}
    assert len(cases) == len(ACCEPTED) + len(rejected) + len(SEVERAL_HARMS) + len(IMPOSSIBLE_YEARS), (
        "names of cases are unique"
    )
    return verdicts(cases, reject_unknown=True)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_message_that_keeps_the_contract_is_accepted(found, name):
    assert (found[name].reason, found[name].detail) == (None, None)


@pytest.mark.parametrize("name", REJECTED)
def test_a_message_that_breaks_a_rule_is_rejected_with_its_reason(found, name):
    _, reason, word = REJECTED[name]
    assert found[name].reason == reason.value
    assert word in found[name].detail


@pytest.mark.parametrize("name", SEVERAL_HARMS)
def test_of_several_problems_the_first_in_the_contracts_order_is_the_reason(found, name):
    assert found[name].reason == name.split(" + ", 1)[0]


@pytest.mark.parametrize("name", IMPOSSIBLE_YEARS)
def test_a_year_that_the_later_steps_cannot_compute_with_is_rejected(found, name):
    assert found[name].reason in (
        Reason.OUT_OF_RANGE.value,
        Reason.WRONG_TYPE.value,
        Reason.INCONSISTENT_TIMES.value,
    )


@pytest.mark.parametrize("name", ["airline", "origin", "event_id"])
def test_the_detail_for_an_empty_text_does_not_call_a_string_no_string(found, name):
    assert "is not string but string" not in found[f"type: empty {name}"].detail


def test_an_integer_too_big_for_a_column_is_not_called_no_integer(found):
    assert "is not integer but integer" not in found["type: flight number beyond 32 bits"].detail


def test_every_reason_of_the_contract_has_a_message_that_is_rejected_for_it(found):
    assert {found[name].reason for name in REJECTED} >= {reason.value for reason in CHECKED_REASONS}


def test_all_problems_of_one_kind_are_in_the_detail(found):
    assert found["missing: empty object"].detail.endswith("scheduled_departure, distance_miles")


def test_values_of_an_accepted_message_arrive_unchanged(found):
    row = found["arrived"]
    sent = message(event_type="arrived")
    times = {
        name: datetime.fromisoformat(sent[name])
        for name in ("timestamp", "scheduled_departure", "scheduled_arrival")
    }
    plain = {name: value for name, value in sent.items() if name not in times and name != "weather"}
    assert {name: row[name] for name in plain} == plain
    assert {name: row[name] for name in times} == times
    assert row["weather"] == sent["weather"]


def test_microseconds_are_kept(found):
    assert found["time with microseconds"].timestamp == datetime(2013, 6, 12, 13, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize("name", ["time with nanoseconds", "time with seven digits"])
def test_more_digits_of_a_second_are_cut_to_microseconds(found, name):
    assert found[name].timestamp == datetime(2013, 6, 12, 13, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize("name", ["time east of UTC", "time west of UTC"])
def test_a_time_with_an_offset_is_the_moment_that_it_names(found, name):
    assert found[name].timestamp == datetime(2013, 6, 12, 13, tzinfo=UTC)


def test_numbers_with_more_digits_than_a_double_are_rounded(found):
    assert found["distance with 60 digits"].distance_miles == pytest.approx(1400.1111111)


def test_a_field_of_version_2_is_taken_from_version_2_on(found):
    assert found["version 2 with its field"].gate == "B12"
    assert found["version 2 without its field"].gate is None
    assert found["version 1 with what became a field later"].gate is None


def test_a_changed_type_is_refused_in_the_version_that_has_the_field(found):
    rejected = found["type: gate = 5"]
    assert (rejected.reason, rejected.detail) == ("wrong_type", "gate is not string but integer")


def test_names_that_the_messages_version_does_not_have_are_reported_cut_to_a_bearable_length(found):
    assert found["version 1 with what became a field later"].unknown_fields == ["gate"]
    assert found["version 2 with its field"].unknown_fields == []
    assert set(found["fields that no version has"].unknown_fields) == {"colour", "x" * 64}
    assert found["version 4"].unknown_fields is None


@pytest.mark.parametrize("name", ["empty tail number", "blank tail number"])
def test_an_empty_tail_number_is_none(found, name):
    assert found[name].tail_number is None


def test_a_text_that_cannot_be_a_registration_is_dropped_and_counted(found):
    row = found["astral character escaped as two surrogates"]
    assert (row.tail_number, row.cleaned) == (None, ["tail_number"])


TAILS = [
    "=HYPERLINK(1)",
    "@SUM(1+1)",
    "+1",
    "[/RED]",
    "<B>X</B>",
    "| X |",
    "N1\u202eGNP",
    "\x00",
    "N1\nN2",
    "Ν14228",
    "N" * 11,
]


@pytest.mark.parametrize("tail", TAILS)
def test_formulas_markup_control_characters_and_look_alike_letters_are_no_registrations(tail):
    row = checked([message(tail_number=tail)])[0]
    assert (row.reason, row.tail_number, row.cleaned) == (None, None, ["tail_number"])


@pytest.mark.parametrize("tail", ["N14228", "g-euuu", "9M-MRO", "RA-73025"])
def test_registrations_of_the_world_are_kept(tail):
    row = checked([message(tail_number=tail)])[0]
    assert (row.tail_number, row.cleaned) == (tail.upper(), [])


def test_wrong_types_in_weather_are_counted_by_field_and_the_event_is_staged():
    weather = {
        "temperature_f": "39.0",
        "dew_point_f": "M",
        "wind_speed_mph": True,
        "pressure_mb": [1],
        "humidity_pct": 60,
        "temp": 1,
    }
    row = checked([message(weather=weather)])[0]
    assert (row.reason, row.weather["humidity_pct"], row.weather["temperature_f"]) == (None, 60.0, None)
    assert sorted(row.cleaned) == [
        f"weather.{name}" for name in ("dew_point_f", "pressure_mb", "temperature_f", "wind_speed_mph")
    ]
    assert row.unknown_fields == ["weather.temp"]


@pytest.mark.parametrize(
    ("name", "codes"), [("airline", ["airline:ZZ"]), ("both airports", ["origin:QQQ", "destination:QQZ"])]
)
def test_well_formed_codes_that_nobody_knows_are_staged_and_flagged_unless_they_must_be_known(name, codes):
    row = checked([UNKNOWN_CODES[name][0]])[0]
    assert (row.reason, row.unknown_codes) == (None, codes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"airline": "U?", "flight_id": "UA1545-EWR-20130612"}, "wrong_type"),
        ({"airline": "U?", "flight_id": "U?1545-EWR-20130612"}, "unknown_airline"),
        ({"destination": "I4H"}, "unknown_airport"),
    ],
)
def test_what_is_no_code_is_rejected_whatever_the_setting(changes, reason):
    assert [checked([message(**changes)], reject)[0].reason for reject in (False, True)] == [reason, reason]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (b"\xef\xbb\xbf" + VALID.encode(), "byte order mark"),
        (literal("distance_miles", "NaN"), "NaN is no number"),
        (f'{VALID[:-1]}, "airline": "AA"}}'.encode(), "the name airline comes twice"),
        (literal("tail_number", '"\\ud800"'), "half a surrogate pair"),
        (literal("distance_miles", "9" * 5_000), "5000 digits"),
        (f'{VALID[:-1]}, "x": {"[" * MAX_NESTING}{"]" * MAX_NESTING}}}'.encode(), "levels deep"),
        (VALID.encode() + b"\xff", "is not UTF-8"),
        (b"", "empty"),
        (None, "tombstone"),
    ],
)
def test_the_detail_names_the_exact_problem(value, word):
    row = checked([value])[0]
    assert (row.reason, word in row.detail) == ("not_json", True)


def test_a_value_that_was_cut_is_too_large_by_its_true_size():
    raw = raw_batch([b"x" * 100]).append_column("value_bytes", pa.array([200_000_000], pa.int64()))
    row = check(raw, Checks(reference())).to_pylist()[0]
    assert (row["reason"], row["detail"]) == ("too_large", "200000000 bytes")
