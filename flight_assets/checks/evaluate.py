"""The figures that the checks of a batch are held against, each from as few queries as will do, on the batch's own partitions only.

Whole tables are for the night (``evaluate_tables``): a batch a minute cannot read years of rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from flight_assets.checks import rules
from flight_assets.contracts.tables import CHECK_RESULTS, FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.provenance import CheckResult
from flight_assets.stores import staged_ids
from flight_assets.stores.batch_rows import rows_of_batch
from flight_assets.stores.warehouse import together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flight_assets.provenance import BatchRecord
    from flight_assets.settings import Settings
    from flight_assets.stores.batch_rows import BatchRows
    from flight_assets.stores.warehouse import Warehouse

# Tables whose key and schema are looked at in full at night, and the asset that each belongs to.
KEPT_TABLES = {STAGING: "staged_events", QUARANTINE: "staged_events", PREDICTIONS: "predictions", FACT: "hive_fact"}


def evaluate(asset: str, rows: BatchRows, settings: Settings, record: BatchRecord) -> list[CheckResult]:
    """The results of an asset's checks on a batch that it has just made; none for an asset whose checks need other figures."""
    evaluator = _EVALUATORS.get(asset)
    return evaluator(rows, settings, record) if evaluator else []


def _staged_events(rows: BatchRows, settings: Settings, record: BatchRecord) -> list[CheckResult]:
    figures = [F.count("*").alias("rows"), F.count_distinct("event_id").alias("keys"), F.avg("quality_score").alias("quality")]
    found, rejected = together(
        lambda: rows.events(record).agg(*figures).collect()[0],
        lambda: rows_of_batch(rows.house, QUARANTINE, record).count() if record.quarantined else 0,
    )
    return [
        rules.messages_conserved(record, found["rows"], rejected),
        rules.key_unique(rules.EVENTS_UNIQUE, found["rows"], found["keys"]),
        rules.quality(found["rows"], found["quality"], settings.quality_threshold),
        rules.rejected_share(record),
        rules.fields_known(record),
        rules.schema_is_the_contract("staged_events", STAGING, rows.house.read(STAGING).schema),
    ]


def _predictions(rows: BatchRows, _settings: Settings, record: BatchRecord) -> list[CheckResult]:
    made = rows.predictions(record).where(f"batch_id = {record.batch_id}")
    there, flights = rules.count_keys(made, ("flight_id",)) if record.predicted else (0, 0)
    return [
        rules.key_unique(rules.PREDICTIONS_UNIQUE, there, flights, record.predicted),
        rules.schema_is_the_contract("predictions", PREDICTIONS, rows.house.read(PREDICTIONS).schema),
    ]


def _mongo_hot(_rows: BatchRows, _settings: Settings, record: BatchRecord) -> list[CheckResult]:
    return [rules.all_in_mongo(record)]


def _hive_fact(rows: BatchRows, _settings: Settings, record: BatchRecord) -> list[CheckResult]:
    there, flights = rules.count_keys(rows.flights(record), ("flight_id",)) if record.flights else (0, 0)
    return [
        rules.key_unique(rules.FLIGHTS_UNIQUE, there, flights),
        rules.all_in_fact(record, flights),
        rules.schema_is_the_contract("hive_fact", FACT, rows.house.read(FACT).schema),
    ]


_EVALUATORS: dict[str, Callable[[BatchRows, Settings, BatchRecord], list[CheckResult]]] = {
    "staged_events": _staged_events,
    "predictions": _predictions,
    "mongo_hot": _mongo_hot,
    "hive_fact": _hive_fact,
}


def evaluate_tables(house: Warehouse) -> list[CheckResult]:
    """Keys of whole tables: no event, rejected message, prediction or flight twice, whichever batches it came by; and no staged event that
    the search for duplicates would overlook.
    """  # noqa: D205
    results = [rules.ids_complete(staged_ids.missing(house))]
    for table, asset in KEPT_TABLES.items():
        check = rules.Check(f"{table.name}_key_unique", asset, f"No {', '.join(table.key)} twice in {table.name}.")
        results.append(rules.key_unique(check, *rules.count_keys(house.read(table), table.key)))
    return results


def keep_results(house: Warehouse, results: Sequence[CheckResult], batch_id: int | None, version: int, writer: str = "") -> None:
    """Append results to ``check_results`` in one commit; keeping the same or an earlier ``version`` of a writer again writes nothing."""
    now = datetime.now(UTC)
    rows = [_row(result, batch_id, now) for result in results]
    if rows:
        house.append_once(house.rows(CHECK_RESULTS, rows), CHECK_RESULTS, version, writer)


def _row(result: CheckResult, batch_id: int | None, now: datetime) -> dict[str, Any]:
    return result.model_dump(exclude={"name"}) | {"check_name": result.name, "batch_id": batch_id, "timestamp": now}
