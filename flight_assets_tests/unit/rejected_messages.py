"""Messages that break a rule of the contract, with the reason."""

from __future__ import annotations

from typing import Any

from flight_assets.contracts.message import (
    MAX_EVENT_ID_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    Reason,
)
from flight_assets_tests.factories import encode, message, without
from flight_assets_tests.unit.message_cases import BAD_TIMES, VALID, WRONG_VALUES, arrived, flight, literal

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
