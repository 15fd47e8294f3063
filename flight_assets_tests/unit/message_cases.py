"""Messages that keep the contract, and messages with several faults."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from flight_assets.contracts.message import (
    MAX_EVENT_ID_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MAX_NESTING,
    Reason,
)
from flight_assets_tests.factories import encode, message, without

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
