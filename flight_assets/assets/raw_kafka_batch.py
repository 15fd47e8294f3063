"""raw_kafka_batch: the topic's new messages, byte for byte, as Parquet on HDFS."""

import time
from datetime import datetime
from typing import Any

from dagster import AssetExecutionContext, AssetObservation, MaterializeResult, MetadataValue, TableColumn, TableSchema

from flight_assets.assets.pipeline import PREVIEW_ROWS, PipelineResource, batch_metadata, markdown, step_asset
from flight_assets.pipeline import checks
from flight_assets.provenance import BatchRecord, CheckResult
from flight_assets.stores import kafka, landing

# How far behind the topic a run is said to be when nothing tells: over any threshold.
UNKNOWN_S = 1e9


@step_asset(deps=["kafka_flight_events"], kinds={"kafka", "spark", "hdfs"})
def raw_kafka_batch(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per Kafka message, whatever it holds: a directory of Parquet files per batch under /archive/flight_data."""
    ends, landed = kafka.end_offsets(pipeline.settings), pipeline.ledger.next_offsets()
    if landing.has_news(ends, landed):
        expired = landing.expired_ranges(kafka.begin_offsets(pipeline.settings), landed)
        landing.land_new_messages(pipeline.warehouse.spark, pipeline.settings, bool(expired))
    records = _finish_landed(pipeline, ends)
    for record in records:
        for partition, lost in record.lost.items():
            context.log.error("LOST: the topic's retention deleted offsets %d–%d of partition %s", lost.first, lost.last, partition)
    last = _last_batch(pipeline, records[-1]) if records else {}
    context.log.info("%d new batches", len(records))
    _observe_topic(context, pipeline, ends)
    return MaterializeResult(metadata=batch_metadata("raw_kafka_batch", records) | _sizes(records) | last)


def _observe_topic(context: AssetExecutionContext, pipeline: PipelineResource, ends: dict[int, int]) -> None:
    """What the topic held when the run began, and how much of it has not landed now."""
    landed = pipeline.ledger.next_offsets()
    observed: dict[str, Any] = {
        "messages": sum(ends.values()),
        "lag_messages": landing.waiting(ends, landed),
        "topic": pipeline.settings.kafka_topic,
    }
    by_partition = {str(number): {"end": end, "landed": landed.get(str(number), 0)} for number, end in ends.items()}
    metadata = {**observed, "offsets": MetadataValue.json(by_partition)}
    context.log_event(AssetObservation("kafka_flight_events", metadata=metadata))


def _finish_landed(pipeline: PipelineResource, ends: dict[int, int]) -> list[BatchRecord]:
    """The records of the batches that have landed. ``ends``: the topic's end offsets when the run began; the last batch reaches them."""
    landed, records = pipeline.ledger.landed(), []
    begins = kafka.begin_offsets(pipeline.settings) if landed else {}
    for batch_id in landed:
        began = time.monotonic()
        before = pipeline.ledger.next_offsets()
        record = landing.describe_landed(pipeline.warehouse.spark, pipeline.hdfs, pipeline.settings, batch_id, before, begins)
        record.accepted = pipeline.ledger.accepted(batch_id)
        found = [checks.offsets_follow_on(record, before)]
        if batch_id == landed[-1]:
            found.append(_freshness(pipeline, ends, record.next_offsets, record.timestamp))
        records.append(record)
        if not pipeline.finish("raw_kafka_batch", record, began, found):
            break
    if not landed:
        last = pipeline.ledger.last_done("raw_kafka_batch")
        newest = pipeline.ledger.record(last).timestamp if last >= 0 else None
        pipeline.note(_freshness(pipeline, ends, pipeline.ledger.next_offsets(), newest))
    return records


def _freshness(pipeline: PipelineResource, ends: dict[int, int], landed: dict[str, int], newest_landed: datetime | None) -> CheckResult:
    waiting = landing.waiting(ends, landed)
    newest = kafka.newest_timestamp(pipeline.settings, ends) if waiting else None
    behind_s = (newest - newest_landed).total_seconds() if newest and newest_landed else (UNKNOWN_S if waiting else 0.0)
    return checks.fresh(waiting, behind_s, pipeline.settings.freshness_threshold_s)


def _sizes(records: list[BatchRecord]) -> dict[str, MetadataValue]:
    rows = sum(record.record_count for record in records)
    return {
        "dagster/row_count": MetadataValue.int(rows),
        "file_size_mb": MetadataValue.float(round(sum((record.file_size_mb for record in records), 0.0), 3)),
        "messages_lost": MetadataValue.int(sum(lost.last - lost.first + 1 for record in records for lost in record.lost.values())),
    }


def _last_batch(pipeline: PipelineResource, record: BatchRecord) -> dict[str, Any]:
    rows = landing.read_raw(pipeline.warehouse.spark, pipeline.settings, record.batch_id).limit(PREVIEW_ROWS)
    readable = rows.selectExpr("kafka_partition", "kafka_offset", "ingestion_timestamp", "left(string(value), 120) AS value")
    return {
        "location": MetadataValue.path(record.storage_location),
        "dagster/column_schema": TableSchema([TableColumn(column.name, column.type) for column in record.schema_]),
        "preview": markdown(readable.toPandas()),
    }
