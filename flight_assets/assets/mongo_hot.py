"""mongo_hot: the newest state of each flight in MongoDB."""

from datetime import date
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue
from pyspark.sql import functions as F

from flight_assets.archive.files import without_archived
from flight_assets.archive.record import ARCHIVE_ROOT
from flight_assets.assets.pipeline import PipelineResource, batch_metadata, step_asset, table_schema
from flight_assets.contracts.tables import FACT
from flight_assets.provenance import STEPS, BatchRecord
from flight_assets.stores import ahead, mongo
from flight_assets.pipeline.write_hot import rows_of, upsert_from_spark

PREVIEW_DOCUMENTS = 3


@step_asset(deps=["predictions"], kinds={"spark", "mongodb"})
def mongo_hot(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One document per flight (flight_tracking.flight_events, _id = flight_id): newest state, prediction, quality."""
    mongo.ensure_collection(pipeline.settings)
    _take_back(pipeline)
    records = []
    for record in pipeline.batches("mongo_hot"):
        counts = _upsert(pipeline, record)
        record.upserted, record.out_of_order = counts.upserted, counts.out_of_order
        records.append(record)
        context.log.info("batch %d: %d upserted, %d out of order", record.batch_id, counts.upserted, counts.out_of_order)
    totals = {name: sum(getattr(record, name) for record in records) for name in ("upserted", "out_of_order")}
    collection = f"{pipeline.settings.mongo_database}.{mongo.FLIGHTS}"
    return MaterializeResult(
        metadata=batch_metadata("mongo_hot", records)
        | totals
        | {
            "location": collection,
            "dagster/column_schema": table_schema(FACT),
            "preview": MetadataValue.json(_preview(pipeline, records)),
        }
    )


def _upsert(pipeline: PipelineResource, record: BatchRecord) -> mongo.UpsertCounts:
    """Write a batch's states. One that is older than what an archive holds of its flight is out of order, as if the flight were hot."""
    states = pipeline.rows.states(record)
    if not pipeline.hdfs.list(ARCHIVE_ROOT):
        return upsert_from_spark(states, pipeline.settings, record.flights or 0)
    hot = without_archived(pipeline.warehouse, states)
    written = upsert_from_spark(hot, pipeline.settings, record.flights or 0)
    return mongo.UpsertCounts(written.upserted, states.count() - written.upserted)


def _take_back(pipeline: PipelineResource) -> None:
    """Put right the documents that continuous processing has written of events that their batch, all done since, has not staged."""
    with mongo.database(pipeline.settings) as db:
        left = ahead.unconfirmed_before(db, pipeline.ledger.next_offsets(STEPS[-1]))
        if not left:
            return
        ids, days = [each["_id"] for each in left], [date.fromisoformat(each["flight_date"]) for each in left]
        known = pipeline.warehouse.read(FACT).where(F.col("flight_date").isin(days) & F.col("flight_id").isin(ids))
        if pipeline.hdfs.list(ARCHIVE_ROOT):
            known = without_archived(pipeline.warehouse, known)
        rows = [row for batch in known.toArrow().to_batches() for row in rows_of(batch)]
        ahead.take_back(db, left, [mongo.document(row) for row in rows])


def _preview(pipeline: PipelineResource, records: list[BatchRecord]) -> list[dict[str, Any]]:
    """Documents of the last batch, by their ids: the collection has no other index that would find them."""
    if not records:
        return []
    ids = [row.flight_id for row in pipeline.rows.states(records[-1]).select("flight_id").limit(PREVIEW_DOCUMENTS).collect()]
    with mongo.database(pipeline.settings) as db:
        found = db[mongo.FLIGHTS].find({"_id": {"$in": ids}})
        return [{name: str(value) for name, value in document.items()} for document in found]
