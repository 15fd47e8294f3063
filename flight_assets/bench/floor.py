"""Floor: a batch in one process without Spark, tables or orchestration.

It is the least cost of the same rows.
"""

from __future__ import annotations

import json
import sys
import time
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from pymongo import ReplaceOne

from flight_assets.bench.batch_spec import BatchSpec
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
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    QUARANTINE,
    STAGING,
    Table,
    arrow_schema,
)
from flight_assets.contracts.units import FLIGHT_ID_V1
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.serving.predict import predict
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.transforms.inputs import LOW_QUALITY_BELOW

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.delay_model.registry.model import DelayModel


CORES = 2
MESSAGES_AT_ONCE = 10_000
WRITES_AT_ONCE = 10_000
RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
WEATHER = pl.Struct({field.name: pl.Float64 for field in WEATHER_FIELDS})
NUMBERS = {"integer": pl.Int32, "number": pl.Float64}
ARRIVAL = ["ingestion_timestamp", "kafka_partition", "kafka_offset"]


def main() -> None:
    """Process the batch of the command line and print what took how long."""
    settings, spec = get_settings(), BatchSpec.from_json(sys.argv[1])
    clock = _Clock()
    raw = consume(settings, spec)
    clock.lap("kafka")
    staged, rejected = stage(raw)
    clock.lap("clean")
    predictions, states = predict_flights(staged, ModelStore(Hdfs(settings)).load(spec.model_version))
    clock.lap("predict")
    tables = {
        "raw": raw,
        STAGING.name: staged,
        QUARANTINE.name: rejected,
        PREDICTIONS.name: predictions,
        FACT.name: states,
    }
    write_files(settings, spec, tables)
    clock.lap("hdfs")
    write_documents(settings, spec, states)
    clock.lap("mongodb")
    sys.stdout.write(json.dumps(clock.laps))


class _Clock:
    """Seconds between laps, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._at
        self._at = now


def consume(settings: Settings, spec: BatchSpec) -> pl.DataFrame:
    """Return the batch's messages, as the raw layer has them."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "floor",
            "enable.auto.commit": False,
        }
    )
    consumer.assign(
        [
            TopicPartition(settings.kafka_topic, number, first)
            for number, (first, end) in spec.spans.items()
            if first < end
        ]
    )
    missing, rows = spec.messages, []
    while missing:
        for message in consumer.consume(min(missing, MESSAGES_AT_ONCE), timeout=settings.timeout_s):
            if message.error():
                raise RuntimeError(str(message.error()))
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None and offset < spec.spans[partition][1]:
                rows.append((message.key(), message.value(), partition, offset, message.timestamp()[1]))
                missing -= 1
    consumer.close()
    types = {
        "key": pl.Binary,
        "value": pl.Binary,
        "kafka_partition": pl.Int32,
        "kafka_offset": pl.Int64,
        "taken_ms": pl.Int64,
    }
    return pl.DataFrame(rows, schema=types, orient="row").select(
        "key",
        "value",
        pl.lit(settings.kafka_topic).alias("topic"),
        "kafka_partition",
        "kafka_offset",
        pl.from_epoch("taken_ms", "ms").cast(pl.Datetime("us", "UTC")).alias("ingestion_timestamp"),
        pl.lit(spec.batch_id, pl.Int64).alias("batch_id"),
    )


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
    return _rows_of(STAGING, _enriched(valid)), _quarantined(pl.concat(refused, how="diagonal"))


def _rows_of(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
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


def predict_flights(staged: pl.DataFrame, model: DelayModel) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows of ``predictions`` for announced flights, and of ``fact_flight_events`` for all."""
    flat = staged.unnest("weather").to_pandas()
    first = (
        staged.sort(ARRIVAL)
        .unique("flight_id", keep="first", maintain_order=True)
        .filter(pl.col("event_type") == "scheduled")
    )
    announced = flat.set_index("event_id").loc[first["event_id"].to_list()].reset_index()
    forecast: pd.DataFrame = predict(model, build_features(announced, flat), nthread=CORES)
    predicted = first.with_columns(
        *(
            pl.Series(name, forecast[name].to_numpy()).cast(pl.Float64)
            for name in PREDICTED_COLUMNS
            if name in forecast
        ),
        pl.lit(model.manifest.version).alias("model_version"),
    )
    order = ["timestamp", "kafka_offset"]
    ended = (
        staged.filter(pl.col("event_type").is_in(["arrived", "cancelled"]))
        .sort(order)
        .unique("flight_id", keep="last")
    )
    outcome = ended.select(
        "flight_id",
        pl.col("event_type").alias("outcome"),
        pl.col("arrival_delay_minutes").alias("actual_delay_minutes"),
        pl.col("timestamp").alias("outcome_timestamp"),
        pl.col("kafka_offset").alias("outcome_offset"),
    )
    predictions = predicted.join(outcome, "flight_id", "left").with_columns(
        pl.col("event_id").alias("prediction_id"),
        pl.col("timestamp").alias("prediction_timestamp"),
        pl.col("timestamp").dt.date().alias("prediction_date"),
        (pl.col("actual_delay_minutes") - pl.col("predicted_delay_minutes")).alias("error_minutes"),
        pl.col("predicted_delay_minutes").alias("model_delay_minutes"),
        pl.col("interval_high_minutes").alias("model_high_minutes"),
    )
    made = [name for name in PREDICTED_COLUMNS if name in predicted.columns]
    newest = staged.sort(order).unique("flight_id", keep="last", maintain_order=True)
    actual = pl.when(pl.col("event_type") == "arrived").then(pl.col("arrival_delay_minutes"))
    states = newest.join(predicted.select("flight_id", *made), "flight_id", "left").with_columns(
        actual.alias("actual_delay_minutes"),
        (actual - pl.col("predicted_delay_minutes")).alias("error_minutes"),
    )
    return _rows_of(PREDICTIONS, predictions), _rows_of(FACT, states)


def write_files(settings: Settings, spec: BatchSpec, tables: dict[str, pl.DataFrame]) -> None:
    """One Parquet file per table."""
    hdfs = Hdfs(settings)
    for name, rows in tables.items():
        sink = pa.BufferOutputStream()
        pq.write_table(rows.to_arrow(), sink, compression="snappy")
        hdfs.write(f"{spec.root}/{name}/batch-{spec.batch_id}.parquet", sink.getvalue().to_pybytes())


def write_documents(settings: Settings, spec: BatchSpec, states: pl.DataFrame) -> None:
    """Write the newest state of each flight as a document, with the platform's write concern."""
    with mongo.connect(settings) as client:
        flights = client[spec.database][mongo.FLIGHTS]
        rows = states.to_dicts()
        for start in range(0, len(rows), WRITES_AT_ONCE):
            documents = [mongo.document(row) for row in rows[start : start + WRITES_AT_ONCE]]
            flights.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents], ordered=False
            )


if __name__ == "__main__":
    main()
