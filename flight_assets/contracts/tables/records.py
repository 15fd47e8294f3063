"""Tables of records: batches, archives, results of checks, complex events."""

from __future__ import annotations

from flight_assets.contracts.tables.schema import OFFSETS_TYPE, Column, Table

BATCH_METADATA = Table(
    name="batch_metadata",
    grain="batch",
    key=("batch_id",),
    columns=(
        Column("batch_id", "BIGINT", "number of the batch, consecutive"),
        Column("timestamp", "TIMESTAMP", "ingestion time of its newest message", "UTC"),
        Column("record_count", "BIGINT", "messages in it", "messages"),
        Column("staged", "BIGINT", "valid events staged", "events"),
        Column("duplicate", "BIGINT", "events whose event_id had been seen", "events"),
        Column("quarantined", "BIGINT", "messages rejected", "messages"),
        Column("predicted", "BIGINT", "predictions made", "predictions"),
        Column("upserted", "BIGINT", "documents that MongoDB took", "documents"),
        Column("out_of_order", "BIGINT", "events older than the state that MongoDB had", "events"),
        Column("merged", "BIGINT", "rows merged into the fact table", "rows"),
        Column("flights", "BIGINT", "flights that its staged events are of", "flights"),
        Column("to_predict", "BIGINT", "flights that it announced", "flights"),
        Column(
            "seen_too_late", "BIGINT", "flights first seen after their departure: no prediction", "flights"
        ),
        Column("challenger_version", "STRING", "model that predicted beside it, unseen"),
        Column("quarantined_by_reason", "MAP<STRING, BIGINT>", "messages rejected per reason", "messages"),
        Column(
            "schema_versions",
            "MAP<STRING, BIGINT>",
            "staged events per version of the message contract",
            "events",
        ),
        Column(
            "unknown_fields",
            "MAP<STRING, BIGINT>",
            "messages per field that the contract does not have",
            "messages",
        ),
        Column(
            "cleaned_values",
            "MAP<STRING, BIGINT>",
            "messages per optional value that could not be what it claims",
            "messages",
        ),
        Column(
            "unknown_codes",
            "MAP<STRING, BIGINT>",
            "staged events per well-formed code that no table knows",
            "events",
        ),
        Column("offsets", OFFSETS_TYPE, "offsets per partition of the topic, both ends included"),
        Column("seconds", "MAP<STRING, DOUBLE>", "duration of each step", "seconds"),
        Column("model_version", "STRING", "model that predicted"),
        Column("versions", "MAP<STRING, STRING>", "versions of the libraries and the message contract"),
        Column("accepted", "MAP<STRING, STRING>", "checks that an operator let fail, and why"),
        Column("oldest", "TIMESTAMP", "ingestion time of its oldest message", "UTC"),
        Column("message_bytes", "BIGINT", "keys and values of its messages, uncompressed", "bytes"),
        Column("file_size_mb", "DOUBLE", "size of the raw files", "MB"),
        Column("storage_location", "STRING", "directory of the raw files"),
        Column("record", "STRING", "the whole record of the batch as JSON, as in /metadata/batch_<id>.json"),
    ),
)

ARCHIVE_METADATA = Table(
    name="archive_metadata",
    grain="archive",
    key=("archive_id",),
    columns=(
        Column("archive_id", "STRING", "name of the archive, numbered"),
        Column("timestamp", "TIMESTAMP", "when it was planned", "UTC"),
        Column(
            "state", "STRING", "what is durably done: recorded, deleting, deleted, done, expiring, expired"
        ),
        Column("reason", "STRING", "why these documents left the hot store"),
        Column("record_count", "BIGINT", "documents in it", "documents"),
        Column("file_size_mb", "DOUBLE", "size of its Parquet files", "MB"),
        Column("storage_location", "STRING", "directory of its files"),
        Column("first_ingestion", "TIMESTAMP", "when Kafka took its oldest state", "UTC"),
        Column("last_ingestion", "TIMESTAMP", "when Kafka took its newest state", "UTC"),
        Column(
            "record",
            "STRING",
            "the whole record as JSON, as in /metadata/archives/<archive_id>_metadata.json",
        ),
    ),
)

CHECK_RESULTS = Table(
    name="check_results",
    grain=(
        "outcome of a check on a batch: the first failure, if it failed, and the last result, with which the"
        " batch went on"
    ),
    key=("check_name", "asset", "batch_id", "timestamp"),
    columns=(
        Column("check_name", "STRING", "name of the check"),
        Column("asset", "STRING", "asset that it is about"),
        Column(
            "batch_id", "BIGINT", "batch that it looked at; null if it looked at whole tables or the topic"
        ),
        Column("timestamp", "TIMESTAMP", "when it was evaluated", "UTC"),
        Column("passed", "BOOLEAN", "whether the value met the threshold"),
        Column("severity", "STRING", "ERROR stops the batch when it has not passed, WARN is only told"),
        Column("value", "DOUBLE", "what was measured; unit and meaning are the check's"),
        Column("threshold", "DOUBLE", "what it was held against"),
        Column("detail", "STRING", "what was found, in words"),
    ),
)

COMPLEX_EVENTS = Table(
    name="complex_events",
    grain="finding and change: a pattern that was found in the events, raised, updated or cleared",
    key=("finding_id", "change"),
    columns=(
        Column("finding_id", "STRING", "stable id: hash of pattern, key and start"),
        Column("change", "INT", "number of the change, 1 = raised"),
        Column("change_type", "STRING", "raised, updated or cleared"),
        Column("change_timestamp", "TIMESTAMP", "event time at which it changed", "UTC"),
        Column("pattern", "STRING", "name of the pattern; `flights events patterns` explains it"),
        Column("severity", "STRING", "critical, warning or info"),
        Column(
            "key", "STRING", "subject: a flight, an aircraft, or airport:, airline: or source: with a name"
        ),
        Column("airport", "STRING", "IATA airport code of the place; empty without one"),
        Column("airline", "STRING", "IATA carrier code; empty without one"),
        Column("started", "TIMESTAMP", "event time since when the pattern holds", "UTC"),
        Column("raised", "TIMESTAMP", "event time at which it was found", "UTC"),
        Column("cleared", "TIMESTAMP", "event time at which it ended; null while open", "UTC"),
        Column("cleared_because", "STRING", "reason of the end; empty while open"),
        Column("explanation", "STRING", "two sentences with the numbers"),
        Column("numbers", "MAP<STRING, DOUBLE>", "the numbers behind the finding; units are in their names"),
        Column("flight_ids", "ARRAY<STRING>", "flights concerned, at most 50"),
        Column("batch_id", "BIGINT", "newest batch whose events had been fed"),
    ),
    skipped_by=("finding_id", "pattern", "change_timestamp", "batch_id"),
)
