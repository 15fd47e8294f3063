"""Plan of a batch: the offsets that it reads from the topic, and how tasks share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.provenance import PLANS, OffsetRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flight_assets.provenance import BatchRecord
    from flight_assets.stores.hdfs import Hdfs

BATCH_BYTES = 1 << 30
# One task reads fewer messages than this: a second one would take longer to connect.
MESSAGES_PER_TASK = 10_000


class Share(BaseModel):
    """Offsets of one partition that one task reads, both ends included."""

    partition: int
    first: int
    last: int


class Plan(BaseModel):
    """Offsets of a batch, fixed before anything is read."""

    batch_id: int
    made_at: AwareDatetime = Field(description="no message counts as taken by the broker after this time")
    tasks: list[list[Share]] = Field(
        description="what each task reads, in order; each writes a file of its own"
    )
    lost: dict[str, OffsetRange] = Field(
        description="per partition, offsets that retention deleted before this plan"
    )
    topic_id: str = Field(default="", description="Kafka's id of the topic; empty if the broker has none")
    next_offsets: dict[str, int] = Field(
        description="per partition, the first offset after this batch and all before"
    )

    @property
    def ranges(self) -> dict[int, OffsetRange]:
        """Return the offsets of the batch by partition."""
        found: dict[int, OffsetRange] = {}
        for share in (share for task in self.tasks for share in task):
            first = found[share.partition].first if share.partition in found else share.first
            found[share.partition] = OffsetRange(first=first, last=share.last)
        return found


def read_plan(hdfs: Hdfs, batch_id: int) -> Plan | None:
    """Return the plan of a batch; None for a batch of an older version."""
    try:
        return Plan.model_validate_json(hdfs.read(plan_path(batch_id)))
    except FileNotFoundError:
        return None


def plan_path(batch_id: int) -> str:
    """Return the HDFS path of a batch's plan."""
    return f"{PLANS}/batch_{batch_id:08d}.json"


def most_messages(limit: int, before: BatchRecord | None) -> int:
    """Return how many messages a batch may take: the limit, or fewer after large messages."""
    if before is None or not before.record_count:
        return limit
    mean_bytes = (before.message_bytes or 0) / before.record_count
    return min(limit, max(MESSAGES_PER_TASK, int(BATCH_BYTES / max(1.0, mean_bytes))))


def within(most: int, ranges: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Return new ends of the ranges (first, end), so that together they have about ``most`` offsets.

    Ranges are cut in proportion, to at least one offset.
    """
    share = min(1.0, most / max(1, sum(end - first for first, end in ranges.values())))
    return {
        number: min(end, first + max(1, int((end - first) * share)))
        for number, (first, end) in ranges.items()
    }


def shared_out(ranges: Mapping[int, tuple[int, int]], most_tasks: int) -> list[list[Share]]:
    """Share ranges (first, end) among tasks, in order and evenly, ``MESSAGES_PER_TASK`` or more for each."""
    total = sum(end - first for first, end in ranges.values())
    count = max(1, min(most_tasks, total // MESSAGES_PER_TASK))
    tasks: list[list[Share]] = [[] for _ in range(count)]
    taken = 0
    for number, (first, end) in sorted(ranges.items()):
        while first < end:
            task = taken * count // total
            upto = min(end, first - taken + -(-(task + 1) * total // count))
            tasks[task].append(Share(partition=number, first=first, last=upto - 1))
            taken, first = taken + upto - first, upto
    return tasks
