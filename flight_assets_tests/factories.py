"""Messages and frames that the tests are made of: valid by default, each test changes the one thing that it
is about.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from flight_assets.contracts.reference import Reference, load_reference
from flight_assets.contracts.tables import FACT, STAGING, Table
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks

# After everything that happens to the flights here.
TOOK_AT = datetime(2013, 7, 1, 9, 0, tzinfo=UTC)
DELAYS = {
    "departed": {"departure_delay_minutes": 4.0},
    "arrived": {"departure_delay_minutes": 4.0, "arrival_delay_minutes": -7.0},
}
HAPPENED = {
    "scheduled": "2013-06-12T13:00:00Z",
    "departed": "2013-06-12T14:04:00Z",
    "arrived": "2013-06-12T18:23:00Z",
    "cancelled": "2013-06-12T14:00:00Z",
}
WEATHER = {
    "temperature_f": 66.2,
    "dew_point_f": 51.1,
    "humidity_pct": 58.0,
    "wind_direction_deg": 250.0,
    "wind_speed_mph": 9.2,
    "wind_gust_mph": 17.3,
    "precipitation_in": 0.0,
    "pressure_mb": 1015.2,
    "visibility_miles": 10.0,
}


def message(**changes: Any) -> dict[str, Any]:
    """A valid message of flight UA1545 from Newark to Houston, 12 June 2013.

    Its times and delays are those of its event_type.
    """
    event_type = changes.get("event_type", "scheduled")
    return {
        "schema_version": 1,
        "event_id": f"UA1545-EWR-20130612:{event_type}",
        "event_type": event_type,
        "timestamp": HAPPENED.get(event_type, HAPPENED["scheduled"]),
        "flight_id": "UA1545-EWR-20130612",
        "airline": "UA",
        "flight_number": 1545,
        "tail_number": "N14228",
        "origin": "EWR",
        "destination": "IAH",
        "scheduled_departure": "2013-06-12T14:00:00Z",
        "scheduled_arrival": "2013-06-12T18:30:00Z",
        "distance_miles": 1400.0,
        "departure_delay_minutes": None,
        "arrival_delay_minutes": None,
        "weather": WEATHER,
        **DELAYS.get(event_type, {}),
        **changes,
    }


def without(name: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """The message without one of its fields."""
    return {key: value for key, value in (event or message()).items() if key != name}


def z(moment: datetime) -> str:
    """Return the RFC 3339 text of a moment, in seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode(value: Any) -> bytes | None:
    """Value in Kafka: bytes as they are, None as a tombstone, anything else as JSON."""
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def raw_batch(
    values: list[Any], batch_id: int = 0, offsets: list[int] | None = None, taken_at: datetime = TOOK_AT
) -> pa.RecordBatch:
    """A batch of messages as landing leaves them.

    Kafka took them a second apart in the order of their offsets.
    """
    places = list(offsets or range(len(values)))
    columns = {
        "key": pa.array([b"key"] * len(values), pa.binary()),
        "value": pa.array([encode(value) for value in values], pa.binary()),
        "topic": pa.array(["flight_events"] * len(values), pa.string()),
        "kafka_partition": pa.array([0] * len(values), pa.int32()),
        "kafka_offset": pa.array(places, pa.int64()),
        "ingestion_timestamp": pa.array(
            [taken_at + timedelta(seconds=place) for place in places], pa.timestamp("us", "UTC")
        ),
        "batch_id": pa.array([batch_id] * len(values), pa.int64()),
    }
    return pa.RecordBatch.from_pydict(columns)


@cache
def reference() -> Reference:
    """The airlines and airports that messages may name."""
    return load_reference()


class Row(dict[str, Any]):
    """A row whose columns are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def checked(values: list[Any], reject_unknown: bool = False, **raw: Any) -> list[Row]:
    """Return the result of the checks for each message."""
    found = check(raw_batch(values, **raw), Checks(reference(), reject_unknown))
    return [Row(row) for row in found.to_pylist()]


def verdicts(cases: dict[str, Any], reject_unknown: bool = False) -> dict[str, Row]:
    """Return the outcome of each case's message, by its name."""
    rows = checked(list(cases.values()), reject_unknown)
    assert len(rows) == len(cases), "every message has one verdict"
    return dict(zip(cases, rows, strict=True))


def staged(**changes: Any) -> dict[str, Any]:
    """A row of ``staging_flight_events`` of that flight.

    With ``event_type``, the event's own time, id and delays.
    """
    event = message(**{name: value for name, value in changes.items() if name in ("event_type", "timestamp")})
    row = {
        **event,
        "timestamp": utc(event["timestamp"]),
        "scheduled_departure": utc(event["scheduled_departure"]),
        "scheduled_arrival": utc(event["scheduled_arrival"]),
        "flight_date": date(2013, 6, 12),
        "route": "EWR-IAH",
        "month": 6,
        "day_of_week": 3,
        "hour": 10,
        "is_weekend": False,
        "quality_score": 1.0,
        **dict.fromkeys(("gate", "flight_suffix", "diverted_to", "source", "destination_weather")),
        "unknown_codes": [],
        "low_quality": False,
        "kafka_partition": 0,
        "kafka_offset": 0,
        "ingestion_timestamp": TOOK_AT,
        "batch_id": 0,
        "processing_date": TOOK_AT.date(),
    }
    return row | {name: value for name, value in changes.items() if name != "timestamp"}


def utc(text: str) -> datetime:
    """The moment of an RFC 3339 text."""
    return datetime.fromisoformat(text)


def fact(**changes: Any) -> dict[str, Any]:
    """A row of ``fact_flight_events`` of that flight, without prediction."""
    row = staged(**{name: value for name, value in changes.items() if name in STAGING.column_names})
    return {name: row.get(name, changes.get(name)) for name in FACT.column_names}


def frame(spark, table: Table, rows: list[dict[str, Any]]):
    """Rows of a table as a frame; a column that a row does not name is null."""
    schema = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
    return spark.createDataFrame(
        [tuple(row.get(name) for name in table.column_names) for row in rows], schema
    )


def merge_flights(house, rows: list[dict[str, Any]]) -> int:
    """Bring flights to these states in the fact table, as a batch does. Returns the rows written."""
    from flight_assets.contracts.ranges import date_ranges
    from flight_assets.pipeline import write_fact
    from flight_assets.pipeline.flights import Scope
    from flight_assets.stores.warehouse import computed

    scope = Scope(0, date_ranges(row["flight_date"] for row in rows), [])
    return write_fact.merge_flights(house, computed(frame(house.spark, FACT, rows)), scope)
