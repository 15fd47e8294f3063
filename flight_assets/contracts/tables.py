"""Warehouse tables: grain, key, partitioning, and each column's type, unit and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.contracts.message import WEATHER_FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

WEATHER_TYPE = "STRUCT<" + ", ".join(f"{field.name}: DOUBLE" for field in WEATHER_FIELDS) + ">"


@dataclass(frozen=True)
class Column:
    """Column: name, Spark SQL type, what it holds, and its unit."""

    name: str
    type: str
    description: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Table of the warehouse. ``grain`` completes the sentence 'one row per …'; ``key`` is unique."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned_by: tuple[str, ...] = ()
    # Columns whose least and greatest value Delta keeps per file, so that a condition on them skips files.
    skipped_by: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)


# Order of events: the greater is the newer.
EVENT_ORDER_TYPE = (
    "STRUCT<timestamp: TIMESTAMP, ingestion_timestamp: TIMESTAMP, kafka_partition: INT, kafka_offset: BIGINT>"
)

OFFSETS_TYPE = "MAP<STRING, STRUCT<first: BIGINT, last: BIGINT>>"


def arrow_schema(table: Table) -> pa.Schema:
    """Return the columns of a table as Arrow has them, times in UTC.

    Raises KeyError for a type that none of our rows has.
    """
    import pyarrow as pa

    time = pa.timestamp("us", "UTC")
    types = {
        "STRING": pa.string(),
        "INT": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": time,
        "BINARY": pa.binary(),
        "ARRAY<STRING>": pa.list_(pa.string()),
        "MAP<STRING, STRING>": pa.map_(pa.string(), pa.string()),
        "MAP<STRING, BIGINT>": pa.map_(pa.string(), pa.int64()),
        "MAP<STRING, DOUBLE>": pa.map_(pa.string(), pa.float64()),
        OFFSETS_TYPE: pa.map_(pa.string(), pa.struct([("first", pa.int64()), ("last", pa.int64())])),
        EVENT_ORDER_TYPE: pa.struct(
            [
                ("timestamp", time),
                ("ingestion_timestamp", time),
                ("kafka_partition", pa.int32()),
                ("kafka_offset", pa.int64()),
            ]
        ),
        WEATHER_TYPE: pa.struct([(field.name, pa.float64()) for field in WEATHER_FIELDS]),
    }
    return pa.schema([(column.name, types[column.type]) for column in table.columns])


_ORIGIN_OF_ROW = (
    Column("kafka_partition", "INT", "partition of the topic that the message came from"),
    Column("kafka_offset", "BIGINT", "its offset in that partition"),
    Column("ingestion_timestamp", "TIMESTAMP", "when Kafka took the message", "UTC"),
    Column("batch_id", "BIGINT", "batch that processed it"),
    Column("processing_date", "DATE", "date of ingestion_timestamp", "UTC"),
)

_FLIGHT = (
    Column("flight_id", "STRING", "carrier + number + '-' + origin + '-' + scheduled local date"),
    Column("flight_date", "DATE", "scheduled date of departure, the origin's local time (from flight_id)"),
    Column("airline", "STRING", "IATA carrier code"),
    Column("flight_number", "INT", "the carrier's number of the flight"),
    Column("tail_number", "STRING", "registration of the aircraft"),
    Column("origin", "STRING", "IATA airport code"),
    Column("destination", "STRING", "IATA airport code"),
    Column("route", "STRING", "origin and destination, e.g. EWR-IAH"),
    Column("scheduled_departure", "TIMESTAMP", "planned departure", "UTC"),
    Column("scheduled_arrival", "TIMESTAMP", "planned arrival", "UTC"),
    Column("distance_miles", "DOUBLE", "great-circle distance", "miles"),
    Column("departure_delay_minutes", "DOUBLE", "negative = early; null until departed", "minutes"),
    Column("arrival_delay_minutes", "DOUBLE", "negative = early; null until arrived", "minutes"),
    Column("weather", WEATHER_TYPE, "at the origin in the scheduled hour"),
    Column("month", "INT", "month of flight_date, 1–12"),
    Column("day_of_week", "INT", "ISO day of flight_date, 1 = Monday"),
    Column("hour", "INT", "hour of the scheduled departure, the origin's local time", "hours"),
    Column("is_weekend", "BOOLEAN", "whether flight_date is a Saturday or Sunday"),
    Column("quality_score", "DOUBLE", "completeness × validity of the optional fields, 0–1"),
    Column("gate", "STRING", "gate of departure at the origin; null in messages of version 1"),
    Column(
        "flight_suffix",
        "STRING",
        "operational suffix of the flight number; null in messages before version 3",
    ),
    Column(
        "diverted_to",
        "STRING",
        "airport that a diverted flight goes to or landed at; null if it was not diverted",
    ),
    Column("source", "STRING", "who sent the message; null in messages before version 3"),
    Column(
        "low_quality", "BOOLEAN", "whether quality_score is under `low_quality_below`; null in older rows"
    ),
)

_FLIGHT_DATE = Column("flight_date", "DATE", "scheduled date of departure, the origin's local time")
_PREDICTED_FLIGHT = (Column("flight_id", "STRING", "flight that it is for"), _FLIGHT_DATE)
_PREDICTED_IN = (
    Column("batch_id", "BIGINT", "batch that predicted"),
    Column("prediction_date", "DATE", "date of prediction_timestamp", "UTC"),
)

_PREDICTION = (
    Column(
        "predicted_delay_minutes",
        "DOUBLE",
        "predicted arrival delay (its median), negative = early",
        "minutes",
    ),
    Column(
        "predicted_mean_delay_minutes",
        "DOUBLE",
        "predicted mean of the arrival delay, for sums over flights",
        "minutes",
    ),
    Column("interval_low_minutes", "DOUBLE", "lower end of the 90 % interval", "minutes"),
    Column("interval_high_minutes", "DOUBLE", "upper end of the 90 % interval", "minutes"),
    Column("probability_delayed_15", "DOUBLE", "probability of an arrival 15 minutes late or more, 0–1"),
    Column("confidence", "DOUBLE", "from interval width and feature completeness, 0–1"),
    Column("model_version", "STRING", "model in charge; `maker` says whether it or the baseline predicted"),
    Column("maker", "STRING", "who made the forecast: model, or baseline; null in older rows"),
    Column(
        "domain_mark",
        "STRING",
        "likeness to the training flights: in_domain, borderline or out_of_domain; null in older rows",
    ),
    Column("domain_reasons", "STRING", "why it is unlike them, in words; null if it is like them"),
)

# Forecasts of both makers for a flight, before any factor of its interval: its outcome scores both.
_SIDES = tuple(
    Column(f"{maker}_{name}_minutes", "DOUBLE", f"{what} of the {maker}, before tracking", "minutes")
    for maker in ("model", "baseline")
    for name, what in (
        ("low", "lower end of the 90 % interval"),
        ("delay", "predicted arrival delay (its median)"),
        ("high", "upper end of the 90 % interval"),
    )
)

_TRUTH = (
    Column("actual_delay_minutes", "DOUBLE", "arrival delay that came true; null until arrived", "minutes"),
    Column(
        "error_minutes", "DOUBLE", "actual − predicted; null until arrived or without prediction", "minutes"
    ),
)

# Prediction of a flight: the same columns in `predictions`, in the fact table and in MongoDB.
PREDICTED_COLUMNS = tuple(column.name for column in _PREDICTION)
# Kept in `predictions` only.
SIDE_COLUMNS = tuple(column.name for column in _SIDES)

STAGING = Table(
    name="staging_flight_events",
    grain="valid event",
    key=("event_id",),
    columns=(
        Column("event_id", "STRING", "unique id of the event"),
        Column("event_type", "STRING", "scheduled, departed, arrived or cancelled"),
        Column("timestamp", "TIMESTAMP", "when it happened", "UTC"),
        Column("schema_version", "INT", "version of the message contract"),
        *_FLIGHT,
        Column(
            "unknown_codes",
            "ARRAY<STRING>",
            "well-formed codes that no table knows, as airline:ZZ, origin:QQQ, destination:QQQ",
        ),
        *_ORIGIN_OF_ROW,
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
    key=("topic", "kafka_partition", "kafka_offset"),
    columns=(
        Column("reason", "STRING", "reason code of the message contract"),
        Column("detail", "STRING", "what exactly was wrong"),
        Column("key", "BINARY", "the message's key, byte for byte"),
        Column("value", "BINARY", "the message, byte for byte"),
        Column("topic", "STRING", "Kafka topic"),
        *_ORIGIN_OF_ROW,
    ),
    partitioned_by=("processing_date",),
)

PREDICTIONS = Table(
    name="predictions",
    grain="prediction; a flight has one, made from its scheduled event",
    key=("prediction_id",),
    columns=(
        Column("prediction_id", "STRING", "event_id of the scheduled event that it was made from"),
        *_PREDICTED_FLIGHT,
        Column(
            "prediction_timestamp",
            "TIMESTAMP",
            "the moment whose knowledge it uses: the scheduled event's timestamp",
            "UTC",
        ),
        *_PREDICTION,
        *_SIDES,
        *_TRUTH,
        Column("outcome", "STRING", "arrived, diverted, cancelled, or null while open"),
        Column(
            "outcome_timestamp",
            "TIMESTAMP",
            "when the event happened that says so: a newer one replaces it",
            "UTC",
        ),
        Column("outcome_offset", "BIGINT", "Kafka offset of that event"),
        Column(
            "newest_event",
            EVENT_ORDER_TYPE,
            "place in the order of events of the flight's newest one, which decides the outcome",
        ),
        *_PREDICTED_IN,
    ),
    partitioned_by=("prediction_date",),
)

CHALLENGER_PREDICTIONS = Table(
    name="challenger_predictions",
    grain="prediction of a challenger, made beside the champion's and not served; truth is in `predictions`",
    key=("prediction_id", "model_version"),
    columns=(
        Column("prediction_id", "STRING", "that of the champion's prediction for the same flight"),
        *_PREDICTED_FLIGHT,
        Column("prediction_timestamp", "TIMESTAMP", "the moment whose knowledge it uses", "UTC"),
        *_PREDICTION,
        *_PREDICTED_IN,
    ),
    partitioned_by=("prediction_date",),
)

MODEL_MONITORING = Table(
    name="model_monitoring",
    grain="metric of an evaluation of a model on live flights",
    key=("timestamp", "model_version", "metric", "subject"),
    columns=(
        Column("timestamp", "TIMESTAMP", "when it was evaluated", "UTC"),
        Column("model_version", "STRING", "model that it is about"),
        Column(
            "metric",
            "STRING",
            "mae, rmse, mape, coverage_90, mae_vs_median, brier_vs_base_rate, psi or psi_share",
        ),
        Column("subject", "STRING", "feature, for psi; empty otherwise"),
        Column("value", "DOUBLE", "the figure; delays in minutes"),
        Column("threshold", "DOUBLE", "bound that it must keep; null if there is none"),
        Column("breached", "BOOLEAN", "whether it does not keep it"),
        Column("flights", "BIGINT", "flights that it was computed over", "flights"),
    ),
)

FACT = Table(
    name="fact_flight_events",
    grain="flight: newest state, frozen prediction, actual and error",
    key=("flight_id",),
    columns=(
        Column("event_id", "STRING", "event that the newest state comes from"),
        Column("event_type", "STRING", "newest state: scheduled, departed, arrived or cancelled"),
        Column("timestamp", "TIMESTAMP", "when that happened", "UTC"),
        *_FLIGHT,
        *_PREDICTION,
        *_TRUTH,
        *_ORIGIN_OF_ROW,
    ),
    partitioned_by=("processing_date",),
    skipped_by=(
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

SCHEMA_METADATA = Table(
    name="schema_metadata",
    grain="field of a version of the message contract",
    key=("schema_version", "field"),
    columns=(
        Column("schema_version", "INT", "version of the message contract"),
        Column("field", "STRING", "name of the field; weather’s own fields as weather.<name>"),
        Column("type", "STRING", "JSON type"),
        Column("unit", "STRING", "unit of the value"),
        Column("required", "BOOLEAN", "whether a message without it is rejected"),
        Column("description", "STRING", "meaning"),
        Column("since", "DATE", "day from which messages of this version are taken"),
        Column("since_version", "INT", "version that brought the field"),
    ),
)

_VERSION = Column("version", "STRING", "fingerprint of the whole table's content; every row has the same")
_PERIOD = (
    Column("country", "STRING", "country, ISO 3166-1, two letters"),
    Column("since", "DATE", "first day on which the code means this row; null = always before"),
    Column("until", "DATE", "last day on which the code means this row; null = still"),
    Column(
        "origin",
        "STRING",
        "packaged = of the installed reference data, user = added with `flights reference`",
    ),
)
_ROUTE = (
    Column("airline", "STRING", "IATA carrier code"),
    Column("origin", "STRING", "IATA airport code"),
    Column("destination", "STRING", "IATA airport code"),
)

_SUMS = (
    Column("flights", "BIGINT", "flights, whatever became of them", "flights"),
    Column("departed", "BIGINT", "flights with a departure delay", "flights"),
    Column("arrived", "BIGINT", "flights whose newest state is arrived", "flights"),
    Column("cancelled", "BIGINT", "flights whose newest state is cancelled", "flights"),
    Column("departure_delayed_15", "BIGINT", "flights that departed 15 minutes late or more", "flights"),
    Column("arrival_delayed_15", "BIGINT", "flights that arrived 15 minutes late or more", "flights"),
    Column("departure_delay_sum", "DOUBLE", "sum of the departure delays", "minutes"),
    Column("arrival_delay_sum", "DOUBLE", "sum of the arrival delays", "minutes"),
    Column("arrival_delay_sum_squares", "DOUBLE", "sum of the squares of the arrival delays", "minutes²"),
    Column("predicted", "BIGINT", "flights with a prediction", "flights"),
    Column("predicted_arrived", "BIGINT", "flights with a prediction and an actual delay", "flights"),
    Column("error_sum", "DOUBLE", "sum of actual − predicted", "minutes"),
    Column("absolute_error_sum", "DOUBLE", "sum of |actual − predicted|", "minutes"),
    Column("squared_error_sum", "DOUBLE", "sum of (actual − predicted)²", "minutes²"),
    Column(
        "interval_covered", "BIGINT", "flights whose actual delay lies within the 90 % interval", "flights"
    ),
    Column("quality_sum", "DOUBLE", "sum of quality_score"),
    Column("batch_id", "BIGINT", "newest batch among the flights counted"),
)

FLIGHTS_HOURLY = Table(
    name="flights_hourly",
    grain="flight date, hour, airline, origin and destination: sums over the flights of fact_flight_events",
    key=("flight_date", "hour", "airline", "origin", "destination"),
    columns=(
        _FLIGHT_DATE,
        Column("hour", "INT", "hour of the scheduled departure, the origin's local time", "hours"),
        *_ROUTE,
        *_SUMS,
    ),
    partitioned_by=("flight_date",),
)

FLIGHTS_DAILY = Table(
    name="flights_daily",
    grain="flight date, airline, origin and destination: sums over the flights of fact_flight_events",
    key=("flight_date", "airline", "origin", "destination"),
    columns=(
        _FLIGHT_DATE,
        *_ROUTE,
        *_SUMS,
    ),
    partitioned_by=("flight_date",),
)

DIM_AIRLINE = Table(
    name="dim_airline",
    grain="airline code and period in which it means the same airline",
    key=("code", "since"),
    columns=(
        Column("code", "STRING", "IATA carrier code"),
        Column("name", "STRING", "name"),
        _VERSION,
        Column("icao", "STRING", "ICAO carrier code, where known"),
        *_PERIOD,
    ),
)

DIM_AIRPORT = Table(
    name="dim_airport",
    grain="airport code and period in which it means the same airport",
    key=("code", "since"),
    columns=(
        Column("code", "STRING", "IATA airport code; the ICAO code of an airport without one"),
        Column("name", "STRING", "name"),
        Column("city", "STRING", "city, where known"),
        Column("state", "STRING", "state, where known"),
        Column("latitude", "DOUBLE", "latitude", "degrees north"),
        Column("longitude", "DOUBLE", "longitude", "degrees east"),
        Column("time_zone", "STRING", "IANA time zone"),
        _VERSION,
        Column("icao", "STRING", "ICAO airport code, where known"),
        *_PERIOD,
    ),
)

TABLES = (
    STAGING,
    STAGED_IDS,
    QUARANTINE,
    PREDICTIONS,
    CHALLENGER_PREDICTIONS,
    MODEL_MONITORING,
    FACT,
    BATCH_METADATA,
    CHECK_RESULTS,
    ARCHIVE_METADATA,
    COMPLEX_EVENTS,
    SCHEMA_METADATA,
    DIM_AIRLINE,
    DIM_AIRPORT,
    FLIGHTS_HOURLY,
    FLIGHTS_DAILY,
)
