"""staged_events: the valid new events of each batch, and its rejects."""

from collections import Counter

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue
from pyspark.sql import Row

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.message import SCHEMA_VERSIONS
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, QUARANTINE, STAGED_IDS, STAGING
from flight_assets.provenance import BatchRecord
from flight_assets.stores import staged_ids
from flight_assets.stores.landing import read_raw
from flight_assets.stores.warehouse import computed, together
from flight_assets.transforms.stage import (
    DUPLICATE,
    QUARANTINED,
    STAGED,
    check_messages,
    outcome_counts,
    quarantined_rows,
    staged_rows,
    unknown_field_counts,
    with_outcome,
)


@step_asset(deps=["raw_kafka_batch", "dim_airline", "dim_airport"], kinds={"spark", "deltalake", "hive"})
def staged_events(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per valid event (flight_dw.staging_flight_events). Rejected messages go to flight_dw.quarantined_events with a reason."""
    records = []
    for record in pipeline.batches("staged_events"):
        stage_batch(pipeline, record)
        records.append(record)
        context.log.info("batch %d: %s staged, %s quarantined", record.batch_id, record.staged, record.quarantined)
    counts = {name: sum(getattr(record, name) for record in records) for name in (STAGED, DUPLICATE, QUARANTINED)}
    unknown = Counter[str]()
    for record in records:
        unknown.update(record.unknown_fields)
    reported = report(pipeline, "staged_events", records, counts, STAGING, pipeline.rows.events)
    return reported._replace(metadata={**(reported.metadata or {}), "unknown_fields": MetadataValue.json(dict(unknown))})


def stage_batch(pipeline: PipelineResource, record: BatchRecord) -> None:
    """Check one batch, write what is staged and what is quarantined, and fill in the record's counts."""
    house = pipeline.warehouse
    raw = read_raw(house.spark, pipeline.settings, record.batch_id)
    checked = computed(check_messages(raw, house.read(DIM_AIRLINE), house.read(DIM_AIRPORT)))
    classified = computed(with_outcome(checked, staged_ids.staged_before(house, checked.where("reason IS NULL"), record.batch_id)))
    groups = outcome_counts(classified).collect()
    _count(record, groups)
    if any(group.unknown for group in groups):
        record.unknown_fields = {row.field: row.messages for row in unknown_field_counts(classified).collect()}
    appends = []
    if record.staged:
        staged = staged_rows(classified)
        appends.append(lambda: house.append_once(staged, STAGING, record.batch_id))
        appends.append(lambda: house.append_once(staged_ids.id_rows(staged), STAGED_IDS, record.batch_id))
    if record.quarantined:
        appends.append(lambda: house.append_once(quarantined_rows(classified), QUARANTINE, record.batch_id))
    together(*appends)


def _count(record: BatchRecord, groups: list[Row]) -> None:
    by_outcome = {(group.outcome, group.reason): group for group in groups}
    staged = by_outcome.get((STAGED, None))
    record.staged = staged["messages"] if staged else 0
    record.flights = staged["flights"] if staged else 0
    record.schema_versions = {str(number): staged[f"version_{number}"] for number in SCHEMA_VERSIONS} if staged else {}
    duplicate = by_outcome.get((DUPLICATE, None))
    record.duplicate = duplicate["messages"] if duplicate else 0
    record.quarantined_by_reason = {reason: group["messages"] for (_, reason), group in sorted(by_outcome.items(), key=str) if reason}
    record.quarantined = sum(record.quarantined_by_reason.values())
