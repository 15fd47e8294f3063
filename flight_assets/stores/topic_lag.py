"""Backlog of the topic: offsets that have not landed, or that retention deleted before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError
from flight_assets.provenance import (
    STEPS,
    OffsetRange,
)
from flight_assets.stores import kafka
from flight_assets.stores.kafka_records import Clock

if TYPE_CHECKING:
    from flight_assets.provenance import Ledger
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

ANOTHER_TOPIC = "`flights ledger new-topic --reason …` reads the topic that is there now from its beginning"


def gaps(warehouse: Warehouse, ledger: Ledger) -> tuple[int, int]:
    """Return how many messages retention deleted before they landed, and how many offsets had no message."""
    from pyspark.sql import functions as F

    done = ledger.last_done(STEPS[-1])
    record = F.from_json(
        "record", "lost MAP<STRING, STRUCT<first: BIGINT, last: BIGINT>>, without_message BIGINT"
    )
    lost = F.aggregate(
        F.map_values(record["lost"]),
        F.lit(0).cast("bigint"),
        lambda sum_, gap: sum_ + gap["last"] - gap["first"] + 1,
    )
    rows = warehouse.read(BATCH_METADATA).where(f"batch_id <= {done}")
    recorded = rows.agg(F.sum(lost), F.sum(record["without_message"])).collect()[0]
    unfinished = [ledger.record(batch_id) for batch_id in range(done + 1, ledger.last_done(STEPS[0]) + 1)]
    return (
        int(recorded[0] or 0)
        + sum(span.last - span.first + 1 for batch in unfinished for span in batch.lost.values()),
        int(recorded[1] or 0) + sum(batch.without_message for batch in unfinished),
    )


def messages_waiting(settings: Settings, ends: dict[int, int], landed: dict[str, int]) -> int:
    """Return how many messages have not landed, by reading them; ``waiting`` counts offsets."""
    if not waiting(ends, landed):
        return 0
    with kafka.reader(settings) as topic:
        ranges = [(number, landed.get(str(number), 0), end) for number, end in ends.items()]
        return sum(1 for number, first, end in ranges for _ in topic.read(number, first, end, Clock(0, 0)))


def has_news(ends: dict[int, int], landed: dict[str, int]) -> bool:
    """Return whether the topic has offsets that have not landed.

    ``ends`` are its ends, ``landed`` the next offsets.

    Raises:
        FlightsError: the topic ends before what has landed, so it is not the topic that it was.
    """
    for partition, end in ends.items():
        taken = landed.get(str(partition), 0)
        if end < taken:
            raise FlightsError(
                f"partition {partition} of the topic ends at offset {end}, but offsets up to {taken - 1} have"
                f" landed: the topic was deleted or truncated. {ANOTHER_TOPIC}"
            )
    return waiting(ends, landed) > 0


def waiting(ends: dict[int, int], landed: dict[str, int]) -> int:
    """Return how many offsets up to the topic's ends have not landed: the lag.

    Offsets without a message count.
    """
    return sum(max(0, end - landed.get(str(partition), 0)) for partition, end in ends.items())


def expired_ranges(begins: dict[int, int], landed: dict[str, int]) -> dict[str, OffsetRange]:
    """Return, per partition, the offsets that had not landed and are gone.

    ``begins`` are the topic's oldest offsets.
    Nothing is lost before the first batch: a topic may be older than the platform.
    """
    taken = {str(partition): landed.get(str(partition), 0) for partition in begins} if landed else {}
    return {
        str(partition): OffsetRange(first=taken[str(partition)], last=begin - 1)
        for partition, begin in begins.items()
        if begin > taken.get(str(partition), begin)
    }
