"""Lineage of the pipeline: the source columns of each column, per asset, and the assets each page reads."""

from __future__ import annotations

from flight_assets.contracts.message import MESSAGE_FIELDS
from flight_assets.contracts.tables import (
    ARCHIVE_METADATA,
    BATCH_METADATA,
    CHALLENGER_PREDICTIONS,
    CHECK_RESULTS,
    COMPLEX_EVENTS,
    DIM_AIRLINE,
    DIM_AIRPORT,
    FACT,
    FLIGHTS_DAILY,
    FLIGHTS_HOURLY,
    MODEL_MONITORING,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    QUARANTINE,
    SCHEMA_METADATA,
    SIDE_COLUMNS,
    STAGING,
)

# (asset, column); the topic's columns are those of Kafka's own record.
Source = tuple[str, str]
TOPIC, RAW, STAGED, PREDICTED = "kafka_flight_events", "raw_kafka_batch", "staged_events", "predictions"

RAW_SOURCES: dict[str, tuple[Source, ...]] = {
    "key": ((TOPIC, "key"),),
    "value": ((TOPIC, "value"),),
    "topic": ((TOPIC, "topic"),),
    "kafka_partition": ((TOPIC, "partition"),),
    "kafka_offset": ((TOPIC, "offset"),),
    "ingestion_timestamp": ((TOPIC, "timestamp"),),
    "value_bytes": ((TOPIC, "value"),),
}
# Columns that every table takes over from the raw layer.
_TAKEN_OVER = {
    "kafka_partition": ((RAW, "kafka_partition"),),
    "kafka_offset": ((RAW, "kafka_offset"),),
    "ingestion_timestamp": ((RAW, "ingestion_timestamp"),),
    "processing_date": ((RAW, "ingestion_timestamp"),),
}
_VALUE: Source = (RAW, "value")
_FROM_VALUE = ("flight_date", "route", "month", "day_of_week", "is_weekend", "quality_score", "low_quality")
# Inputs of a prediction: the scheduled event, and the events before it.
_FEATURE_COLUMNS = (
    *(
        "timestamp",
        "event_type",
        "flight_date",
        "scheduled_departure",
        "scheduled_arrival",
        "distance_miles",
        "weather",
        "destination_weather",
    ),
    *("airline", "origin", "destination", "tail_number", "departure_delay_minutes", "arrival_delay_minutes"),
)

STAGED_SOURCES: dict[str, tuple[Source, ...]] = {
    **{field.name: (_VALUE,) for field in MESSAGE_FIELDS},
    **dict.fromkeys(_FROM_VALUE, (_VALUE,)),
    "airline": (_VALUE, ("dim_airline", "code")),
    "origin": (_VALUE, ("dim_airport", "code")),
    "destination": (_VALUE, ("dim_airport", "code")),
    "hour": (_VALUE, ("dim_airport", "time_zone")),
    "unknown_codes": (_VALUE, ("dim_airline", "code"), ("dim_airport", "code")),
    **_TAKEN_OVER,
}
PREDICTION_SOURCES: dict[str, tuple[Source, ...]] = {
    "prediction_id": ((STAGED, "event_id"),),
    "flight_id": ((STAGED, "flight_id"),),
    "flight_date": ((STAGED, "flight_date"),),
    "prediction_timestamp": ((STAGED, "timestamp"),),
    "prediction_date": ((STAGED, "timestamp"),),
    **{
        name: tuple((STAGED, column) for column in _FEATURE_COLUMNS)
        for name in (*PREDICTED_COLUMNS, *SIDE_COLUMNS)
        if name != "model_version"
    },
    "actual_delay_minutes": ((STAGED, "arrival_delay_minutes"),),
    "error_minutes": ((STAGED, "arrival_delay_minutes"), (PREDICTED, "predicted_delay_minutes")),
    "outcome": ((STAGED, "event_type"), (STAGED, "diverted_to"), (STAGED, "destination")),
    "outcome_timestamp": ((STAGED, "timestamp"),),
    "outcome_offset": ((STAGED, "kafka_offset"),),
    "newest_event": tuple(
        (STAGED, name) for name in ("timestamp", "ingestion_timestamp", "kafka_partition", "kafka_offset")
    ),
}
FLIGHT_SOURCES: dict[str, tuple[Source, ...]] = {
    **{name: ((STAGED, name),) for name in FACT.column_names if name in STAGING.column_names},
    **{name: ((PREDICTED, name),) for name in PREDICTED_COLUMNS},
    "actual_delay_minutes": ((STAGED, "arrival_delay_minutes"),),
    "error_minutes": ((STAGED, "arrival_delay_minutes"), (PREDICTED, "predicted_delay_minutes")),
}

# Columns that no other asset's column gives: the pipeline's own counter, the version of the model, and a
# pattern's name and severity.
OWN_COLUMNS = {"batch_id", "model_version", "pattern", "severity"}

# Patterns look at the events and the forecasts of flights, whatever the column of a finding.
_OF_EVENTS: tuple[Source, ...] = (
    *(
        (STAGED, name)
        for name in (
            *("event_type", "timestamp", "ingestion_timestamp", "flight_id", "tail_number", "source"),
            *("airline", "origin", "destination", "scheduled_departure", "scheduled_arrival"),
            *("departure_delay_minutes", "arrival_delay_minutes", "diverted_to"),
        )
    ),
    *(
        (PREDICTED, name)
        for name in ("predicted_delay_minutes", "interval_low_minutes", "interval_high_minutes")
    ),
)
FINDING_SOURCES: dict[str, tuple[Source, ...]] = {
    **{name: _OF_EVENTS for name in COMPLEX_EVENTS.column_names if name not in OWN_COLUMNS},
    "airport": ((STAGED, "origin"), (STAGED, "destination")),
    "airline": ((STAGED, "airline"),),
    "flight_ids": ((STAGED, "flight_id"),),
}

COLUMN_SOURCES: dict[str, dict[str, tuple[Source, ...]]] = {
    "raw_kafka_batch": RAW_SOURCES,
    "staged_events": {
        name: sources for name, sources in STAGED_SOURCES.items() if name in STAGING.column_names
    },
    "predictions": PREDICTION_SOURCES,
    "mongo_hot": FLIGHT_SOURCES,
    "hive_fact": FLIGHT_SOURCES,
    "complex_events": FINDING_SOURCES,
}
COLUMNS = {
    "staged_events": STAGING,
    "predictions": PREDICTIONS,
    "mongo_hot": FACT,
    "hive_fact": FACT,
    "complex_events": COMPLEX_EVENTS,
}

# The asset that writes each table of the warehouse; empty for tables that no asset writes.
TABLE_ASSETS: dict[str, str] = {
    STAGING.name: STAGED,
    QUARANTINE.name: STAGED,
    PREDICTIONS.name: PREDICTED,
    CHALLENGER_PREDICTIONS.name: PREDICTED,
    FACT.name: "hive_fact",
    BATCH_METADATA.name: "hive_fact",
    FLIGHTS_HOURLY.name: "flights_hourly",
    FLIGHTS_DAILY.name: "flights_daily",
    COMPLEX_EVENTS.name: "complex_events",
    MODEL_MONITORING.name: "model_monitoring",
    ARCHIVE_METADATA.name: "hdfs_archive",
    DIM_AIRLINE.name: "dim_airline",
    DIM_AIRPORT.name: "dim_airport",
    SCHEMA_METADATA.name: "",
    CHECK_RESULTS.name: "",
}

# The dashboard's pages: title, and the assets that each reads. A test compares them with the queries that a
# page makes.
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "dashboard_overview": (
        "Real-Time Overview: flights as they are now",
        (TOPIC, "mongo_hot", "hive_fact", "complex_events"),
    ),
    "dashboard_streaming": (
        "Streaming Analytics: a measure over time, with trend and anomalies",
        ("mongo_hot", "flights_hourly", "flights_daily", "complex_events"),
    ),
    "dashboard_history": (
        "Historical Analytics: delays by day, route and airline",
        ("flights_hourly", "flights_daily", "hive_fact"),
    ),
    "dashboard_prediction": (
        "Prediction & Insights: flights at risk, and forecasts beside actual delays",
        (STAGED, PREDICTED, "delay_model", "mongo_hot", "hive_fact", "flights_daily", "complex_events"),
    ),
    "dashboard_quality": (
        "Data Quality & Metadata: rejects, quality, batches, schemas",
        (STAGED, PREDICTED, "hive_fact", "flights_daily", "hdfs_archive"),
    ),
    "dashboard_operations": (
        "Operations: services, lag, checks and alerts",
        (
            TOPIC,
            *("raw_kafka_batch", "staged_events", "predictions", "mongo_hot", "hive_fact"),
            "hdfs_archive",
        ),
    ),
}
