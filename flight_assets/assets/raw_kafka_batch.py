"""Asset ``raw_kafka_batch``: the topic's new messages, byte for byte, as Parquet on HDFS."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
)

from flight_assets.assets.pipeline import PREVIEW_ROWS, PipelineResource, batch_metadata, step_asset
from flight_assets.assets.preview import markdown
from flight_assets.pipeline import check_rules
from flight_assets.provenance import BatchRecord, CheckResult, Ledger, raw_path
from flight_assets.stores import kafka, landing, raw_files, topic_lag
from flight_assets.stores.kafka_reader import TopicReader

# Seconds behind the topic if they cannot be measured: above any threshold.
UNKNOWN_S = 1e9
PREVIEW_CHARACTERS = 120


@step_asset(deps=["kafka_flight_events"], kinds={"kafka", "spark", "hdfs"})
def raw_kafka_batch(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per Kafka message, whatever it holds.

    A directory of Parquet files per batch under /archive/flight_data.
    """
    with kafka.reader(pipeline.settings) as topic:
        ends = topic.ends()
        records = list(_land(pipeline, topic, ends))
    for record in records:
        for partition, lost in record.lost.items():
            context.log.error(
                "LOST: the topic's retention deleted offsets %d–%d of partition %s",
                lost.first,
                lost.last,
                partition,
            )
        if record.unreadable:
            context.log.error(
                "UNREADABLE: %d places in Kafka; see the quarantine of batch %d",
                record.unreadable,
                record.batch_id,
            )
    last = _last_batch(pipeline, records[-1]) if records else {}
    context.log.info("%d new batches", len(records))
    _observe_topic(context, pipeline, ends)
    return MaterializeResult(metadata=batch_metadata("raw_kafka_batch", records) | _sizes(records) | last)


def _observe_topic(context: AssetExecutionContext, pipeline: PipelineResource, ends: dict[int, int]) -> None:
    """Log what the topic held when the run began, and how much of it has not landed."""
    landed = pipeline.ledger.next_offsets()
    observed: dict[str, Any] = {
        "messages": sum(ends.values()),
        "lag_messages": topic_lag.waiting(ends, landed),
        "topic": pipeline.settings.kafka_topic,
    }
    by_partition = {
        str(number): {"end": end, "landed": landed.get(str(number), 0)} for number, end in ends.items()
    }
    metadata = {**observed, "offsets": MetadataValue.json(by_partition)}
    context.log_event(AssetObservation("kafka_flight_events", metadata=metadata))


def _land(pipeline: PipelineResource, topic: TopicReader, ends: dict[int, int]) -> Iterator[BatchRecord]:
    """Yield the record of each batch up to ``ends``. Landed batches without record come first.

    A batch that a check stops is the last one.
    """
    ledger, is_told = pipeline.ledger, False
    while True:
        began = time.monotonic()
        batch_id = _next_landed(pipeline, topic, ledger, ends)
        if batch_id is None:
            break
        before = ledger.next_offsets()
        record = landing.describe_landed(topic, pipeline.settings, pipeline.hdfs, batch_id, before)
        record.accepted = ledger.accepted(batch_id)
        found = [check_rules.offsets_follow_on(record, before)]
        is_told = not found[0].passed or not topic_lag.waiting(ends, record.next_offsets)
        if is_told:
            found.append(_freshness(pipeline, ends, record.next_offsets, record.timestamp))
        yield record
        if not pipeline.finish("raw_kafka_batch", record, began, found):
            return
    if not is_told:
        # The remaining offsets have no message.
        pipeline.note(check_rules.fresh(0, 0, pipeline.settings.freshness_threshold_s))


def _next_landed(
    pipeline: PipelineResource, topic: TopicReader, ledger: Ledger, ends: dict[int, int]
) -> int | None:
    """Return the next batch that is complete on HDFS, landing it if needed; None without new messages."""
    landed = ledger.landed()
    if landed:
        return landed[0]
    plan = landing.plan_batch(topic, pipeline.settings, pipeline.hdfs, ledger, ends)
    if plan is None:
        return None
    landing.write_batch(pipeline.warehouse.spark, pipeline.settings, plan)
    return plan.batch_id


def _freshness(
    pipeline: PipelineResource, ends: dict[int, int], landed: dict[str, int], newest_landed: datetime | None
) -> CheckResult:
    waiting = topic_lag.waiting(ends, landed)
    newest = kafka.newest_timestamp(pipeline.settings, ends) if waiting else None
    behind_s = (
        (newest - newest_landed).total_seconds()
        if newest and newest_landed
        else (UNKNOWN_S if waiting else 0.0)
    )
    return check_rules.fresh(waiting, behind_s, pipeline.settings.freshness_threshold_s)


def _sizes(records: list[BatchRecord]) -> dict[str, MetadataValue]:
    rows = sum(record.record_count for record in records)
    return {
        "dagster/row_count": MetadataValue.int(rows),
        "file_size_mb": MetadataValue.float(round(sum((record.file_size_mb for record in records), 0.0), 3)),
        "messages_lost": MetadataValue.int(
            sum(lost.last - lost.first + 1 for record in records for lost in record.lost.values())
        ),
    }


def _last_batch(pipeline: PipelineResource, record: BatchRecord) -> dict[str, Any]:
    return {
        "location": MetadataValue.path(record.storage_location),
        "dagster/column_schema": TableSchema(
            [TableColumn(column.name, column.type) for column in record.schema_]
        ),
        "preview": markdown(
            raw_files.preview(pipeline.hdfs, raw_path(record.batch_id), PREVIEW_ROWS, PREVIEW_CHARACTERS)
        ),
    }
