"""The figures that checks are held against, and the results in ``check_results``.

A batch's own rows are looked at with each batch, whole tables at night (``evaluate_tables``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.tables import CHECK_RESULTS, FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.pipeline import checks, event_dedup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.provenance import BatchRecord, CheckResult
    from flight_assets.settings import Settings
    from flight_assets.stores.delta_log import DeltaLog
    from flight_assets.stores.warehouse import Warehouse

# Tables whose key and schema are looked at in full at night, and the asset that each belongs to.
KEPT_TABLES = {STAGING: "staged_events", QUARANTINE: "staged_events", PREDICTIONS: "predictions", FACT: "hive_fact"}


def of_staging(log: DeltaLog, record: BatchRecord, rejected: int, settings: Settings) -> list[CheckResult]:
    """Return what the checks of a batch that was staged have found. ``rejected``: its rows in ``quarantined_events``.

    The rows are those of the commit that has appended them, read from its files without Spark.
    """
    commit = log.append_of(STAGING.name, record.batch_id) if record.staged else None
    ids = log.read(commit, ["event_id"])["event_id"] if commit else []
    return [
        checks.messages_conserved(record, len(ids), rejected),
        checks.key_unique(checks.EVENTS_UNIQUE, len(ids), len(ids.unique()) if commit else 0),
        checks.quality(record.staged or 0, record.quality, settings.quality_threshold),
        checks.rejected_share(record),
        checks.fields_known(record),
        checks.values_clean(record),
        checks.codes_known(record),
        checks.schema_is_the_contract("staged_events", STAGING, log.columns()),
    ]


def rejected_rows(log: DeltaLog, record: BatchRecord) -> int:
    """Return the rows of ``quarantined_events`` that a batch has appended."""
    commit = log.append_of(QUARANTINE.name, record.batch_id) if record.quarantined else None
    return commit.rows if commit else 0


def evaluate_tables(warehouse: Warehouse) -> list[CheckResult]:
    """Keys of whole tables: no event, rejected message, prediction or flight twice, whichever batches it came by; and no staged event that
    the search for duplicates would overlook.
    """  # noqa: D205
    results = [checks.ids_complete(event_dedup.missing(warehouse))]
    for table, asset in KEPT_TABLES.items():
        check = checks.Check(f"{table.name}_key_unique", asset, f"No {', '.join(table.key)} twice in {table.name}.")
        results.append(checks.key_unique(check, *checks.count_keys(warehouse.read(table), table.key)))
    return results


def keep_results(warehouse: Warehouse, results: Sequence[CheckResult], batch_id: int | None, version: int, writer: str = "") -> None:
    """Append results to ``check_results`` in one commit; keeping the same or an earlier ``version`` of a writer again writes nothing."""
    now = datetime.now(UTC)
    rows = [_row(result, batch_id, now) for result in results]
    if rows:
        warehouse.append_once(warehouse.rows(CHECK_RESULTS, rows), CHECK_RESULTS, version, writer)


def _row(result: CheckResult, batch_id: int | None, now: datetime) -> dict[str, Any]:
    return result.model_dump(exclude={"name"}) | {"check_name": result.name, "batch_id": batch_id, "timestamp": now}
