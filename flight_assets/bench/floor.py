"""Floor: a batch in one process without Spark, tables or orchestration.

It is the least cost of the same rows.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from pymongo import ReplaceOne

from flight_assets.bench.batch_spec import BatchSpec
from flight_assets.bench.floor_stage import ARRIVAL, rows_of, stage
from flight_assets.contracts.message import FLAT_WEATHER, WEATHER_PREFIXES
from flight_assets.contracts.tables import (
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    QUARANTINE,
    STAGING,
)
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.serving.predict import predict
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import mongo, mongo_documents
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.delay_model.registry.model import DelayModel

CORES = 2
MESSAGES_AT_ONCE = 10_000
WRITES_AT_ONCE = 10_000


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


def predict_flights(staged: pl.DataFrame, model: DelayModel) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows of ``predictions`` for announced flights, and of ``fact_flight_events`` for all."""
    there = staged.with_columns(
        pl.col(place).struct.field(value).alias(name) for name, (place, value) in FLAT_WEATHER.items()
    )
    flat = there.drop(*WEATHER_PREFIXES).to_pandas()
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
    return rows_of(PREDICTIONS, predictions), rows_of(FACT, states)


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
            documents = [mongo_documents.document(row) for row in rows[start : start + WRITES_AT_ONCE]]
            flights.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents], ordered=False
            )


if __name__ == "__main__":
    main()
