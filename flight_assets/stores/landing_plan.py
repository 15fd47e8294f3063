"""The plan of a batch: which offsets it takes from the topic, and how the tasks that read them share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.provenance import PLANS, OffsetRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flight_assets.provenance import BatchRecord
    from flight_assets.stores.hdfs import Hdfs

BATCH_BYTES = 1 << 30
# Fewer messages are read by one task: a second one would spend longer on connecting.
MESSAGES_PER_TASK = 10_000


class Share(BaseModel):
    """Offsets of one partition that one task reads, both ends included."""

    partition: int
    first: int
    last: int


class Plan(BaseModel):
    """What a batch takes from the topic, fixed before anything is read."""

    batch_id: int
    made_at: AwareDatetime = Field(description="no message counts as taken by the broker after this time")
    tasks: list[list[Share]] = Field(description="what each task reads, in order; each writes a file of its own")
    lost: dict[str, OffsetRange] = Field(description="per partition, offsets that retention deleted before this plan")
    next_offsets: dict[str, int] = Field(description="per partition, the first offset after this batch and all before")

    @property
    def ranges(self) -> dict[int, OffsetRange]:
        """The offsets of the batch per partition."""
        found: dict[int, OffsetRange] = {}
        for share in (share for task in self.tasks for share in task):
            first = found[share.partition].first if share.partition in found else share.first
            found[share.partition] = OffsetRange(first=first, last=share.last)
        return found


def read_plan(hdfs: Hdfs, batch_id: int) -> Plan | None:
    """The plan of a batch; None if it has none, as batches of older versions."""
    try:
        return Plan.model_validate_json(hdfs.read(plan_path(batch_id)))
    except FileNotFoundError:
        return None


def plan_path(batch_id: int) -> str:
    """HDFS path of a batch's plan."""
    return f"{PLANS}/batch_{batch_id:08d}.json"


def most_messages(limit: int, before: BatchRecord | None) -> int:
    """Return how many messages a batch may take: the limit, or fewer if those before were large."""
    if before is None or not before.record_count:
        return limit
    mean_bytes = (before.message_bytes or 0) / before.record_count
    return min(limit, max(MESSAGES_PER_TASK, int(BATCH_BYTES / max(1.0, mean_bytes))))


def within(most: int, ranges: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Return where each range (first, end) ends so that they have about ``most`` offsets together.

    They are cut in proportion, to one offset at least.
    """
    share = min(1.0, most / max(1, sum(end - first for first, end in ranges.values())))
    return {number: min(end, first + max(1, int((end - first) * share))) for number, (first, end) in ranges.items()}


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
