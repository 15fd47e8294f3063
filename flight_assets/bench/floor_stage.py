"""Stage of the floor: messages to rows of the staging and quarantine tables, with Polars."""

from __future__ import annotations

import json
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from flight_assets.contracts.delivery import SCORED_FIELDS
from flight_assets.contracts.dimensions import airlines, airports
from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    REQUIRED_DELAYS,
    SCHEMA_VERSIONS,
    WEATHER_FIELDS,
    EventType,
    Field,
    Reason,
)
from flight_assets.contracts.tables import (
    QUARANTINE,
    STAGING,
    Table,
    arrow_schema,
)
from flight_assets.contracts.units import FLIGHT_ID_V1
from flight_assets.transforms.inputs import LOW_QUALITY_BELOW

RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
WEATHER = pl.Struct({field.name: pl.Float64 for field in WEATHER_FIELDS})
NUMBERS = {"integer": pl.Int32, "number": pl.Float64}
ARRIVAL = ["ingestion_timestamp", "kafka_partition", "kafka_offset"]


def stage(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of ``staging_flight_events``, the valid events, each event_id once.

    And of ``quarantined_events``, the rejected messages.
    """
    messages = raw.with_columns(
        pl.Series("text", [_text(value) for value in raw["value"]], pl.String),
        pl.col("ingestion_timestamp").dt.date().alias("processing_date"),
    )
    is_object = pl.col("text").str.json_path_match("$.schema_version").is_not_null()
    messages = messages.with_columns(is_object.fill_null(False).alias("is_object"))
    parsed = _parse(messages.filter("is_object")).with_columns(_is_valid().fill_null(False).alias("is_valid"))
    valid = parsed.filter("is_valid").sort(ARRIVAL).unique("event_id", keep="first", maintain_order=True)
    refused = [messages.filter(~pl.col("is_object")), parsed.filter(~pl.col("is_valid"))]
    return rows_of(STAGING, _enriched(valid)), _quarantined(pl.concat(refused, how="diagonal"))


def rows_of(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the columns of a table, null where they do not have one."""
    empty = pl.DataFrame(arrow_schema(table).empty_table())
    lacking = [
        pl.lit(None, kind).alias(name) for name, kind in empty.schema.items() if name not in rows.columns
    ]
    return rows.with_columns(lacking).select(table.column_names)


def _text(value: bytes) -> str | None:
    try:
        return value.decode() if len(value) <= MAX_MESSAGE_BYTES else None
    except UnicodeDecodeError:
        return None


def _parse(messages: pl.DataFrame) -> pl.DataFrame:
    """Return the contract's fields, typed; null where unusable.

    Numbers are read as text first: one of the wrong type then fails alone.
    """
    kinds = {field.name: WEATHER if field.json_type == "object" else pl.String for field in MESSAGE_FIELDS}
    parsed = messages.with_columns(pl.col("text").str.json_decode(pl.Struct(kinds)).alias("event")).unnest(
        "event"
    )
    return parsed.with_columns(
        *(
            pl.col(field.name).cast(NUMBERS[field.json_type], strict=False)
            for field in MESSAGE_FIELDS
            if field.json_type in NUMBERS
        ),
        *(
            pl.col(field.name).str.to_datetime(RFC3339, time_unit="us", time_zone="UTC", strict=False)
            for field in MESSAGE_FIELDS
            if field.json_type == "time"
        ),
        pl.when(pl.col("schema_version") == "2").then(pl.col("gate")).alias("gate"),
        pl.col("flight_id").str.slice(-8).str.to_date("%Y%m%d", strict=False).alias("flight_date"),
    )


def _is_valid() -> pl.Expr:
    """Return the condition of a valid event. Null counts as no."""
    expected = pl.concat_str(
        "airline", pl.col("flight_number").cast(pl.String), pl.lit("-"), "origin", pl.lit("-")
    )
    kind = pl.col("event_type")
    conditions = [
        pl.col("schema_version").is_in(SCHEMA_VERSIONS),
        kind.is_in([each.value for each in EventType]),
        *(pl.col(field.name).is_not_null() for field in MESSAGE_FIELDS if field.required),
        *(
            (kind != each.value) | pl.col(name).is_not_null()
            for each, names in REQUIRED_DELAYS.items()
            for name in names
        ),
        *(
            (kind != each.value) | pl.col(name).is_null()
            for each, names in FORBIDDEN_DELAYS.items()
            for name in names
        ),
        *(_in_range(field) for field in MESSAGE_FIELDS if field.is_bounded),
        pl.col("airline").is_in(airlines()["code"].tolist()),
        pl.col("origin").is_in(airports()["code"].tolist()),
        pl.col("destination").is_in(airports()["code"].tolist()),
        pl.col("origin") != pl.col("destination"),
        pl.col("flight_id").str.contains(f"^{FLIGHT_ID_V1}$") & pl.col("flight_id").str.starts_with(expected),
        (pl.col("scheduled_arrival") > pl.col("scheduled_departure")) | pl.col("scheduled_arrival").is_null(),
        (kind != EventType.SCHEDULED.value) | (pl.col("timestamp") <= pl.col("scheduled_departure")),
        ~kind.is_in(["departed", "arrived"])
        | (pl.col("timestamp") >= pl.col("scheduled_departure") - pl.duration(minutes=180)),
        (pl.col("flight_date") - pl.col("scheduled_departure").dt.date()).dt.total_days().abs() <= 1,
    ]
    return reduce(and_, conditions)


def _in_range(field: Field) -> pl.Expr:
    value = pl.col(field.name)
    above = value > field.low if field.low_open else value >= field.low
    below = value < field.high if field.high_open else value <= field.high
    return (above & below) if field.required else (above & below) | value.is_null()


def _enriched(events: pl.DataFrame) -> pl.DataFrame:
    weather = {field.name: pl.col("weather").struct.field(field.name) for field in WEATHER_FIELDS}
    plausible = {
        field.name: weather[field.name].is_between(field.low, field.high).fill_null(False)
        for field in WEATHER_FIELDS
    }
    present = sum(
        (value.is_not_null().cast(pl.Int32) for value in (*map(pl.col, SCORED_FIELDS), *weather.values())),
        pl.lit(0),
    )
    good = sum(
        (
            flag.cast(pl.Int32)
            for flag in (*(pl.col(name).is_not_null() for name in SCORED_FIELDS), *plausible.values())
        ),
        pl.lit(0),
    )
    zones = airports().set_index("code")["time_zone"]
    hour = pl.lit(None, pl.Int32)
    for code in events["origin"].unique():
        local = pl.col("scheduled_departure").dt.convert_time_zone(zones[code]).dt.hour().cast(pl.Int32)
        hour = pl.when(pl.col("origin") == code).then(local).otherwise(hour)
    kept = pl.struct(*(pl.when(plausible[name]).then(value).alias(name) for name, value in weather.items()))
    return events.with_columns(
        (
            present
            / len([*SCORED_FIELDS, *weather])
            * pl.when(present == 0).then(1.0).otherwise(good / present)
        )
        .round(4)
        .alias("quality_score"),
        pl.when(pl.col("weather").is_not_null()).then(kept).alias("weather"),
        pl.concat_str("origin", pl.lit("-"), "destination").alias("route"),
        hour.alias("hour"),
        pl.col("flight_date").dt.month().cast(pl.Int32).alias("month"),
        pl.col("flight_date").dt.weekday().cast(pl.Int32).alias("day_of_week"),
        (pl.col("flight_date").dt.weekday() >= 6).alias("is_weekend"),
    ).with_columns((pl.col("quality_score") < LOW_QUALITY_BELOW).alias("low_quality"))


def _quarantined(refused: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``quarantined_events``. Few, so each is looked at by itself; the detail stays empty."""
    reasons = [
        _reason(row)
        for row in refused.select("value", "schema_version", "airline", "origin", "destination").iter_rows(
            named=True
        )
    ]
    columns: dict[str, Any] = {
        "reason": pl.Series(reasons, dtype=pl.String),
        "detail": pl.lit(None, pl.String),
    }
    return refused.with_columns(**columns).select(QUARANTINE.column_names)


def _reason(row: dict[str, Any]) -> str:
    if len(row["value"]) > MAX_MESSAGE_BYTES:
        return Reason.TOO_LARGE
    try:
        message = json.loads(row["value"])
    except ValueError:
        return Reason.NOT_JSON
    if not isinstance(message, dict):
        return Reason.NOT_AN_OBJECT
    if message.get("schema_version") not in SCHEMA_VERSIONS:
        return (
            Reason.UNSUPPORTED_SCHEMA_VERSION
            if message.get("schema_version") is not None
            else Reason.MISSING_FIELD
        )
    if any(message.get(field.name) is None for field in MESSAGE_FIELDS if field.required):
        return Reason.MISSING_FIELD
    if row["airline"] not in set(airlines()["code"]):
        return Reason.UNKNOWN_AIRLINE
    if not {row["origin"], row["destination"]} <= set(airports()["code"]):
        return Reason.UNKNOWN_AIRPORT
    return Reason.OUT_OF_RANGE
