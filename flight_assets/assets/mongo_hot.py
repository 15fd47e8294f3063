"""Asset ``mongo_hot``: the newest state of each flight in MongoDB."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from flight_assets.archive.files import without_archived
from flight_assets.archive.record import ARCHIVE_ROOT
from flight_assets.assets.pipeline import PipelineResource, batch_metadata, step_asset, table_schema
from flight_assets.contracts.tables import FACT
from flight_assets.pipeline import check_rules
from flight_assets.pipeline.run_step import Done
from flight_assets.pipeline.write_hot import Following, take_back_unconfirmed, upsert_from_spark
from flight_assets.provenance import STEPS, BatchRecord
from flight_assets.stores import mongo, mongo_writes
from flight_assets.stores.warehouse import computed

PREVIEW_DOCUMENTS = 3


@step_asset(deps=["predictions"], kinds={"spark", "mongodb"})
def mongo_hot(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One document per flight: newest state, prediction, quality (flight_tracking.flight_events).

    Its _id is the flight_id.
    """
    mongo.ensure_collection(pipeline.settings)
    # The folder of the table over all archives is there from the start.
    has_archives = any(not name.startswith("_") for name in pipeline.hdfs.list(ARCHIVE_ROOT))
    next_offsets = pipeline.ledger.next_offsets(STEPS[-1])
    take_back_unconfirmed(pipeline.settings, next_offsets, lambda: pipeline.warehouse, has_archives)
    preview: list[str] = []

    def work(record: BatchRecord) -> Done:
        counts = _upsert(pipeline, record, has_archives)
        context.log.info(
            "batch %d: %d upserted, %d out of order", record.batch_id, counts.upserted, counts.out_of_order
        )
        if counts.problem:
            context.log.warning("current forecasts are not up to date: %s", counts.problem)
        written = {"upserted": counts.upserted, "out_of_order": counts.out_of_order}
        preview[:] = counts.sample
        return Done(written, [check_rules.all_in_mongo(record.model_copy(update=written))])

    records = pipeline.run("mongo_hot", work)
    totals = {name: sum(getattr(record, name) for record in records) for name in ("upserted", "out_of_order")}
    collection = f"{pipeline.settings.mongo_database}.{mongo.FLIGHTS}"
    return MaterializeResult(
        metadata=batch_metadata("mongo_hot", records)
        | totals
        | {
            "location": collection,
            "dagster/column_schema": table_schema(FACT),
            "preview": MetadataValue.json(_documents(pipeline, preview)),
        }
    )


def _upsert(pipeline: PipelineResource, record: BatchRecord, has_archives: bool) -> mongo_writes.UpsertCounts:
    """Write a batch's states. A state older than the archived one of its flight counts as out of order."""
    if not record.flights:
        return mongo_writes.UpsertCounts(0, 0)
    flights = pipeline.rows.flights(record).select(*FACT.column_names, "is_newest")
    following = Following(record.model_version)
    if not has_archives:
        return upsert_from_spark(flights, pipeline.settings, record.flights, following)
    hot = computed(without_archived(pipeline.warehouse, flights))
    written = upsert_from_spark(hot, pipeline.settings, record.flights, following)
    archived = flights.count() - hot.count()
    return replace(written, out_of_order=written.out_of_order + archived)


def _documents(pipeline: PipelineResource, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return some documents of the last batch by id, the only index that finds them."""
    if not ids:
        return []
    with mongo.database(pipeline.settings) as db:
        found = db[mongo.FLIGHTS].find({"_id": {"$in": list(ids[:PREVIEW_DOCUMENTS])}})
        return [{name: str(value) for name, value in document.items()} for document in found]
