"""Shared parts of the pipeline's assets: the resource with lease and stores, the decorator, and metadata.

Does not belong here: anything that one asset alone does.
"""

import gc
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    ConfigurableResource,
    DataVersion,
    Failure,
    InitResourceContext,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
    asset,
)
from dagster_pyspark import LazyPySparkResource
from pydantic import PrivateAttr

from flight_assets import logs
from flight_assets.assets.preview import markdown
from flight_assets.checks.dagster_checks import asset_check_results, check_specs
from flight_assets.code_version import code_version
from flight_assets.contracts.lineage import COLUMN_SOURCES
from flight_assets.contracts.tables import BATCH_METADATA, Table
from flight_assets.pipeline import check_results
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.run_step import Done, commit, run_step
from flight_assets.provenance import STEPS, BatchRecord, CheckResult, Ledger
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import lease, outage, spark_connection, warehouse
from flight_assets.stores.hdfs import Hdfs

POOL = "processing"
GROUP = "flight_pipeline"
OWNERS = ["team:flight-data"]
PREVIEW_ROWS = 5
RECORDS_SHOWN = 20


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """Stores of a run. It holds the processing lease from the first step to the last."""

    spark: LazyPySparkResource
    _lease: Callable[[], None] = PrivateAttr()
    _rows: BatchRows | None = PrivateAttr(default=None)
    _hdfs: Hdfs | None = PrivateAttr(default=None)
    _found: dict[str, list[tuple[int | None, CheckResult]]] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["PipelineResource"]:
        """Hold the lease for the run, so that no other run processes at the same time (promise P6)."""
        run_id = context.run.run_id if context.run else "no run"
        self._found.clear()
        gc.freeze()
        try:
            with lease.hold(self.settings, f"Dagster run {run_id}", self.settings.lease_wait_s) as still_held:
                self._lease = still_held
                yield self
        except Exception as error:
            raise Failure(outage.explain(self.settings, error)) from error
        finally:
            # Spark keeps computed frames until they are released, or for half an hour after this process.
            # Frozen objects, all of Dagster, are left out of the collection: a quarter of a second.
            self._rows = self._hdfs = None
            gc.collect()
            gc.unfreeze()

    @property
    def settings(self) -> Settings:
        """Settings of this process."""
        return get_settings()

    @property
    def hdfs(self) -> Hdfs:
        """Client of HDFS, one for the whole run."""
        if self._hdfs is None:
            self._hdfs = Hdfs(self.settings)
        return self._hdfs

    @property
    def ledger(self) -> Ledger:
        """Records of the batches."""
        return Ledger(self.hdfs)

    @property
    def warehouse(self) -> warehouse.Warehouse:
        """Client of the tables, one for the whole run, through the session of dagster-pyspark."""
        return self.rows.warehouse

    @property
    def rows(self) -> BatchRows:
        """Rows of the current batch."""
        if self._rows is None:
            spark_connection.refuse_unreachable(self.settings)
            self._rows = BatchRows(warehouse.prepare(self.spark.spark_session, self.settings))
        return self._rows

    def still_held(self) -> None:
        """Raise LeaseLost if another run has taken over."""
        self._lease()

    def run(self, step: str, work: Callable[[BatchRecord], Done]) -> list[BatchRecord]:
        """Run a step for each batch that waits for it, in the commit order of ``run_step``."""
        return run_step(step, work, self)

    def finish(self, step: str, record: BatchRecord, began: float, also: Sequence[CheckResult] = ()) -> bool:
        """Commit a landed batch with its check results. Returns False if a check stops it."""
        done = self.ledger.last_done(STEPS[-1])
        return commit(step, record, Done(checks=list(also)), began, self, done)

    def note(self, result: CheckResult) -> None:
        """Report a result without batch.

        It is stored only if it failed, because an idle topic writes nothing.
        """
        self.found(result.asset, None, [result])
        if result.blocks:
            check_results.keep_results_without_batch(self.warehouse, [result])

    def found(self, step: str, batch_id: int | None, results: list[CheckResult]) -> None:
        """Collect check results of a step in this run, each with its batch."""
        self._found.setdefault(step, []).extend((batch_id, result) for result in results)

    def results(self, step: str) -> list[tuple[int | None, CheckResult]]:
        """Return the check results of a step in this run, each with its batch."""
        return self._found.get(step, [])

    def amend(self, record: BatchRecord) -> None:
        """Save a record that changed after its last step: its JSON, and its row in the warehouse if any."""
        self.ledger.save(record)
        self.warehouse.update_row(self.warehouse.rows(BATCH_METADATA, [record.row()]), BATCH_METADATA)


Step = Callable[[AssetExecutionContext, PipelineResource], MaterializeResult[None]]


def step_asset(deps: list[str], kinds: set[str]) -> Callable[[Step], AssetsDefinition]:
    """Return a decorator for the pipeline's assets: pool, checks, and failures explained in one sentence."""

    def decorate(step: Step) -> AssetsDefinition:
        # Dagster wants the annotation of a result with checks without its type parameter.
        def explained(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult:  # type: ignore[type-arg]
            with logs.also_to_file(pipeline.settings, context.log, run_id=context.run.run_id, step=name):
                try:
                    result = step(context, pipeline)
                    version = DataVersion(f"batch {pipeline.ledger.last_done(name)}")
                except Exception as error:
                    explanation = outage.explain(pipeline.settings, error)
                    context.log.error(explanation)
                    raise Failure(explanation) from error
                finally:
                    logs.note(batch_id=None)
                return result._replace(
                    check_results=asset_check_results(name, pipeline.results(name)), data_version=version
                )

        name = step.__name__
        return asset(
            name=name,
            description=inspect.getdoc(step),
            deps=deps,
            kinds=kinds,
            pool=POOL,
            group_name=GROUP,
            owners=OWNERS,
            code_version=code_version(step.__module__),
            check_specs=check_specs(name),
        )(explained)

    return decorate


def column_lineage(step: str) -> TableColumnLineage:
    """Return the source columns of each column of a step's asset."""
    return TableColumnLineage(
        {
            column: [TableColumnDep(asset_key=source, column_name=name) for source, name in sources]
            for column, sources in COLUMN_SOURCES[step].items()
        }
    )


def report(
    pipeline: PipelineResource, step: str, records: list[BatchRecord], counts: dict[str, int], table: Table
) -> MaterializeResult[None]:
    """Return the metadata of a materialisation that wrote to a table.

    It has counts, batches, location, schema and a preview.
    The preview is read from the files of the table's newest commit.
    """
    name = f"{pipeline.settings.warehouse_database}.{table.name}"
    metadata: dict[str, Any] = batch_metadata(step, records) | counts
    metadata |= {"location": name, "dagster/column_schema": table_schema(table), "dagster/table_name": name}
    if records:
        log = pipeline.warehouse.log(table)
        metadata["preview"] = markdown(
            log.read(log.newest_commit(), list(table.column_names), PREVIEW_ROWS).to_pandas()
        )
    return MaterializeResult(metadata=metadata)


def batch_metadata(step: str, records: list[BatchRecord]) -> dict[str, Any]:
    """Return the metadata of a step's batches: rows in, batch numbers, offsets, lineage and duration."""
    rows_in = sum(record.record_count for record in records)
    metadata: dict[str, Any] = {
        "batches": len(records),
        "rows_in": rows_in,
        "dagster/column_lineage": column_lineage(step),
    }
    if records:
        metadata |= {
            "records": MetadataValue.json(
                [json.loads(record.to_json()) for record in records[-RECORDS_SHOWN:]]
            ),
            "batch_id": f"{records[0].batch_id}–{records[-1].batch_id}",
            "offsets": MetadataValue.json(
                [record.model_dump(include={"batch_id", "offsets"}) for record in records]
            ),
            "raw_location": MetadataValue.path(records[-1].storage_location),
            "duration_s": float(sum(record.seconds.get(step, 0.0) for record in records)),
        }
    return metadata


def table_schema(table: Table) -> TableSchema:
    """Return a table's columns as a Dagster schema."""
    columns = [
        TableColumn(
            column.name,
            column.type,
            f"{column.description} [{column.unit}]" if column.unit else column.description,
        )
        for column in table.columns
    ]
    return TableSchema(columns)
