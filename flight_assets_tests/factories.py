"""Messages and frames that the tests are made of: valid by default, each test changes the one thing that it is about."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flight_assets.contracts import dimensions
from flight_assets.contracts.tables import FACT, STAGING, Table

TOOK_AT = datetime(2013, 6, 12, 9, 0, tzinfo=UTC)
RAW_COLUMNS = (
    "key BINARY, value BINARY, topic STRING, kafka_partition INT, kafka_offset BIGINT, ingestion_timestamp TIMESTAMP, batch_id BIGINT"
)
DELAYS = {"departed": {"departure_delay_minutes": 4.0}, "arrived": {"departure_delay_minutes": 4.0, "arrival_delay_minutes": -7.0}}
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
    """A valid message of flight UA1545 from Newark to Houston, 12 June 2013; its times and delays are those of its event_type."""
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


def encode(value: Any) -> bytes | None:
    """What Kafka holds: bytes as they are, None as a tombstone, anything else as JSON."""
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def raw_rows(spark, values: list[Any], batch_id: int = 0, offsets: list[int] | None = None, apart_s: int = 1, partition: int = 0):
    """A batch of messages as landing leaves them; Kafka took them ``apart_s`` seconds apart in the order of their offsets."""
    rows = [
        (b"key", encode(value), "flight_events", partition, offset, TOOK_AT + timedelta(seconds=offset * apart_s), batch_id)
        for offset, value in zip(offsets or range(len(values)), values, strict=True)
    ]
    return spark.createDataFrame(rows, RAW_COLUMNS)


def dimension_frames(spark) -> tuple[Any, Any]:
    """The airlines and the airports that messages may name."""
    airlines = spark.createDataFrame(dimensions.airlines()[["code", "name"]])
    airports = spark.createDataFrame(dimensions.airports()[["code", "time_zone"]])
    return airlines, airports


def verdicts(spark, cases: dict[str, Any]) -> dict[str, Any]:
    """What became of each case's message: reason, detail, and the contract's fields, times as text (Spark's range is wider than Python's).

    One Spark action for all, since each takes a second.
    """
    from pyspark.sql import functions as F

    from flight_assets.contracts.message import MESSAGE_FIELDS
    from flight_assets.transforms.stage import check_messages

    checked = check_messages(raw_rows(spark, list(cases.values())), *dimension_frames(spark))
    fields = [F.col(field.name).cast("string") if field.json_type == "time" else F.col(field.name) for field in MESSAGE_FIELDS]
    rows = checked.select("kafka_offset", "reason", "detail", "unknown_fields", *fields).collect()
    names = list(cases)
    assert len(rows) == len(names), "every message has one verdict"
    return {names[row.kafka_offset]: row for row in rows}


def staged(**changes: Any) -> dict[str, Any]:
    """A row of ``staging_flight_events`` of that flight; with ``event_type``, the event's own time, id and delays."""
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
    return spark.createDataFrame([tuple(row.get(name) for name in table.column_names) for row in rows], schema)
