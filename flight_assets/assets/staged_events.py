"""staged_events: the valid new events of each batch, and its rejects."""

from dagster import AssetExecutionContext, MaterializeResult

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, QUARANTINE, STAGING
from flight_assets.provenance import BatchRecord
from flight_assets.stores.landing import read_raw
from flight_assets.stores.warehouse import cached
from flight_assets.transforms.stage import (
    DUPLICATE,
    QUARANTINED,
    STAGED,
    check_messages,
    quarantined_rows,
    staged_rows,
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
    return report(pipeline, "staged_events", records, counts, STAGING)


def stage_batch(pipeline: PipelineResource, record: BatchRecord) -> None:
    """Check one batch, write what is staged and what is quarantined, and fill in the record's counts."""
    house = pipeline.warehouse
    raw = read_raw(house.spark, pipeline.settings, record.batch_id)
    earlier = house.read(STAGING).where(f"batch_id < {record.batch_id}")
    with (
        cached(check_messages(raw, house.read(DIM_AIRLINE), house.read(DIM_AIRPORT))) as checked,
        cached(with_outcome(checked, earlier)) as classified,
    ):
        groups = {(row.outcome, row.reason): row["count"] for row in classified.groupBy("outcome", "reason").count().collect()}
        _count(record, groups)
        if record.staged:
            house.append_once(staged_rows(classified), STAGING, record.batch_id)
        if record.quarantined:
            house.append_once(quarantined_rows(classified), QUARANTINE, record.batch_id)


def _count(record: BatchRecord, groups: dict[tuple[str, str | None], int]) -> None:
    record.staged = groups.get((STAGED, None), 0)
    record.duplicate = groups.get((DUPLICATE, None), 0)
    record.quarantined_by_reason = {reason: count for (outcome, reason), count in sorted(groups.items(), key=str) if reason is not None}
    record.quarantined = sum(record.quarantined_by_reason.values())
