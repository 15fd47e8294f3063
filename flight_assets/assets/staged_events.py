"""Asset ``staged_events``: the valid new events of each batch, and its rejects."""

from collections import Counter

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import STAGING
from flight_assets.pipeline import check_results
from flight_assets.pipeline.run_step import Done
from flight_assets.pipeline.stage import DUPLICATE, QUARANTINED, STAGED, stage
from flight_assets.provenance import BatchRecord
from flight_assets.stores.dimensions import read_reference
from flight_assets.stores.landing import read_raw
from flight_assets.transforms.inputs import Checks


@step_asset(deps=["raw_kafka_batch", "dim_airline", "dim_airport"], kinds={"spark", "deltalake", "hive"})
def staged_events(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per valid event (flight_dw.staging_flight_events).

    Rejected messages go to flight_dw.quarantined_events with a reason.
    """
    checks: list[Checks] = []

    def work(record: BatchRecord) -> Done:
        if not checks:
            checks.append(Checks.of(pipeline.settings, read_reference(pipeline.warehouse)))
        raw = read_raw(pipeline.warehouse.spark, pipeline.settings, record.batch_id)
        staged = stage(pipeline.warehouse, raw, record.batch_id, checks[0])
        pipeline.rows.keep_events(record, staged.events)
        counted = record.model_copy(update=staged.counts)
        context.log.info(
            "batch %d: %s staged, %s quarantined", record.batch_id, counted.staged, counted.quarantined
        )
        return Done(staged.counts, check_results.of_staging(pipeline.rows, counted, pipeline.settings))

    records = pipeline.run("staged_events", work)
    counts = {
        name: sum(getattr(record, name) for record in records) for name in (STAGED, DUPLICATE, QUARANTINED)
    }
    unknown = Counter[str]()
    for record in records:
        unknown.update(record.unknown_fields)
    reported = report(pipeline, "staged_events", records, counts, STAGING)
    return reported._replace(
        metadata={**(reported.metadata or {}), "unknown_fields": MetadataValue.json(dict(unknown))}
    )
