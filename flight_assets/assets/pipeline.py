"""What the assets share: connections under the processing lease, the walk over pending batches, and how a step reports.

Belongs here: the resource and the decorator of the pipeline's steps. Does not: anything one asset alone does.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    ConfigurableResource,
    Failure,
    InitResourceContext,
    MarkdownMetadataValue,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
    asset,
)
from dagster_pyspark import LazyPySparkResource
from pyspark.sql import DataFrame

from flight_assets import logs
from flight_assets.contracts.tables import BATCH_METADATA, Table
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import lease, outage, warehouse
from flight_assets.stores.hdfs import Hdfs

POOL = "processing"
GROUP = "flight_pipeline"
OWNERS = ["team:flight-data"]
LEASE_WAIT_S = 600.0
PREVIEW_ROWS = 5


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """The stores of a run, held under the processing lease from the run's first step to its last."""

    spark: LazyPySparkResource

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["PipelineResource"]:
        """Hold the lease, so that no other run processes at the same time (promise P6)."""
        run_id = context.run.run_id if context.run else "no run"
        try:
            with lease.hold(self.settings, f"Dagster run {run_id}", LEASE_WAIT_S):
                yield self
        except Exception as error:
            raise Failure(outage.explain(self.settings, error)) from error

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return get_settings()

    @property
    def hdfs(self) -> Hdfs:
        """A client of HDFS."""
        return Hdfs(self.settings)

    @property
    def ledger(self) -> Ledger:
        """The records of the batches."""
        return Ledger(self.hdfs)

    @property
    def warehouse(self) -> warehouse.Warehouse:
        """The tables, through the session of dagster-pyspark."""
        warehouse.refuse_unreachable(self.settings)
        return warehouse.prepare(self.spark.spark_session, self.settings)

    def batches(self, step: str) -> Iterator[BatchRecord]:
        """The record of each batch that waits for a step, in order; resuming the loop saves it and marks the batch done."""
        for batch_id in self.ledger.pending(step):
            began = time.monotonic()
            record = self.ledger.record(batch_id)
            logs.note(batch_id=batch_id)
            yield record
            self.finish(step, record, began)
            logs.note(batch_id=None)

    def finish(self, step: str, record: BatchRecord, began: float) -> None:
        """Save a record with the step's duration, and mark its batch done. After the last step it becomes a row of the warehouse."""
        record.seconds[step] = round(time.monotonic() - began, 3)
        self.ledger.save(record)
        if step == STEPS[-1]:
            _append_record(self.warehouse, record)
        self.ledger.mark_done(step, record.batch_id)

    def amend(self, record: BatchRecord) -> None:
        """Save a record that was changed after its last step: its JSON, and its row in the warehouse if it has one."""
        self.ledger.save(record)
        self.warehouse.update_row(_record_row(self.warehouse, record), BATCH_METADATA)


Step = Callable[[AssetExecutionContext, PipelineResource], MaterializeResult[None]]


def step_asset(deps: list[str], kinds: set[str]) -> Callable[[Step], AssetsDefinition]:
    """An asset of the pipeline: one pool for all, and failures in one sentence that names the store that is down."""

    def decorate(step: Step) -> AssetsDefinition:
        @functools.wraps(step)
        def explained(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
            with logs.also_to_file(pipeline.settings, context.log, run_id=context.run_id, step=step.__name__):
                try:
                    return step(context, pipeline)
                except Exception as error:
                    explanation = outage.explain(pipeline.settings, error)
                    context.log.error(explanation)
                    raise Failure(explanation) from error
                finally:
                    logs.note(batch_id=None)

        return asset(deps=deps, kinds=kinds, pool=POOL, group_name=GROUP, owners=OWNERS, code_version="1")(explained)

    return decorate


def report(
    pipeline: PipelineResource, step: str, records: list[BatchRecord], counts: dict[str, int], table: Table
) -> MaterializeResult[None]:
    """The metadata of a materialisation that wrote to a table: counts, batches, location, schema and a preview of the last batch."""
    name = f"{pipeline.settings.warehouse_database}.{table.name}"
    metadata: dict[str, Any] = batch_metadata(step, records) | counts
    metadata |= {"location": name, "dagster/column_schema": table_schema(table), "dagster/table_name": name}
    if records:
        rows = pipeline.warehouse.read(table).where(f"batch_id = {records[-1].batch_id}").limit(PREVIEW_ROWS)
        metadata["preview"] = markdown(rows.toPandas())
    return MaterializeResult(metadata=metadata)


def markdown(rows: pd.DataFrame) -> MarkdownMetadataValue:
    """A few rows as a table on the asset's page."""
    return MetadataValue.md(str(rows.to_markdown(index=False)))


def batch_metadata(step: str, records: list[BatchRecord]) -> dict[str, Any]:
    """What any step says of the batches it took: how many rows came in, which batches, which offsets, how long."""
    rows_in = sum(record.record_count for record in records)
    metadata: dict[str, Any] = {"batches": len(records), "rows_in": rows_in}
    if records:
        metadata |= {
            "batch_id": f"{records[0].batch_id}–{records[-1].batch_id}",
            "offsets": MetadataValue.json([record.model_dump(include={"batch_id", "offsets"}) for record in records]),
            "raw_location": MetadataValue.path(records[-1].storage_location),
            "duration_s": float(sum(record.seconds.get(step, 0.0) for record in records)),
        }
    return metadata


def table_schema(table: Table) -> TableSchema:
    """The contract of a table as Dagster shows it."""
    columns = [
        TableColumn(column.name, column.type, f"{column.description} [{column.unit}]" if column.unit else column.description)
        for column in table.columns
    ]
    return TableSchema(columns)


def _append_record(house: warehouse.Warehouse, record: BatchRecord) -> None:
    house.append_once(_record_row(house, record), BATCH_METADATA, record.batch_id)


def _record_row(house: warehouse.Warehouse, record: BatchRecord) -> DataFrame:
    types = ", ".join(f"{column.name} {column.type}" for column in BATCH_METADATA.columns)
    return house.spark.createDataFrame(pd.DataFrame([record.row()]), types)
