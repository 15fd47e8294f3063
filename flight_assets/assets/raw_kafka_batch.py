"""raw_kafka_batch: the topic's new messages, byte for byte, as Parquet on HDFS."""

import time
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableColumn, TableSchema

from flight_assets.assets.pipeline import PREVIEW_ROWS, PipelineResource, batch_metadata, markdown, step_asset
from flight_assets.provenance import BatchRecord
from flight_assets.stores import kafka, landing


@step_asset(deps=["kafka_flight_events"], kinds={"kafka", "spark", "hdfs"})
def raw_kafka_batch(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per Kafka message, whatever it holds: a directory of Parquet files per batch under /archive/flight_data."""
    landed = pipeline.ledger.next_offsets()
    if landing.has_news(kafka.end_offsets(pipeline.settings), landed):
        expired = landing.expired_ranges(kafka.begin_offsets(pipeline.settings), landed)
        landing.land_new_messages(pipeline.warehouse.spark, pipeline.settings, bool(expired))
    records = [_record(pipeline, batch_id) for batch_id in pipeline.ledger.landed()]
    for record in records:
        for partition, lost in record.lost.items():
            context.log.error("LOST: the topic's retention deleted offsets %d–%d of partition %s", lost.first, lost.last, partition)
    last = _last_batch(pipeline, records[-1]) if records else {}
    context.log.info("%d new batches", len(records))
    return MaterializeResult(metadata=batch_metadata("raw_kafka_batch", records) | _sizes(records) | last)


def _record(pipeline: PipelineResource, batch_id: int) -> BatchRecord:
    began = time.monotonic()
    record = landing.describe_landed(pipeline.warehouse.spark, pipeline.hdfs, pipeline.settings, batch_id, pipeline.ledger.next_offsets())
    pipeline.finish("raw_kafka_batch", record, began)
    return record


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
