"""Message contract for other programs: JSON Schema and AsyncAPI from ``contracts.message``, with examples."""

from __future__ import annotations

from typing import Any

from flight_assets.contracts import units
from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    REQUIRED_DELAYS,
    SCHEMA_VERSIONS,
    WEATHER_FIELDS,
    WEATHER_PREFIXES,
    EventType,
    Field,
    fields_of,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
Schema = dict[str, Any]

# RFC 3339: the offset may be Z or any other but -00:00, the fraction up to nine digits.
TIME = r"^(19|20)\d{2}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
# Plain groups instead of Python's (?:…), for the dialects of other programs.
AIRLINE, AIRPORT, FLIGHT_ID = (
    f"^{pattern.replace('(?:', '(')}$" for pattern in (units.AIRLINE, units.AIRPORT, units.FLIGHT_ID)
)
_PATTERNS = {"airline": AIRLINE, "origin": AIRPORT, "destination": AIRPORT, "flight_id": FLIGHT_ID}
_TYPES = {"string": "string", "integer": "integer", "number": "number", "time": "string", "object": "object"}

_FLIGHT = {
    "flight_id": "UA1545-EWR-20260612",
    "airline": "UA",
    "flight_number": 1545,
    "tail_number": "N14228",
    "origin": "EWR",
    "destination": "IAH",
    "scheduled_departure": "2026-06-12T14:00:00Z",
    "scheduled_arrival": "2026-06-12T18:30:00Z",
    "distance_miles": 1400.0,
    "departure_delay_minutes": None,
    "arrival_delay_minutes": None,
    "weather": None,
}
_HAPPENED: dict[str, Schema] = {
    "scheduled": {"timestamp": "2026-06-12T13:00:00Z"},
    "departed": {"timestamp": "2026-06-12T14:04:00Z", "departure_delay_minutes": 4.0},
    "diverted": {"timestamp": "2026-06-12T17:40:00Z", "departure_delay_minutes": 4.0, "diverted_to": "AUS"},
    "arrived": {
        "timestamp": "2026-06-12T18:23:00Z",
        "departure_delay_minutes": 4.0,
        "arrival_delay_minutes": -7.0,
    },
    "cancelled": {"timestamp": "2026-06-12T14:00:00Z"},
}
_WEATHER = {
    "temperature_f": 66.2,
    "dew_point_f": 51.1,
    "humidity_pct": 58.0,
    "wind_direction_deg": 250,
    "wind_speed_mph": 9.2,
    "wind_gust_mph": None,
    "precipitation_in": 0.0,
    "pressure_mb": 1015.2,
    "visibility_miles": 10.0,
}


def example(kind: EventType, version: int = SCHEMA_VERSIONS[-1]) -> Schema:
    """Return a valid message of a kind of event."""
    named = {
        "schema_version": version,
        "event_id": f"{_FLIGHT['flight_id']}:{kind.value}",
        "event_type": kind.value,
    }
    values = {**named, **_FLIGHT, **_HAPPENED[kind.value], **dict.fromkeys(WEATHER_PREFIXES, _WEATHER)}
    return {field.name: values[field.name] for field in fields_of(version) if field.name in values}


def json_schema() -> Schema:
    """Return the JSON Schema of a message of the newest version; older versions are valid by it as well.

    It holds what a schema can say. The order of times, the local date in a flight_id and known codes are
    checked by the platform only. Unknown further fields are allowed, and so are implausible values of
    weather: they are dropped.
    """
    return {
        "$schema": DRAFT,
        "title": "Flight event",
        "description": (
            f"One thing that happened to a flight. UTF-8 JSON of at most {MAX_MESSAGE_BYTES} bytes; the key"
            " is flight_id."
        ),
        "type": "object",
        "required": [field.name for field in MESSAGE_FIELDS if field.required],
        "properties": {field.name: _field(field) for field in MESSAGE_FIELDS},
        "allOf": [_delays_of(kind) for kind in EventType],
        "examples": [example(kind) for kind in EventType],
    }


def asyncapi(topic: str) -> Schema:
    """Return the AsyncAPI document of the topic: one channel, to which producers send flight events."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Flight events",
            "version": f"{SCHEMA_VERSIONS[-1]}.0.0",
            "description": (
                "Life-cycle events of flights. Sending the same event_id again is harmless: it is counted as"
                " a duplicate."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "flightEvents": {
                "address": topic,
                "messages": {"flightEvent": {"$ref": "#/components/messages/flightEvent"}},
            }
        },
        "operations": {
            "sendFlightEvent": {"action": "receive", "channel": {"$ref": "#/channels/flightEvents"}}
        },
        "components": {
            "messages": {
                "flightEvent": {
                    "name": "flightEvent",
                    "bindings": {"kafka": {"key": {"type": "string", "description": "flight_id"}}},
                    "payload": {
                        key: value
                        for key, value in json_schema().items()
                        if key not in ("$schema", "examples")
                    },
                    "examples": [{"name": kind.value, "payload": example(kind)} for kind in EventType],
                }
            }
        },
    }


def _field(field: Field) -> Schema:
    """Return the schema of one field; an optional one may be null."""
    kind = _TYPES[field.json_type]
    schema: Schema = {"description": field.description + (f" [{field.unit}]" if field.unit else "")}
    schema["type"] = kind if field.required else [kind, "null"]
    if field.json_type == "time":
        schema |= {"format": "date-time", "pattern": TIME}
    if field.name in _PATTERNS:
        schema["pattern"] = _PATTERNS[field.name]
    if field.name == "schema_version":
        schema["enum"] = list(SCHEMA_VERSIONS)
    if field.name == "event_type":
        schema["enum"] = [kind.value for kind in EventType]
    if field.name in WEATHER_PREFIXES:
        schema["properties"] = {each.name: _weather_field(each) for each in WEATHER_FIELDS}
    return schema | _bounds(field)


def _weather_field(field: Field) -> Schema:
    """Return the schema of a measurement: a value outside the plausible range is allowed, and dropped."""
    return {
        "description": f"{field.description} [{field.unit}], plausible from {field.low:g} to {field.high:g}"
    }


def _bounds(field: Field) -> Schema:
    if not field.is_bounded:
        return {}
    low = "exclusiveMinimum" if field.low_open else "minimum"
    high = "exclusiveMaximum" if field.high_open else "maximum"
    return {low: field.low, high: field.high}


def _delays_of(kind: EventType) -> Schema:
    """Return the rule about the delays that an event of this kind must and must not have."""
    needed = REQUIRED_DELAYS[kind]
    then: Schema = {
        "properties": (
            {name: {"type": "number"} for name in needed}
            | {name: {"type": "null"} for name in FORBIDDEN_DELAYS[kind]}
        )
    }
    if needed:
        then["required"] = list(needed)
    return {
        "if": {"properties": {"event_type": {"const": kind.value}}, "required": ["event_type"]},
        "then": then,
    }
