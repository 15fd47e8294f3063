"""Quality and provenance of the data: quarantine, gaps, freshness, batches, contract, archives, checks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import functions as F

from flight_assets.contracts.lineage import TABLE_ASSETS
from flight_assets.contracts.message import MESSAGE_FIELDS, WEATHER_FIELDS
from flight_assets.contracts.tables import (
    BATCH_METADATA,
    FACT,
    PREDICTIONS,
    QUARANTINE,
    SCHEMA_METADATA,
    STAGING,
)
from flight_assets.queries.filters import Filters

if TYPE_CHECKING:
    from flight_assets.stores.warehouse import Warehouse

# Columns whose latest value tells how fresh a table is.
FRESHNESS = {
    STAGING.name: "ingestion_timestamp",
    QUARANTINE.name: "ingestion_timestamp",
    PREDICTIONS.name: "prediction_timestamp",
    FACT.name: "ingestion_timestamp",
    BATCH_METADATA.name: "timestamp",
}
CHECK_RESULTS = "check_results"
ARCHIVE_METADATA = "archive_metadata"
SAMPLE_CHARACTERS = 2_000
_OPTIONAL = tuple(field.name for field in MESSAGE_FIELDS if not field.required)


def batches(warehouse: Warehouse, limit: int = 500) -> pd.DataFrame:
    """One row per batch, oldest first, the newest ``limit``.

    - batch_id; timestamp: newest ingestion, UTC; file_size_mb.
    - record_count, staged, duplicate, quarantined: messages.
    - predicted, upserted, merged: flights.
    - unaccounted: record_count − staged − duplicate − quarantined, 0 unless a message was lost or doubled.
    """
    counts = (
        "record_count, staged, duplicate, quarantined, predicted, upserted, merged, file_size_mb,"
        " storage_location"
    )
    query = (
        f"SELECT batch_id, timestamp, {counts}, record_count - staged - duplicate - quarantined AS "  # noqa: S608 - names of the contract
        f"unaccounted "
        f"FROM {warehouse.name(BATCH_METADATA)} ORDER BY batch_id DESC LIMIT {int(limit)}"
    )
    return warehouse.ask(query).iloc[::-1].reset_index(drop=True)


def conservation(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row: messages in all batches by outcome, batches, and unaccounted_batches.

    Outcomes: raw, staged, duplicate, quarantined. Unaccounted batches do not add up.
    """
    return warehouse.ask(
        f"SELECT count(*) AS batches, coalesce(sum(record_count), 0) AS raw, coalesce(sum(staged), 0) AS "  # noqa: S608 - names of the contract
        f"staged, "
        f"coalesce(sum(duplicate), 0) AS duplicate, coalesce(sum(quarantined), 0) AS quarantined, "
        f"count_if(record_count <> staged + duplicate + quarantined) AS unaccounted_batches, max(timestamp)"
        f" AS newest "
        f"FROM {warehouse.name(BATCH_METADATA)}"
    )


def quarantine_by_reason(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row per reason code, most messages first.

    Columns: reason, messages, first and last ingestion (UTC), batches it came in.
    """
    return warehouse.ask(
        f"SELECT reason, count(*) AS messages, min(ingestion_timestamp) AS first, "  # noqa: S608 - names of the contract
        f"max(ingestion_timestamp) AS last, "
        f"count(DISTINCT batch_id) AS batches FROM {warehouse.name(QUARANTINE)} GROUP BY reason ORDER BY"
        " messages DESC, reason"
    )


def quarantine_samples(warehouse: Warehouse, reason: str, limit: int = 20) -> pd.DataFrame:
    """One row per rejected message of a reason, newest first. Bytes that are not UTF-8 show as U+FFFD.

    Columns: ingestion_timestamp (UTC), detail, value (its text, cut at ``SAMPLE_CHARACTERS``),
    kafka_partition, kafka_offset, batch_id.
    """
    rejected = warehouse.read(QUARANTINE).where(F.col("reason") == F.lit(reason))
    newest = rejected.orderBy(F.col("ingestion_timestamp").desc(), F.col("kafka_offset").desc()).limit(limit)
    frame = (
        newest.select("ingestion_timestamp", "detail", "value", "kafka_partition", "kafka_offset", "batch_id")
        .toArrow()
        .to_pandas()
    )
    frame["value"] = [_as_text(value) for value in frame["value"]]
    return frame


def _as_text(value: bytes | None) -> str:
    return (
        ""
        if value is None
        else bytes(value)[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "replace")[:SAMPLE_CHARACTERS]
    )


def missing_values(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """Return one row per optional field of the message, most gaps first.

    Columns: field, flights, missing (flights without it), missing_share (0–1).
    Weather fields as weather.<name>. Delays are missing until the flight has departed or arrived, and so
    count only from then on.
    """
    columns = {
        name: (name, "TRUE")
        for name in _OPTIONAL
        if name not in ("weather", "departure_delay_minutes", "arrival_delay_minutes")
    }
    columns |= {
        "departure_delay_minutes": ("departure_delay_minutes", "event_type IN ('departed', 'arrived')"),
        "arrival_delay_minutes": ("arrival_delay_minutes", "event_type = 'arrived'"),
    }
    columns |= {f"weather.{field.name}": (f"weather.{field.name}", "TRUE") for field in WEATHER_FIELDS}
    parts = ", ".join(
        f"struct('{name}' AS field, count_if({applies}) AS flights, count_if({applies} AND {column} IS NULL)"
        " AS missing)"
        for name, (column, applies) in columns.items()
    )
    return warehouse.ask(
        f"WITH counted AS (SELECT array({parts}) AS fields FROM {warehouse.name(FACT)} WHERE "  # noqa: S608 - names of the contract
        f"{filters.sql()}) "
        "SELECT f.field, f.flights, f.missing, f.missing / nullif(f.flights, 0) AS missing_share "
        "FROM counted LATERAL VIEW explode(fields) AS f ORDER BY missing_share DESC NULLS LAST, f.field"
    )


def freshness(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row per table: table, asset that writes it, rows, newest (UTC, null if empty)."""
    parts = [
        f"SELECT '{table}' AS table, '{TABLE_ASSETS[table]}' AS asset, count(*) AS rows, max({column}) "  # noqa: S608 - names of the contract
        f"AS newest "
        f"FROM {warehouse.database}.{table}"
        for table, column in FRESHNESS.items()
    ]
    return warehouse.ask(" UNION ALL ".join(parts))


def quality_over_time(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row per flight_date, oldest first: flight_date, flights, mean_quality (0–1)."""
    return warehouse.ask(
        f"SELECT flight_date, sum(flights) AS flights, sum(quality_sum) / nullif(sum(flights), 0) AS "  # noqa: S608 - names of the contract
        f"mean_quality "
        f"FROM {warehouse.database}.flights_daily WHERE {filters.sql()} GROUP BY flight_date ORDER BY"
        " flight_date"
    )


def by_source(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row per source of flights, most flights first.

    - source: null for messages before version 3
    - flights; mean_quality (0–1); low_quality_share: share of flights that are marked low_quality
    - without_tail, without_arrival, without_weather: shares of flights without a tail number, planned arrival
      or any weather
    """
    missing = ", ".join(
        f"avg(CAST({column} IS NULL AS INT)) AS without_{name}"
        for name, column in (
            ("tail", "tail_number"),
            ("arrival", "scheduled_arrival"),
            ("weather", "weather"),
        )
    )
    return warehouse.ask(
        "SELECT source, count(*) AS flights, avg(quality_score) AS mean_quality, "  # noqa: S608 - codes and dates only
        f"avg(CAST(coalesce(low_quality, false) AS INT)) AS low_quality_share, {missing} "
        f"FROM {warehouse.name(FACT)} WHERE {filters.sql()} GROUP BY source ORDER BY flights DESC, source"
    )


def overall_score(conservation: pd.Series, mean_quality: float) -> float:
    """Return one figure of data quality, 0 to 100: 100 × accepted × conserved × mean quality.

    Accepted is the share of messages that were not quarantined, conserved the share of batches whose counts
    add up. NaN without any message or flight.

    Args:
        conservation: the row of ``conservation``.
        mean_quality: mean quality score of the flights, 0–1.
    """
    if not conservation["raw"] or not conservation["batches"]:
        return float("nan")
    accepted = 1 - conservation["quarantined"] / conservation["raw"]
    conserved = 1 - conservation["unaccounted_batches"] / conservation["batches"]
    return float(100 * accepted * conserved * mean_quality)


def contract(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row per field and version of the message contract, newest version first.

    Columns: those of ``schema_metadata``.
    """
    return warehouse.ask(
        f"SELECT * FROM {warehouse.name(SCHEMA_METADATA)} ORDER BY schema_version DESC, required DESC, field"  # noqa: S608
    )


def archives(warehouse: Warehouse, limit: int = 50) -> pd.DataFrame:
    """One row per archive of MongoDB documents, newest first. Times are UTC.

    Columns: archive_id, timestamp, state, reason, record_count, file_size_mb, storage_location,
    first_ingestion, last_ingestion.
    """
    columns = (
        "archive_id, timestamp, state, reason, record_count, file_size_mb, storage_location, first_ingestion,"
        " last_ingestion"
    )
    return warehouse.ask(
        f"SELECT {columns} FROM {warehouse.database}.{ARCHIVE_METADATA} ORDER BY timestamp DESC LIMIT "  # noqa: S608 - names of the contract
        f"{int(limit)}"
    )


def check_trend(warehouse: Warehouse, since: date) -> pd.DataFrame:
    """Return one row per check and UTC day, oldest first.

    Columns: check_name, asset, severity, day, evaluations, failures, value (the last one).
    """
    return warehouse.ask(
        "SELECT check_name, asset, severity, CAST(timestamp AS DATE) AS day, "  # noqa: S608 - names of the contract
        "count(*) AS evaluations, count_if(NOT passed) AS failures, "
        "max_by(value, timestamp) AS value, max_by(detail, timestamp) AS detail FROM"
        f" {warehouse.database}.{CHECK_RESULTS} "
        f"WHERE timestamp >= DATE'{since.isoformat()}' GROUP BY ALL ORDER BY day, check_name"
    )
