"""Tables of messages: valid events, their ids, and rejected messages."""

from __future__ import annotations

from flight_assets.contracts.tables.columns import FLIGHT, ORIGIN_OF_ROW
from flight_assets.contracts.tables.schema import Column, Table

STAGING = Table(
    name="staging_flight_events",
    grain="valid event",
    key=("event_id",),
    columns=(
        Column("event_id", "STRING", "unique id of the event"),
        Column("event_type", "STRING", "scheduled, departed, arrived or cancelled"),
        Column("timestamp", "TIMESTAMP", "when it happened", "UTC"),
        Column("schema_version", "INT", "version of the message contract"),
        *FLIGHT,
        Column(
            "unknown_codes",
            "ARRAY<STRING>",
            "well-formed codes that no table knows, as airline:ZZ, origin:QQQ, destination:QQQ",
        ),
        *ORIGIN_OF_ROW,
    ),
    partitioned_by=("processing_date",),
    skipped_by=(
        "event_id",
        "event_type",
        "timestamp",
        "flight_id",
        "flight_date",
        "airline",
        "origin",
        "ingestion_timestamp",
        "batch_id",
    ),
)

STAGED_IDS = Table(
    name="staged_event_ids",
    grain=(
        "staged event, so that a batch finds those staged before without reading every file of"
        " staging_flight_events"
    ),
    key=("event_hash", "batch_id"),
    columns=(
        Column("event_hash", "BIGINT", "xxhash64 of the event_id; events with different ids may share one"),
        Column("batch_id", "BIGINT", "batch that staged it"),
        Column("processing_month", "DATE", "first day of the month in which Kafka took the message", "UTC"),
    ),
    # Compaction rewrites the newest month only.
    partitioned_by=("processing_month",),
)

QUARANTINE = Table(
    name="quarantined_events",
    grain="rejected message",
    # A topic that was created again has the same offsets at other times.
    key=("topic", "kafka_partition", "kafka_offset", "ingestion_timestamp"),
    columns=(
        Column("reason", "STRING", "reason code of the message contract"),
        Column("detail", "STRING", "what exactly was wrong"),
        Column("key", "BINARY", "the message's key, byte for byte"),
        Column("value", "BINARY", "the message, byte for byte"),
        Column("topic", "STRING", "Kafka topic"),
        *ORIGIN_OF_ROW,
    ),
    partitioned_by=("processing_date",),
)
