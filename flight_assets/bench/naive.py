"""Naive pipeline, a literal reading of the specification: one Spark application per batch."""

from __future__ import annotations

import json
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from flight_assets.bench.batch_spec import BatchSpec
from flight_assets.bench.naive_stage import clean, quarantined_rows, staged_rows
from flight_assets.bench.warehouse_flights import rows_of
from flight_assets.contracts.message import (
    FLAT_WEATHER,
    WEATHER_PREFIXES,
)
from flight_assets.contracts.tables import (
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    QUARANTINE,
    STAGING,
)
from flight_assets.delay_model.serving.predict import PREDICTION_COLUMNS
from flight_assets.settings import LOOPBACK, Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession


SUBMIT = "org.apache.spark.deploy.SparkSubmit"


def command(settings: Settings, spec: BatchSpec, model: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line that processes a batch, and its environment. ``model`` is the pickled model."""
    from flight_assets.platform.services import services

    spark = next(service for service in services(settings) if service.name == "spark")
    java = spark.command[: spark.command.index(SUBMIT) + 1]
    conf = {
        "spark.master": "local[2]",
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.ui.enabled": "false",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": settings.hdfs_path(settings.warehouse_dir),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    words = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    places = {
        "FLIGHTS_HOME": str(settings.home),
        "FLIGHTS_PORT_OFFSET": str(settings.port_offset),
        "TZ": "UTC",
    }
    # This process may have a session over Connect, which leaves marks in its environment.
    inherited = {
        name: value for name, value in psutil.Process().environ().items() if not name.startswith("SPARK_")
    }
    return [
        *java,
        *words,
        str(Path(__file__)),
        spec.to_json(),
        str(model),
    ], inherited | spark.environment | places


def main() -> None:
    """Process the batch of the command line."""
    from pyspark.sql import SparkSession

    settings, spec, model = get_settings(), BatchSpec.from_json(sys.argv[1]), Path(sys.argv[2])
    spark = SparkSession.builder.appName("naive").enableHiveSupport().getOrCreate()
    raw_path = settings.hdfs_path(f"{spec.root}/raw")
    consume(spark, settings, spec).write.mode("append").parquet(raw_path)
    raw = spark.read.parquet(raw_path).where(f"batch_id = {spec.batch_id}")
    checked = clean(spark, raw).persist()
    staged, rejected = staged_rows(checked), quarantined_rows(checked)
    append(staged, spec, STAGING.name)
    append(rejected, spec, QUARANTINE.name)
    events = spark.table(f"{spec.database}.{STAGING.name}").where(f"batch_id = {spec.batch_id}").persist()
    predictions = predict_flights(spark, events, model.read_bytes(), spec.model_version).persist()
    append(predictions, spec, PREDICTIONS.name)
    states = newest_states(events, predictions)
    append(states, spec, FACT.name)
    insert(settings, spec, states)
    spark.stop()


def consume(spark: SparkSession, settings: Settings, spec: BatchSpec) -> DataFrame:
    """Return the batch's messages, as the raw layer has them."""
    from pyspark.sql import functions as F

    def offsets(end: int) -> str:
        return json.dumps(
            {settings.kafka_topic: {str(number): span[end] for number, span in spec.spans.items()}}
        )

    topic = spark.read.format("kafka").option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
    topic = (
        topic.option("subscribe", settings.kafka_topic)
        .option("startingOffsets", offsets(0))
        .option("endingOffsets", offsets(1))
    )
    columns = [
        "key",
        "value",
        "topic",
        "partition AS kafka_partition",
        "offset AS kafka_offset",
        "timestamp AS ingestion_timestamp",
    ]
    return topic.load().selectExpr(*columns).withColumn("batch_id", F.lit(spec.batch_id).cast("bigint"))


def append(rows: DataFrame, spec: BatchSpec, table: str) -> None:
    """Append to a Parquet table in Hive."""
    rows.write.mode("append").format("parquet").saveAsTable(f"{spec.database}.{table}")


def predict_flights(spark: SparkSession, events: DataFrame, pickled: bytes, version: str) -> DataFrame:
    """Return rows of ``predictions`` for announced flights: features on the driver, the model row by row."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from flight_assets.delay_model.features.build import build_features
    from flight_assets.delay_model.registry.model import fitting

    first = Window.partitionBy("flight_id").orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset")
    announced = (
        events.withColumn("nth", F.row_number().over(first))
        .where("nth = 1 AND event_type = 'scheduled'")
        .drop("nth")
    )
    weather = [F.col(place)[value].alias(name) for name, (place, value) in FLAT_WEATHER.items()]
    flights: pd.DataFrame = announced.select("*", *weather).drop(*WEATHER_PREFIXES).toPandas()
    every = build_features(flights, events.select("*", *weather).drop(*WEATHER_PREFIXES).toPandas())
    manifest = pickle.loads(pickled).manifest  # noqa: S301 - pickled by the measurement itself
    features = fitting(manifest, every)
    for name, codes in manifest.codes.items():
        features[name] = features[name].where(features[name].isin(codes))
    inputs = flights[["event_id"]].assign(features=features.astype("float64").to_numpy().tolist())
    forecast = F.udf(
        _predictor(pickled),
        ", ".join(f"{name} DOUBLE" for name in PREDICTION_COLUMNS),
    )
    rows = spark.createDataFrame(inputs, "event_id STRING, features ARRAY<DOUBLE>").withColumn(
        "forecast", forecast("features")
    )
    ended = Window.partitionBy("flight_id").orderBy(F.col("timestamp").desc(), F.col("kafka_offset").desc())
    outcomes = (
        events.where("event_type IN ('arrived', 'cancelled')")
        .withColumn("nth", F.row_number().over(ended))
        .where("nth = 1")
    )
    outcomes = outcomes.selectExpr(
        *("flight_id", "event_type AS outcome", "arrival_delay_minutes AS actual_delay_minutes"),
        *("timestamp AS outcome_timestamp", "kafka_offset AS outcome_offset"),
    )
    made = (
        announced.join(rows, "event_id")
        .join(outcomes, "flight_id", "left")
        .select("*", "forecast.*", F.lit(version).alias("model_version"))
        .withColumns({"prediction_id": F.col("event_id"), "prediction_timestamp": F.col("timestamp")})
        .withColumn("error_minutes", F.col("actual_delay_minutes") - F.col("predicted_delay_minutes"))
        .withColumn("prediction_date", F.to_date("timestamp"))
        .withColumn("model_delay_minutes", F.col("predicted_delay_minutes"))
        .withColumn("model_high_minutes", F.col("interval_high_minutes"))
    )
    return rows_of(PREDICTIONS, made)


def _predictor(pickled: bytes) -> Callable[[list[float]], tuple[float, ...]]:
    models: list[Any] = []

    def predict_row(features: list[float]) -> tuple[float, ...]:
        import numpy as np

        # Without the frame that the public function takes: making one per row would be most of the time.
        from flight_assets.delay_model.serving.predict import _of_boosters

        if not models:
            models.append(pickle.loads(pickled))  # noqa: S301 - pickled by the measurement itself
        predicted = _of_boosters(models[0], np.array([features], dtype=np.float32), 1)
        return tuple(float(value[0]) for value in predicted)

    return predict_row


def newest_states(events: DataFrame, predictions: DataFrame) -> DataFrame:
    """Rows of ``fact_flight_events``: the newest event of each flight with its prediction."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest = Window.partitionBy("flight_id").orderBy(F.col("timestamp").desc(), F.col("kafka_offset").desc())
    states = events.withColumn("nth", F.row_number().over(newest)).where("nth = 1")
    actual = F.when(F.col("event_type") == "arrived", F.col("arrival_delay_minutes"))
    joined = states.join(predictions.select("flight_id", *PREDICTED_COLUMNS), "flight_id", "left")
    joined = joined.withColumn("actual_delay_minutes", actual)
    return joined.withColumn("error_minutes", actual - F.col("predicted_delay_minutes")).select(
        *FACT.column_names
    )


def insert(settings: Settings, spec: BatchSpec, states: DataFrame) -> None:
    """Collect every flight to the driver and insert it."""
    from flight_assets.stores import mongo, mongo_documents

    documents = [mongo_documents.document(_in_utc(row.asDict(recursive=True))) for row in states.collect()]
    if documents:
        with mongo.connect(settings) as client:
            client[spec.database][mongo.FLIGHTS].insert_many(documents)


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with zones: Spark gives times without one, in that of the process, which is UTC."""
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


if __name__ == "__main__":
    main()
