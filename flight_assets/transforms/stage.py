"""From checked messages to staged events: quality, enrichment, and which of them have been seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from flight_assets.contracts.message import SCHEMA_VERSIONS, WEATHER_FIELDS, Field
from flight_assets.contracts.tables import QUARANTINE, STAGING
from flight_assets.transforms.parse import flight_date, parse_messages, with_dimensions, with_reason

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SATURDAY = 6
# Optional fields that a complete event of any type has; a delay's presence is the contract's business, not quality's.
SCORED_FIELDS = ("tail_number", "scheduled_arrival")
UNKNOWN_KEPT = 20
STAGED, DUPLICATE, QUARANTINED = "staged", "duplicate", "quarantined"


def check_messages(raw: DataFrame, airlines: DataFrame, airports: DataFrame) -> DataFrame:
    """Every message with its typed fields, and ``reason`` and ``detail`` of its rejection (null for a valid one).

    Args:
        raw: one row per message of a batch: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp, batch_id.
        airlines: the airline dimension.
        airports: the airport dimension.
    """
    return raw.transform(parse_messages).transform(with_dimensions, airlines, airports).transform(with_reason)


def with_outcome(checked: DataFrame, staged_before: DataFrame) -> DataFrame:
    """Adds ``outcome``: staged, duplicate or quarantined. Of messages with one event_id, the one that Kafka took first is staged.

    ``checked`` is evaluated twice: cache it. ``staged_before`` has each ``event_id`` of ``checked`` that an earlier batch has staged, and
    may have others.
    """
    is_valid = F.col("reason").isNull()
    candidate = F.when(is_valid, F.col("event_id"))
    arrival = Window.partitionBy("_candidate").orderBy("batch_id", "ingestion_timestamp", "kafka_partition", "kafka_offset")
    messages = checked.withColumn("_candidate", candidate)
    batch_ids = messages.select(F.col("_candidate").alias("event_id")).where(F.col("event_id").isNotNull())
    seen = staged_before.select("event_id").join(F.broadcast(batch_ids), "event_id", "left_semi").distinct()
    seen = seen.select(F.col("event_id").alias("_candidate"), F.lit(True).alias("_was_seen"))
    is_duplicate = F.coalesce("_was_seen", F.lit(False)) | (F.col("_nth") > 1)
    outcome = F.when(~is_valid, QUARANTINED).when(is_duplicate, DUPLICATE).otherwise(STAGED)
    return (
        messages.join(F.broadcast(seen), "_candidate", "left")
        .withColumn("_nth", F.row_number().over(arrival))
        .withColumn("outcome", outcome)
        .drop("_candidate", "_was_seen", "_nth")
    )


def outcome_counts(classified: DataFrame) -> DataFrame:
    """One row per outcome and reason: ``messages``, ``flights`` (distinct flight_ids), ``unknown`` (messages with fields
    that the contract does not have) and ``version_<n>``, the messages per version.
    """  # noqa: D205
    versions = [F.count_if(F.col("schema_version") == number).alias(f"version_{number}") for number in SCHEMA_VERSIONS]
    return classified.groupBy("outcome", "reason").agg(
        F.count("*").alias("messages"),
        F.count_distinct("flight_id").alias("flights"),
        F.count_if(F.size("unknown_fields") > 0).alias("unknown"),
        *versions,
    )


def unknown_field_counts(classified: DataFrame) -> DataFrame:
    """One row per name that the contract does not have: ``field`` and ``messages``; the most frequent ``UNKNOWN_KEPT``."""
    names = classified.select(F.explode("unknown_fields").alias("field"))
    return names.groupBy("field").agg(F.count("*").alias("messages")).orderBy(F.desc("messages"), "field").limit(UNKNOWN_KEPT)


def quarantined_rows(classified: DataFrame) -> DataFrame:
    """The rejected messages as rows of ``quarantined_events``, bytes untouched."""
    rejected = classified.where(F.col("outcome") == QUARANTINED).withColumn("processing_date", F.to_date("ingestion_timestamp"))
    return rejected.select(*QUARANTINE.column_names)


def staged_rows(classified: DataFrame) -> DataFrame:
    """The valid new events as rows of ``staging_flight_events``."""
    return event_rows(classified.where(F.col("outcome") == STAGED))


def event_rows(valid: DataFrame) -> DataFrame:
    """Checked messages without a reason to reject them, as rows of ``staging_flight_events``."""
    return valid.transform(_drop_implausible_weather).transform(_enrich).select(*STAGING.column_names)


def _is_plausible(field: Field, value: Column) -> Column:
    return value.isNotNull() & value.between(field.low, field.high)


def quality_score() -> Column:
    """Completeness × validity, 0…1, rounded to 4 digits.

    completeness = optional fields that are present / optional fields (tail_number, scheduled_arrival, nine of weather);
    validity = present ones with a plausible value / present ones, 1 when none is present. Plausible ranges are the contract's.
    """
    present = [F.col(name).isNotNull().cast("int") for name in SCORED_FIELDS]
    plausible = list(present)
    for field in WEATHER_FIELDS:
        value = F.col("weather")[field.name]
        present.append(value.isNotNull().cast("int"))
        plausible.append(_is_plausible(field, value).cast("int"))
    present_count, plausible_count = _total(present), _total(plausible)
    completeness = present_count / len(present)
    validity = F.when(present_count == 0, 1.0).otherwise(plausible_count / present_count)
    return F.round(completeness * validity, 4)


def _total(flags: list[Column]) -> Column:
    total = F.lit(0)
    for flag in flags:
        total = total + F.coalesce(flag, F.lit(0))
    return total


def _drop_implausible_weather(events: DataFrame) -> DataFrame:
    """Score the event, then null the weather values that no station can have measured."""
    kept = F.struct(
        *(
            F.when(_is_plausible(field, F.col("weather")[field.name]), F.col("weather")[field.name]).alias(field.name)
            for field in WEATHER_FIELDS
        )
    )
    return events.withColumn("quality_score", quality_score()).withColumn("weather", F.when(F.col("weather").isNotNull(), kept))


def _enrich(events: DataFrame) -> DataFrame:
    local_departure = F.from_utc_timestamp("scheduled_departure", F.col("origin_time_zone"))
    return events.withColumns(
        {
            "flight_date": flight_date(),
            "route": F.concat("origin", F.lit("-"), "destination"),
            "hour": F.hour(local_departure),
            "month": F.month(flight_date()),
            "day_of_week": F.weekday(flight_date()) + 1,
            "is_weekend": F.weekday(flight_date()) + 1 >= SATURDAY,
            "processing_date": F.to_date("ingestion_timestamp"),
        }
    )
