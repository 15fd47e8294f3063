"""Counts of everything, each from the store that keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from flight_assets.archive.files import archived_only
from flight_assets.contracts.tables import BATCH_METADATA, FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.landing import raw_locations
from flight_assets.stores.topic_lag import gaps, messages_waiting
from flight_assets.stores.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from flight_assets.settings import Settings


@dataclass(frozen=True)
class Counts:
    """Messages, events and flights in each store.

    - ``kafka_acknowledged``: the topic's committed messages up to its end offsets.
    - ``lost``: messages that the topic's retention deleted before they could land.
    - ``raw``: rows of the Parquet files.
    - ``duplicate``: from the batches' records, since duplicates are kept nowhere but in raw.
    - The others are rows of their tables or documents.
    """

    kafka_acknowledged: int
    lost: int
    raw: int
    staged: int
    duplicate: int
    quarantined: int
    predictions: int
    mongo_documents: int
    archived_only: int
    fact_flights: int
    batches: int
    # Sums of the batches' records, by the name of the store that must agree.
    recorded: dict[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Return the disagreements between stores; empty when nothing waits, is lost or is doubled."""
        accounted = self.staged + self.duplicate + self.quarantined
        found = []
        if self.raw != accounted:
            found.append(f"raw {self.raw} ≠ staged + duplicate + quarantined {accounted}")
        if self.kafka_acknowledged != self.raw + self.lost:
            found.append(f"Kafka acknowledged {self.kafka_acknowledged} ≠ raw {self.raw} + lost {self.lost}")
        if self.mongo_documents + self.archived_only != self.fact_flights:
            cold = f" and the archives {self.archived_only} more" if self.archived_only else ""
            found.append(
                f"MongoDB has {self.mongo_documents} flights{cold}, the fact table {self.fact_flights}"
            )
        for name, number in self.recorded.items():
            if number != getattr(self, name):
                found.append(f"the ledger has {name} {number}, the store {getattr(self, name)}")
        return found

    def as_dict(self) -> dict[str, int]:
        """Return the output of ``flights counts --json``."""
        return {name: number for name, number in asdict(self).items() if name != "recorded"}


def counts(settings: Settings) -> Counts:
    """Count every store. Exact for messages that have been processed.

    Messages that arrive meanwhile may be in some stores only.
    """
    warehouse = open_warehouse(settings)
    ledger = Ledger(Hdfs(settings))
    batches = ledger.last_done("raw_kafka_batch") + 1
    ends, landed = kafka.end_offsets(settings), ledger.next_offsets()
    lost, without_message = gaps(warehouse, ledger)
    recorded = _recorded(warehouse, ledger, range(ledger.last_done(STEPS[-1]) + 1, batches))
    with mongo.database(settings) as db:
        documents = db[mongo.FLIGHTS].count_documents({})
    return Counts(
        kafka_acknowledged=ledger.topic_start().offsets_before
        + sum(landed.values())
        - without_message
        + messages_waiting(settings, ends, landed),
        raw=warehouse.spark.read.parquet(*raw_locations(warehouse, ledger)).count() if batches else 0,
        lost=lost,
        staged=warehouse.read(STAGING).count(),
        duplicate=recorded["duplicate"],
        quarantined=warehouse.read(QUARANTINE).count(),
        predictions=warehouse.read(PREDICTIONS).count(),
        mongo_documents=documents,
        archived_only=archived_only(warehouse, settings),
        fact_flights=warehouse.read(FACT).count(),
        batches=batches,
        recorded=recorded,
    )


def _recorded(warehouse: Warehouse, ledger: Ledger, unfinished: range) -> dict[str, int]:
    """Return sums over the records of all batches.

    Finished ones are read from ``batch_metadata``, others from their files.
    """
    columns = {
        "raw": "record_count",
        "staged": "staged",
        "duplicate": "duplicate",
        "quarantined": "quarantined",
    }
    totals = warehouse.read(BATCH_METADATA).groupBy().sum(*columns.values()).collect()[0]
    records = [ledger.record(batch_id) for batch_id in unfinished]
    return {
        name: (totals[f"sum({column})"] or 0) + sum(getattr(record, column) or 0 for record in records)
        for name, column in columns.items()
    }
