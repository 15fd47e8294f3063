"""Asset ``complex_events``: patterns found in the events of finished batches."""

import time
from collections import Counter
from functools import cache
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    Config,
    DataVersion,
    MaterializeResult,
    asset,
)
from pydantic import Field

from flight_assets.assets.pipeline import OWNERS, column_lineage, table_schema
from flight_assets.contracts.tables import COMPLEX_EVENTS
from flight_assets.events.live import LEASE as LIVE_LEASE
from flight_assets.events.process import LEASE, Done, Stores, process
from flight_assets.events.store import Head
from flight_assets.settings import get_settings
from flight_assets.stores import lease, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import Warehouse, open_warehouse

NAME = "complex_events"
LEASE_WAIT_S = 120.0
PATTERNS_WORK, NOTHING_LATE, OPEN_ALIKE = "patterns_work", "nothing_late", "open_findings_alike"


class SearchConfig(Config):
    """Options of a search."""

    from_batch: int = Field(
        default=-1,
        description="begin anew with this batch: drop state and findings, and find them again; -1 goes on",
    )


@asset(
    deps=["hive_fact"],
    group_name="events",
    kinds={"deltalake", "hive", "mongodb"},
    owners=OWNERS,
    pool="events",
    code_version="1",
    check_specs=[
        AssetCheckSpec(PATTERNS_WORK, asset=NAME, description="No pattern has failed with an error."),
        AssetCheckSpec(NOTHING_LATE, asset=NAME, description="No event came after its tick was closed."),
        AssetCheckSpec(OPEN_ALIKE, asset=NAME, description="MongoDB has the open findings of the state."),
    ],
)
def complex_events(context: AssetExecutionContext, config: SearchConfig) -> MaterializeResult:  # type: ignore[type-arg]
    """One row per finding and change (flight_dw.complex_events), with the open findings in MongoDB.

    Each finished batch is fed once. A run without a batch or a timer that waits asks Spark nothing.
    """
    settings = get_settings()
    with lease.hold(settings, f"Dagster run {context.run.run_id}", LEASE_WAIT_S, LEASE) as still_held:

        @cache
        def warehouse() -> Warehouse:
            return open_warehouse(settings)

        stores = Stores(settings, Hdfs(settings), warehouse, still_held)
        done = process(stores, int(time.time()), config.from_batch if config.from_batch >= 0 else None)
        head = done.head or Head(-1, -1)
        with mongo.database(settings) as db:
            in_mongodb = db[mongo.FINDINGS].count_documents({})
        is_ahead = lease.is_held(settings, LIVE_LEASE)
    for change in done.changes:
        context.log.info("%s %s: %s", change.finding.pattern, change.kind, change.finding.explanation)
    return MaterializeResult(
        metadata=_metadata(done, head, f"{settings.warehouse_database}.{COMPLEX_EVENTS.name}"),
        check_results=_checks(head, in_mongodb, is_ahead),
        data_version=DataVersion(f"state {head.number}"),
    )


def _metadata(done: Done, head: Head, table: str) -> dict[str, Any]:
    kinds = Counter(change.kind for change in done.changes)
    return {
        "batches": done.batches,
        "rows_in": done.events,
        "raised": kinds["raised"],
        "updated": kinds["updated"],
        "cleared": kinds["cleared"],
        "open": head.open_findings,
        "newest_batch": head.batch_id,
        "location": table,
        "dagster/table_name": table,
        "dagster/column_schema": table_schema(COMPLEX_EVENTS),
        "dagster/column_lineage": column_lineage(NAME),
    }


def _checks(head: Head, in_mongodb: int, is_ahead: bool) -> list[AssetCheckResult]:
    """Return the results. While live processing is ahead of the state, MongoDB may have other findings."""
    failed = "; ".join(f"{name}: {error}" for name, error in sorted(head.failures.items()))
    found = {
        PATTERNS_WORK: (not head.failures, failed or "every pattern works"),
        NOTHING_LATE: (head.late == 0, f"{head.late} events came after their tick"),
        OPEN_ALIKE: (
            is_ahead or in_mongodb == head.open_findings,
            f"{head.open_findings} open in the state, {in_mongodb} in MongoDB"
            + (", where live processing is ahead" if is_ahead else ""),
        ),
    }
    return [
        AssetCheckResult(check_name=name, passed=passed, severity=AssetCheckSeverity.WARN, description=text)
        for name, (passed, text) in found.items()
    ]
