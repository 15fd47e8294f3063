"""Days of staging, quarantine, predictions and fact, made again from the raw layer to the same rows.

A day is a UTC date of ingestion. Each table's rows of the days are replaced in one commit, in the order of the pipeline, so a rebuild that
died is repeated as a whole. What other days hold is taken as true: damaged days are rebuilt together, since a flight's events may lie in
several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.errors import FlightsError
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import ahead, landing, lease, rollups
from flight_assets.pipeline.inference import first_seen_in, history_of, predicted, with_features
from flight_assets.stores.warehouse import computed, date_list
from flight_assets.transforms.flights import OUTCOME_SOURCES, flight_states, newest_per_flight, outcomes, prediction_rows
from flight_assets.transforms.stage import QUARANTINED, STAGED, check_messages, quarantined_rows, staged_rows, with_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

LEASE_WAIT_S = 600.0
# Batches whose predictions are made in one plan: more would make the plan, not the work, the larger part.
BATCHES_AT_ONCE = 20


@dataclass(frozen=True)
class Rebuilt:
    """Rows of each table that the days have after their rebuild, and the messages that they come from."""

    messages: int
    staged: int
    quarantined: int
    predictions: int
    flights: int


def rebuild_days(house: Warehouse, hdfs: Hdfs, settings: Settings, days: Collection[date], say: Callable[[str], None]) -> Rebuilt:
    """Rebuild the days under the processing lease, and their flights' days of the rollups.

    Raises:
        FlightsError: batches wait to be processed, the raw layer has no message of one of the days, or the rules for messages have changed
            since.
    """
    with lease.hold(settings, f"backfill of {', '.join(map(str, sorted(days)))}", LEASE_WAIT_S):
        ledger = Ledger(hdfs)
        if any(ledger.pending(step) for step in STEPS[1:]):
            raise FlightsError("batches wait to be processed: run `flights process` first, then the backfill")
        messages, staged, quarantined = _rebuild_events(house, ledger, days)
        say(f"{staged} events staged, {quarantined} messages quarantined")
        made = _rebuild_predictions(house, hdfs, ledger, settings, days, say)
        flights = _rebuild_flights(house, days)
        say(f"{made} predictions, {flights} flights")
    flight_dates = [row.flight_date for row in house.read(STAGING).where(_is_of(days)).select("flight_date").distinct().collect()]
    for table in rollups.ROLLUPS:
        rollups.update_rollup(house, settings, table, flight_dates)
    return Rebuilt(messages, staged, quarantined, made, flights)


def _is_of(days: Collection[date]) -> str:
    return f"processing_date IN ({date_list(days)})"


def _rebuild_events(house: Warehouse, ledger: Ledger, days: Collection[date]) -> tuple[int, int, int]:
    from pyspark.sql import functions as F

    raw = landing.read_locations(house.spark, landing.raw_locations(house, ledger)).where(F.to_date("ingestion_timestamp").isin(*days))
    # An event is staged once: what another day has staged is a duplicate here, whichever of the two came first.
    elsewhere = house.read(STAGING).where(f"NOT ({_is_of(days)})")
    checked = computed(check_messages(raw, house.read(DIM_AIRLINE), house.read(DIM_AIRPORT)))
    _refuse_days_without_messages(checked, days)
    classified = computed(with_outcome(checked, elsewhere))
    groups = {(row.batch_id, row.outcome): row["count"] for row in classified.groupBy("batch_id", "outcome").count().collect()}
    _refuse_other_verdicts(ledger, groups)
    house.replace_where(staged_rows(classified), STAGING, _is_of(days))
    house.replace_where(quarantined_rows(classified), QUARANTINE, _is_of(days))
    totals = {outcome: sum(count for (_, found), count in groups.items() if found == outcome) for outcome in (STAGED, QUARANTINED)}
    return sum(groups.values()), totals[STAGED], totals[QUARANTINED]


def _refuse_days_without_messages(messages: DataFrame, days: Collection[date]) -> None:
    from pyspark.sql import functions as F

    found = {row.day for row in messages.select(F.to_date("ingestion_timestamp").alias("day")).distinct().collect()}
    if missing := sorted(set(days) - found):
        raise FlightsError(f"the raw layer has no message that Kafka took on {', '.join(map(str, missing))} (UTC): see `flights counts`")


def _refuse_other_verdicts(ledger: Ledger, groups: dict[tuple[int, str], int]) -> None:
    """Batches that lie in the days as a whole must come out as their records say; a part of a batch can only be less."""
    for batch_id in sorted({batch_id for batch_id, _ in groups}):
        record = ledger.record(batch_id)
        found = tuple(groups.get((batch_id, outcome), 0) for outcome in (STAGED, QUARANTINED))
        recorded = (record.staged or 0, record.quarantined or 0)
        is_whole = sum(count for (number, _), count in groups.items() if number == batch_id) == record.record_count
        if (found != recorded) if is_whole else any(new > old for new, old in zip(found, recorded, strict=True)):
            raise FlightsError(
                f"batch {batch_id} had {recorded[0]} events staged and {recorded[1]} messages quarantined, now it would have "
                f"{found[0]} and {found[1]}: the contract or the dimensions have changed since, or an earlier day is damaged"
            )


def _rebuild_predictions(
    house: Warehouse, hdfs: Hdfs, ledger: Ledger, settings: Settings, days: Collection[date], say: Callable[[str], None]
) -> int:
    staging = house.read(STAGING)
    batches = sorted(row.batch_id for row in staging.where(_is_of(days)).select("batch_id").distinct().collect())
    rebuilt = 0
    for start in range(0, len(batches), BATCHES_AT_ONCE):
        some = batches[start : start + BATCHES_AT_ONCE]
        versions = {batch_id: version for batch_id in some if (version := ledger.record(batch_id).model_version)}
        parts = [
            _predictions_of(staging, batch_id, predicted(v, settings.pickled_model_sha256), ahead.kept_of_batch(hdfs, batch_id))
            for batch_id, v in versions.items()
        ]
        none = house.read(PREDICTIONS).limit(0)
        made = computed(reduce(lambda left, right: left.unionByName(right), parts, none))
        rebuilt += int(made.count())
        house.replace_where(_with_outcomes(made, staging), PREDICTIONS, _is_in(some))
        say(f"{start + len(some)} of {len(batches)} batches predicted again")
    return rebuilt


def _is_in(batches: list[int]) -> str:
    return f"batch_id IN ({', '.join(map(str, batches))})"


def _predictions_of(staging: DataFrame, batch_id: int, prediction: Column, early: pa.Table | None) -> DataFrame:
    """What the batch's run predicted: the flights that it was the first to tell of, features from the events staged up to then; and what
    was predicted ahead of it.
    """  # noqa: D205
    from pyspark.sql import functions as F

    known = staging.where(f"batch_id <= {batch_id}")
    events = known.where(f"batch_id = {batch_id}")
    dates = [row.flight_date for row in events.select("flight_date").distinct().collect()]
    scheduled = first_seen_in(events, staging.where(f"batch_id < {batch_id}"), dates).where(
        F.col("event_type") == EventType.SCHEDULED.value
    )
    told = ahead.joined(scheduled, early)
    is_made = F.col("early").isNotNull()
    asked = told.where(~is_made)
    days = [row.day for row in asked.select(F.to_date("timestamp").alias("day")).distinct().collect()]
    features = with_features(asked, history_of(days, known))
    said = prediction_rows(asked.join(features, "event_id"), prediction)
    return said if early is None else said.unionByName(prediction_rows(told.where(is_made), F.col("early")))


def _with_outcomes(predictions: DataFrame, staging: DataFrame) -> DataFrame:
    """The predictions with their truth, as the newest staged events tell it."""
    from pyspark.sql import functions as F

    ended = outcomes(staging.join(predictions.select("flight_id"), "flight_id", "left_semi")).drop("flight_date")
    return (
        predictions.drop("error_minutes", *OUTCOME_SOURCES)
        .join(ended, "flight_id", "left")
        .withColumn("error_minutes", F.col("actual_delay_minutes") - F.col("predicted_delay_minutes"))
        .select(*PREDICTIONS.column_names)
    )


def _rebuild_flights(house: Warehouse, days: Collection[date]) -> int:
    """The flights whose newest state Kafka took on one of the days."""
    from pyspark.sql import functions as F

    staging = house.read(STAGING)
    flights = staging.where(_is_of(days)).select("flight_id").distinct()
    events = staging.join(F.broadcast(flights), "flight_id", "left_semi")
    newest = newest_per_flight(events)
    moment = newest.select("flight_id", F.col("batch_id").alias("_batch"))
    known = house.read(PREDICTIONS).join(moment, "flight_id").where("batch_id <= _batch")
    rebuilt = computed(flight_states(newest, known).where(_is_of(days)))
    house.replace_where(rebuilt, FACT, _is_of(days))
    return int(rebuilt.count())
