"""What the assets share: connections under the processing lease, the walk over pending batches, and how a step reports.

Belongs here: the resource and the decorator of the pipeline's steps. Does not: anything one asset alone does.
"""

import gc
import inspect
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    ConfigurableResource,
    DataVersion,
    Failure,
    InitResourceContext,
    MarkdownMetadataValue,
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
from flight_assets.checks.dagster_checks import asset_check_results, check_specs
from flight_assets.contracts.lineage import COLUMN_SOURCES
from flight_assets.contracts.tables import BATCH_METADATA, Table
from flight_assets.pipeline import check_results
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.run_step import Done, commit, run_step
from flight_assets.provenance import BatchRecord, CheckResult, Ledger
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import lease, outage, warehouse
from flight_assets.stores.hdfs import Hdfs

POOL = "processing"
GROUP = "flight_pipeline"
OWNERS = ["team:flight-data"]
PREVIEW_ROWS = 5
CODE_VERSION_DIGITS = 12
RECORDS_SHOWN = 20


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """The stores of a run, held under the processing lease from the run's first step to its last."""

    spark: LazyPySparkResource
    _lease: Callable[[], None] = PrivateAttr()
    _rows: BatchRows | None = PrivateAttr(default=None)
    _hdfs: Hdfs | None = PrivateAttr(default=None)
    _found: dict[str, list[tuple[int | None, CheckResult]]] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["PipelineResource"]:
        """Hold the lease, so that no other run processes at the same time (promise P6)."""
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
            # Spark keeps computed frames until it is told to let them go, or for half an hour after this process has ended. Objects of
            # before the run are left out of the search: all of Dagster, a quarter of a second.
            self._rows = self._hdfs = None
            gc.collect()
            gc.unfreeze()

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return get_settings()

    @property
    def hdfs(self) -> Hdfs:
        """A client of HDFS, one for the whole run."""
        if self._hdfs is None:
            self._hdfs = Hdfs(self.settings)
        return self._hdfs

    @property
    def ledger(self) -> Ledger:
        """The records of the batches."""
        return Ledger(self.hdfs)

    @property
    def warehouse(self) -> warehouse.Warehouse:
        """The tables, through the session of dagster-pyspark; one and the same for the whole run."""
        return self.rows.warehouse

    @property
    def rows(self) -> BatchRows:
        """The rows of the batch at hand."""
        if self._rows is None:
            warehouse.refuse_unreachable(self.settings)
            self._rows = BatchRows(warehouse.prepare(self.spark.spark_session, self.settings))
        return self._rows

    def still_held(self) -> None:
        """Raise LeaseLost if another run has taken over."""
        self._lease()

    def run(self, step: str, work: Callable[[BatchRecord], Done]) -> list[BatchRecord]:
        """Take each batch that waits for a step through it; see ``run_step`` for the order of its commits."""
        return run_step(step, work, self)

    def finish(self, step: str, record: BatchRecord, began: float, also: Sequence[CheckResult] = ()) -> bool:
        """Commit a batch that has landed, with what its checks have found. Returns whether they let it go on."""
        return commit(step, record, Done(checks=list(also)), began, self)

    def note(self, result: CheckResult) -> None:
        """Take a result that is not about a batch; kept only if it failed, since an idle topic writes nothing."""
        self.found(result.asset, None, [result])
        if result.blocks:
            check_results.keep_results(self.warehouse, [result], None, int(time.time()), writer="no batch")

    def found(self, step: str, batch_id: int | None, results: list[CheckResult]) -> None:
        """Take what checks of a step have found in this run, each with its batch."""
        self._found.setdefault(step, []).extend((batch_id, result) for result in results)

    def results(self, step: str) -> list[tuple[int | None, CheckResult]]:
        """Return what the checks of a step have found in this run, each with its batch."""
        return self._found.get(step, [])

    def amend(self, record: BatchRecord) -> None:
        """Save a record that was changed after its last step: its JSON, and its row in the warehouse if it has one."""
        self.ledger.save(record)
        self.warehouse.update_row(self.warehouse.rows(BATCH_METADATA, [record.row()]), BATCH_METADATA)


Step = Callable[[AssetExecutionContext, PipelineResource], MaterializeResult[None]]


def step_asset(deps: list[str], kinds: set[str]) -> Callable[[Step], AssetsDefinition]:
    """An asset of the pipeline: one pool for all, its checks, and failures in one sentence that names the store that is down."""

    def decorate(step: Step) -> AssetsDefinition:
        # A result that brings checks along must be annotated without its type parameter.
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
                return result._replace(check_results=asset_check_results(name, pipeline.results(name)), data_version=version)

        name = step.__name__
        return asset(
            name=name,
            description=inspect.getdoc(step),
            deps=deps,
            kinds=kinds,
            pool=POOL,
            group_name=GROUP,
            owners=OWNERS,
            code_version=code_version(name),
            check_specs=check_specs(name),
        )(explained)

    return decorate


def code_version(step: str) -> str:
    """A version that changes with the code that makes a step's rows: the start of the SHA-256 of its modules."""
    package = Path(__file__).parent.parent
    makers = [package / f"assets/{step}.py", *sorted(package.glob("contracts/*.py")), *sorted(package.glob("transforms/*.py"))]
    if step == "predictions":
        makers += sorted(package.glob("delay_model/*.py"))
    return sha256(b"".join(path.read_bytes() for path in makers)).hexdigest()[:CODE_VERSION_DIGITS]


def column_lineage(step: str) -> TableColumnLineage:
    """Which columns each column of a step's asset comes from."""
    return TableColumnLineage(
        {
            column: [TableColumnDep(asset_key=source, column_name=name) for source, name in sources]
            for column, sources in COLUMN_SOURCES[step].items()
        }
    )


def report(
    pipeline: PipelineResource, step: str, records: list[BatchRecord], counts: dict[str, int], table: Table
) -> MaterializeResult[None]:
    """Return the metadata of a materialisation that wrote to a table: counts, batches, location, schema and a preview.

    The preview is read from the files of the table's newest commit.
    """
    name = f"{pipeline.settings.warehouse_database}.{table.name}"
    metadata: dict[str, Any] = batch_metadata(step, records) | counts
    metadata |= {"location": name, "dagster/column_schema": table_schema(table), "dagster/table_name": name}
    if records:
        log = pipeline.warehouse.log(table)
        metadata["preview"] = markdown(log.read(log.newest_commit(), list(table.column_names), PREVIEW_ROWS).to_pandas())
    return MaterializeResult(metadata=metadata)


def markdown(rows: pd.DataFrame) -> MarkdownMetadataValue:
    """A few rows as a table on the asset's page."""
    return MetadataValue.md(str(rows.to_markdown(index=False)))


def batch_metadata(step: str, records: list[BatchRecord]) -> dict[str, Any]:
    """What any step says of the batches it took: how many rows came in, which batches, which offsets, how long."""
    rows_in = sum(record.record_count for record in records)
    metadata: dict[str, Any] = {"batches": len(records), "rows_in": rows_in, "dagster/column_lineage": column_lineage(step)}
    if records:
        metadata |= {
            "records": MetadataValue.json([json.loads(record.to_json()) for record in records[-RECORDS_SHOWN:]]),
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
