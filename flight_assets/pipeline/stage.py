"""Step ``stage``: sort a batch's raw messages into valid new events, duplicates and rejects.

Each message is in exactly one of the three (promise P1). Spark's workers check it once; its event_id shows a
duplicate.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from flight_assets.contracts.message import SCHEMA_VERSIONS, EventType
from flight_assets.contracts.ranges import date_ranges
from flight_assets.contracts.tables import QUARANTINE, STAGED_IDS, STAGING
from flight_assets.pipeline import event_dedup
from flight_assets.stores.spark_types import struct
from flight_assets.stores.warehouse import collected, computed, together
from flight_assets.transforms.check import CHECKED_SCHEMA, checker
from flight_assets.transforms.flights import ARRIVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

    from flight_assets.stores.warehouse import Warehouse
    from flight_assets.transforms.inputs import Checks

STAGED, DUPLICATE, QUARANTINED = "staged", "duplicate", "quarantined"
NAMES_KEPT = 20
# Field of the record, and the column with a message's names for it.
ODD_NAMES = {
    "unknown_fields": "unknown_fields",
    "cleaned_values": "cleaned",
    "unknown_codes": "unknown_codes",
}
# The counts of a batch in which no message is staged, duplicate or quarantined.
NOTHING_STAGED: dict[str, Any] = {
    STAGED: 0,
    DUPLICATE: 0,
    QUARANTINED: 0,
    "quarantined_by_reason": {},
    "flights": 0,
    "schema_versions": {},
    "quality": None,
    "flight_dates": [],
    "announced_dates": [],
    "unknown_fields": {},
    "cleaned_values": {},
    "unknown_codes": {},
}


def check_messages(raw: DataFrame, checks: Checks) -> DataFrame:
    """Return a row of CHECKED_SCHEMA per message. Lazy; each evaluation runs the checks again."""
    return raw.mapInArrow(checker(checks), struct(CHECKED_SCHEMA))


def numbered(checked: DataFrame) -> DataFrame:
    """Add ``nth``: a message's number among those with its event_id, in order of arrival; 1 if rejected."""
    # No valid id has an unprintable character.
    own = F.coalesce("event_id", F.concat_ws("-", F.lit("\x00"), "kafka_partition", "kafka_offset"))
    return checked.withColumn("nth", F.row_number().over(Window.partitionBy(own).orderBy(*ARRIVAL)))


def with_outcome(messages: DataFrame, known: DataFrame | None) -> DataFrame:
    """Add ``outcome``: staged, duplicate or quarantined.

    Args:
        messages: checked and numbered messages.
        known: the ``event_id`` of those staged before; None if there are none.
    """
    is_again = F.col("nth") > 1
    if known is not None:
        seen = known.select("event_id").distinct().withColumn("_was_seen", F.lit(True))
        messages = messages.join(F.broadcast(seen), "event_id", "left")
        is_again |= F.col("_was_seen").isNotNull()
    is_valid = F.col("reason").isNull()
    outcome = F.when(~is_valid, QUARANTINED).when(is_again, DUPLICATE).otherwise(STAGED)
    return messages.withColumn("outcome", outcome).drop("_was_seen", "nth")


@dataclass(frozen=True)
class Staged:
    """Staged events of a batch, a computed frame of ``staging_flight_events``, and counts for the record."""

    events: DataFrame
    counts: dict[str, Any]


def stage(warehouse: Warehouse, raw: DataFrame, batch_id: int, checks: Checks) -> Staged:
    """Check the messages of a batch, and append the staged and the quarantined ones.

    A repeat appends nothing.

    Args:
        warehouse: the tables to append to.
        raw: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp, batch_id.
        batch_id: the batch's number; earlier batches are searched for duplicates.
        checks: the reference data and the rule for unknown codes.
    """
    messages = computed(numbered(check_messages(raw, checks)))
    met = event_dedup.batches_met(warehouse, messages, batch_id)
    classified = with_outcome(messages, None)
    found = collected(_with_odd_names(_by_outcome(classified).crossJoin(F.broadcast(met)), classified))
    earlier = {number for row in found for number in row["met"] or ()}
    if earlier:
        known = event_dedup.staged_in(warehouse, messages, sorted(earlier))
        classified = computed(with_outcome(messages, known))
        found = collected(_with_odd_names(_by_outcome(classified), classified))
    counts = _counts(found)
    staged = classified.where(F.col("outcome") == STAGED)
    events = staged.select(*STAGING.column_names)
    appends = []
    if counts[STAGED]:
        appends.append(lambda: warehouse.append_once(events, STAGING, batch_id))
        appends.append(lambda: warehouse.append_once(event_dedup.id_rows(staged), STAGED_IDS, batch_id))
    if counts[QUARANTINED]:
        appends.append(lambda: warehouse.append_once(quarantined_rows(classified), QUARANTINE, batch_id))
    together(*appends)
    return Staged(events, counts)


def quarantined_rows(classified: DataFrame) -> DataFrame:
    """Return the rejected messages as rows of ``quarantined_events``, with their original bytes."""
    return classified.where(F.col("outcome") == QUARANTINED).select(*QUARANTINE.column_names)


def _by_outcome(classified: DataFrame) -> DataFrame:
    """Return one row per outcome and reason: counts, days and mean quality."""
    is_scheduled = F.col("event_type") == EventType.SCHEDULED.value
    return classified.groupBy("outcome", "reason").agg(
        F.count("*").alias("messages"),
        F.count_distinct("flight_id").alias("flights"),
        F.avg("quality_score").alias("quality"),
        F.collect_set("flight_date").alias("flight_dates"),
        F.collect_set(F.when(is_scheduled, F.to_date("timestamp"))).alias("announced"),
        *(
            F.count_if(F.col("schema_version") == number).alias(f"version_{number}")
            for number in SCHEMA_VERSIONS
        ),
    )


def _with_odd_names(figures: DataFrame, classified: DataFrame) -> DataFrame:
    """Add a row per unknown field, cleaned value and unknown code: ``kind``, ``name``, ``n`` messages.

    The rows are in order, the most frequent first, NAMES_KEPT of each kind. One read gets all figures.
    """
    named = [
        F.transform(F.coalesce(F.col(column), F.array().cast("array<string>")), _of_kind(kind))
        for kind, column in ODD_NAMES.items()
    ]
    each = classified.select(F.explode(F.concat(*named)).alias("odd")).groupBy("odd.kind", "odd.name")
    rank = F.row_number().over(Window.partitionBy("kind").orderBy(F.desc("n"), "name"))
    names = each.agg(F.count("*").alias("n")).withColumn("rank", rank).where(F.col("rank") <= NAMES_KEPT)
    return figures.unionByName(names, allowMissingColumns=True)


def _of_kind(kind: str) -> Callable[[Column], Column]:
    return lambda name: F.struct(F.lit(kind).alias("kind"), name.alias("name"))


def _counts(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the record's counts from the rows of ``_with_odd_names``."""
    staged = next((row for row in found if row["outcome"] == STAGED), None)
    names = sorted((row for row in found if row["kind"]), key=lambda row: int(row["rank"]))
    by_reason = Counter({row["reason"]: row["messages"] for row in found if row["reason"]})
    counts = NOTHING_STAGED | {
        DUPLICATE: sum(row["messages"] for row in found if row["outcome"] == DUPLICATE),
        QUARANTINED: by_reason.total(),
        "quarantined_by_reason": dict(sorted(by_reason.items())),
        **{kind: {row["name"]: row["n"] for row in names if row["kind"] == kind} for kind in ODD_NAMES},
    }
    if staged is None:
        return counts
    return counts | {
        STAGED: staged["messages"],
        "flights": staged["flights"],
        "schema_versions": {str(number): staged[f"version_{number}"] for number in SCHEMA_VERSIONS},
        "quality": staged["quality"],
        "flight_dates": date_ranges(staged["flight_dates"]),
        "announced_dates": date_ranges(staged["announced"]),
    }
