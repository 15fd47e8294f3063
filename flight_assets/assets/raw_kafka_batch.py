"""raw_kafka_batch: the topic's new messages, byte for byte, as Parquet on HDFS."""

import time

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableColumn, TableSchema

from flight_assets.assets.pipeline import PipelineResource, batch_metadata, step_asset
from flight_assets.provenance import BatchRecord
from flight_assets.stores import kafka, landing


@step_asset(deps=["kafka_flight_events"], kinds={"kafka", "spark", "hdfs"})
def raw_kafka_batch(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per Kafka message, whatever it holds: a directory of Parquet files per batch under /archive/flight_data."""
    if landing.has_news(kafka.end_offsets(pipeline.settings), pipeline.ledger.next_offsets()):
        landing.land_new_messages(pipeline.warehouse.spark, pipeline.settings)
    records = [_record(pipeline, batch_id) for batch_id in pipeline.ledger.landed()]
    schema = {"dagster/column_schema": _schema(records)} if records else {}
    context.log.info("%d new batches", len(records))
    return MaterializeResult(metadata=batch_metadata(records) | _sizes(records) | schema)


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
    }


def _schema(records: list[BatchRecord]) -> TableSchema:
    return TableSchema([TableColumn(column.name, column.type) for column in records[-1].schema_])
