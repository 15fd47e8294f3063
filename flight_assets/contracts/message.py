"""Kafka message: a UTF-8 JSON object, keyed by flight_id, one per event of a flight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import inf, isfinite

# The version that the producers here write.
SCHEMA_VERSION = 1
# Accepted versions, and since when. A new version only adds optional fields.
TAKEN_SINCE = {1: date(2026, 11, 1), 2: date(2026, 11, 23), 3: date(2026, 11, 30)}
SCHEMA_VERSIONS = tuple(TAKEN_SINCE)
MAX_MESSAGE_BYTES = 65_536
# Bounds of a JSON text. Those of Python's reader depend on the depth of the call.
MAX_NESTING = 100
MAX_NUMBER_DIGITS = 1_000
MAX_NAMES = 5_000
MAX_EVENT_ID_CHARACTERS = 200
MIN_DELAY_MINUTES, MAX_DELAY_MINUTES = -1_440, 20_160


class EventType(StrEnum):
    """Types of events of a flight, in the order in which they can happen."""

    SCHEDULED = "scheduled"
    DEPARTED = "departed"
    DIVERTED = "diverted"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Reasons to reject a message. A message has one: the first that applies, in this order.

    The checks give all but ``batch_moved``, which is for a batch that an operator moved to quarantine as a
    whole. A malformed code gives ``unknown_airline`` or ``unknown_airport``. With the setting
    ``unknown_codes=reject``, so does a code that the reference data lacks.
    """

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNSUPPORTED_SCHEMA_VERSION = "unsupported_schema_version"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_AIRLINE = "unknown_airline"
    UNKNOWN_AIRPORT = "unknown_airport"
    OUT_OF_RANGE = "out_of_range"
    INCONSISTENT_TIMES = "inconsistent_times"
    BATCH_MOVED = "batch_moved"


# The reasons that the checks give.
CHECKED_REASONS = tuple(reason for reason in Reason if reason is not Reason.BATCH_MOVED)


@dataclass(frozen=True)
class Field:
    """One field of the message.

    - ``json_type``: string, integer, number, time (a string: RFC 3339, UTC) or object
    - ``low``, ``high``: bounds of the value, ends included
    - ``low_open``, ``high_open``: exclude the lower or the upper end
    - ``required``: otherwise it may be null or absent
    - ``since``: the version that added it; in a message of an older version, the name is unknown and its
       value ignored
    """

    name: str
    json_type: str
    description: str
    unit: str = ""
    required: bool = True
    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    since: int = 1

    @property
    def is_bounded(self) -> bool:
        """Return whether the value has bounds."""
        return isfinite(self.low) or isfinite(self.high)


def _delay(name: str, description: str) -> Field:
    return Field(
        name, "number", description, "minutes", required=False, low=MIN_DELAY_MINUTES, high=MAX_DELAY_MINUTES
    )


MESSAGE_FIELDS: tuple[Field, ...] = (
    Field("schema_version", "integer", "version of this contract"),
    Field("event_id", "string", "unique per event; the same id twice is a duplicate"),
    Field("event_type", "string", "scheduled, departed, diverted (from version 3), arrived or cancelled"),
    Field("timestamp", "time", "when it happened", "UTC"),
    Field(
        "flight_id",
        "string",
        "carrier + number + '-' + origin + '-' + scheduled local date, e.g. UA1545-EWR-20130101",
    ),
    Field("airline", "string", "IATA carrier code"),
    Field("flight_number", "integer", "the carrier's number of the flight", low=1, high=9999),
    Field("tail_number", "string", "registration of the aircraft", required=False),
    Field("origin", "string", "IATA airport code"),
    Field("destination", "string", "IATA airport code, different from the origin"),
    Field("scheduled_departure", "time", "planned departure", "UTC"),
    Field("scheduled_arrival", "time", "planned arrival", "UTC", required=False),
    Field(
        "distance_miles",
        "number",
        "great-circle distance",
        "miles",
        low=0,
        high=12_500,
        low_open=True,
        high_open=True,
    ),
    Field(
        "departure_delay_minutes",
        "number",
        "negative = early; null until departed",
        "minutes",
        required=False,
        low=MIN_DELAY_MINUTES,
        high=MAX_DELAY_MINUTES,
    ),
    Field(
        "arrival_delay_minutes",
        "number",
        "negative = early; null until arrived",
        "minutes",
        required=False,
        low=MIN_DELAY_MINUTES,
        high=MAX_DELAY_MINUTES,
    ),
    Field("weather", "object", "at the origin in the scheduled hour", required=False),
    Field("gate", "string", "gate of departure at the origin", required=False, since=2),
    Field(
        "flight_suffix",
        "string",
        "operational suffix of the flight number, one letter",
        required=False,
        since=3,
    ),
    Field(
        "diverted_to",
        "string",
        "airport that a diverted flight goes to, where it is known",
        required=False,
        since=3,
    ),
    Field("source", "string", "who sent the message", required=False, since=3),
    Field(
        "destination_weather",
        "object",
        "at the destination, the last report known at the event ``scheduled``",
        required=False,
        since=3,
    ),
)


def fields_of(version: int) -> tuple[Field, ...]:
    """Return the fields of a version of the contract, in order."""
    return tuple(field for field in MESSAGE_FIELDS if field.since <= version)


# Plausible ranges, after the extremes recorded by the US National Weather Service. A value outside is dropped
# and lowers the score.
WEATHER_FIELDS: tuple[Field, ...] = (
    Field("temperature_f", "number", "air temperature", "°F", required=False, low=-90, high=140),
    Field("dew_point_f", "number", "dew point", "°F", required=False, low=-100, high=100),
    Field("humidity_pct", "number", "relative humidity", "%", required=False, low=0, high=100),
    Field(
        "wind_direction_deg", "number", "direction the wind comes from", "°", required=False, low=0, high=360
    ),
    Field("wind_speed_mph", "number", "sustained wind", "mph", required=False, low=0, high=250),
    Field("wind_gust_mph", "number", "gusts", "mph", required=False, low=0, high=300),
    Field(
        "precipitation_in", "number", "precipitation in the hour", "inches", required=False, low=0, high=15
    ),
    Field("pressure_mb", "number", "sea-level pressure", "millibars", required=False, low=850, high=1_100),
    Field("visibility_miles", "number", "visibility", "miles", required=False, low=0, high=100),
)

# Objects of weather, and what their values are called as columns of their own.
WEATHER_PREFIXES = {"weather": "", "destination_weather": "destination_"}
FLAT_WEATHER: dict[str, tuple[str, str]] = {
    f"{prefix}{field.name}": (name, field.name)
    for name, prefix in WEATHER_PREFIXES.items()
    for field in WEATHER_FIELDS
}

# Delays that a message of each type must have, and those that it must not have yet.
REQUIRED_DELAYS: dict[EventType, tuple[str, ...]] = {
    EventType.SCHEDULED: (),
    EventType.DEPARTED: ("departure_delay_minutes",),
    EventType.DIVERTED: ("departure_delay_minutes",),
    EventType.ARRIVED: ("departure_delay_minutes", "arrival_delay_minutes"),
    EventType.CANCELLED: (),
}
FORBIDDEN_DELAYS: dict[EventType, tuple[str, ...]] = {
    EventType.SCHEDULED: ("departure_delay_minutes", "arrival_delay_minutes"),
    EventType.DEPARTED: ("arrival_delay_minutes",),
    EventType.DIVERTED: ("arrival_delay_minutes",),
    EventType.ARRIVED: (),
    EventType.CANCELLED: ("arrival_delay_minutes",),
}
