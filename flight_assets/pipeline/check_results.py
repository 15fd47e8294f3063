"""Collect the figures for the checks, and write their results to ``check_results``.

Each batch checks its own rows. A nightly run checks whole tables (``evaluate_tables``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.tables import CHECK_RESULTS, FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.pipeline import check_rules, checks, event_dedup
from flight_assets.pipeline.batch_rows import rows_of_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.contracts.tables import Table
    from flight_assets.pipeline.batch_rows import BatchRows
    from flight_assets.provenance import BatchRecord, CheckResult
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

# Tables whose keys are checked in full at night, and the asset that each belongs to.
KEPT_TABLES = {
    STAGING: "staged_events",
    QUARANTINE: "staged_events",
    PREDICTIONS: "predictions",
    FACT: "hive_fact",
}


def of_staging(rows: BatchRows, record: BatchRecord, settings: Settings) -> list[CheckResult]:
    """Return the check results of a staged batch."""
    ids = _appended(rows, STAGING, record, "event_id") if record.staged else []
    rejected = _appended(rows, QUARANTINE, record, "kafka_offset") if record.quarantined else []
    return [
        check_rules.messages_conserved(record, len(ids), len(rejected)),
        check_rules.key_unique(checks.EVENTS_UNIQUE, len(ids), len(set(ids))),
        check_rules.quality(record.staged or 0, record.quality, settings.quality_threshold),
        check_rules.rejected_share(record),
        check_rules.fields_known(record),
        check_rules.values_clean(record),
        check_rules.codes_known(record),
        check_rules.schema_is_the_contract("staged_events", STAGING, rows.warehouse.log(STAGING).columns()),
    ]


def _appended(rows: BatchRows, table: Table, record: BatchRecord, column: str) -> list[Any]:
    """Return one column of the rows that a batch has appended to a table.

    The values come from the files of the batch's commit, without Spark. If the commit is no longer near the
    end of the log, as in a repeat after an outage, Spark reads the rows.
    """
    log = rows.warehouse.log(table)
    commit = log.append_of(table.name, record.batch_id)
    found = (
        log.read(commit, [column])
        if commit
        else rows_of_batch(rows.warehouse, table, record).select(column).toArrow()
    )
    return list(found[column].to_pylist())


def of_predictions(rows: BatchRows, record: BatchRecord, there: int, keys: int) -> list[CheckResult]:
    """Return the check results of a batch's predictions.

    ``there``: its rows in the table; ``keys``: flights among them.
    """
    return [
        check_rules.key_unique(checks.PREDICTIONS_UNIQUE, there, keys, record.predicted),
        check_rules.schema_is_the_contract(
            "predictions", PREDICTIONS, rows.warehouse.log(PREDICTIONS).columns()
        ),
    ]


def of_fact(rows: BatchRows, record: BatchRecord, there: int, keys: int) -> list[CheckResult]:
    """Return the check results of a batch in the fact table.

    ``there``: rows of its flights; ``keys``: flights among them.
    """
    return [
        check_rules.key_unique(checks.FLIGHTS_UNIQUE, there, keys),
        check_rules.all_in_fact(record, keys),
        check_rules.schema_is_the_contract("hive_fact", FACT, rows.warehouse.log(FACT).columns()),
    ]


def evaluate_tables(warehouse: Warehouse) -> list[CheckResult]:
    """Return the check results of whole tables.

    The checks: no event, rejected message, prediction or flight twice in all batches together, and no staged
    event that the search for duplicates would miss.
    """
    results = [check_rules.ids_complete(event_dedup.missing(warehouse))]
    for table, asset in KEPT_TABLES.items():
        check = checks.Check(
            f"{table.name}_key_unique", asset, f"No {', '.join(table.key)} twice in {table.name}."
        )
        results.append(
            check_rules.key_unique(check, *check_rules.count_keys(warehouse.read(table), table.key))
        )
    return results


def keep_results(
    warehouse: Warehouse, results: Sequence[CheckResult], batch_id: int, writer: str = ""
) -> None:
    """Append the results of a batch to ``check_results`` in one commit.

    A repeat of this batch or of an earlier one by the same writer writes nothing.
    """
    now = datetime.now(UTC)
    rows = [_row(result, batch_id, now) for result in results]
    if rows:
        warehouse.append_once(warehouse.rows(CHECK_RESULTS, rows), CHECK_RESULTS, batch_id, writer)


def keep_results_without_batch(warehouse: Warehouse, results: Sequence[CheckResult]) -> None:
    """Append results about whole tables or the topic to ``check_results``. A repeat appends them again.

    No number tells a repeat: one from the clock would lose results after the clock was set back.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [_row(result, None, now) for result in results]
    if rows:
        warehouse.append(pd.DataFrame(rows), CHECK_RESULTS)


def _row(result: CheckResult, batch_id: int | None, now: datetime) -> dict[str, Any]:
    return result.model_dump(exclude={"name"}) | {
        "check_name": result.name,
        "batch_id": batch_id,
        "timestamp": now,
    }
