"""Ledger: the records of all batches on HDFS, and the progress of each step."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel

from flight_assets.errors import FlightsError
from flight_assets.provenance.places import METADATA_ROOT, STEPS, raw_path
from flight_assets.provenance.record import BatchRecord

if TYPE_CHECKING:
    from flight_assets.stores.hdfs import Hdfs

_UNPREDICTED = f"{METADATA_ROOT}/unpredicted"


class TopicStart(BaseModel):
    """Where the topic that is read now begins in the ledger.

    Batches before ``first_batch`` are of another topic, deleted or left. ``offsets_before``: offsets
    that they had taken, all partitions.
    """

    first_batch: int = 0
    offsets_before: int = 0
    reason: str = ""
    at: AwareDatetime | None = None


class Ledger:
    """Records of all batches on HDFS, and the progress of each step.

    Steps take batches in order, so the last batch of each step is enough. It is written after the step's data
    is durable. After a crash between the two, the step repeats a batch, and every write is idempotent.
    """

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    @property
    def hdfs(self) -> Hdfs:
        """Client of HDFS for the records."""
        return self._hdfs

    def record(self, batch_id: int) -> BatchRecord:
        """Return the record of a batch. Raises FlightsError if there is none."""
        path = self.path(batch_id)
        try:
            return BatchRecord.model_validate_json(self._hdfs.read(path))
        except FileNotFoundError:
            raise FlightsError(
                f"there is no record of batch {batch_id} at {path}: materialise raw_kafka_batch"
            ) from None

    def accepted(self, batch_id: int) -> dict[str, str]:
        """Return the accepted checks of a batch with their reasons; empty without a record.

        Raises:
            FlightsError: a move of the batch to quarantine is not complete.
        """
        if not self._hdfs.exists(self.path(batch_id)):
            return {}
        record = self.record(batch_id)
        record.refuse_half_moved()
        return record.accepted

    def save(self, record: BatchRecord) -> None:
        """Write the record's JSON file."""
        self._hdfs.write(self.path(record.batch_id), record.to_json().encode())

    def path(self, batch_id: int) -> str:
        """Return the HDFS path of a batch's record."""
        return f"{METADATA_ROOT}/batch_{batch_id:08d}.json"

    def last_done(self, step: str) -> int:
        """Return the last batch that a step has finished; -1 if none."""
        try:
            return int(self._hdfs.read(_progress_path(step)))
        except FileNotFoundError:
            return -1

    def mark_done(self, step: str, batch_id: int) -> None:
        """Record that a step has finished a batch and all before it."""
        self._hdfs.write(_progress_path(step), f"{batch_id}\n".encode())

    def unpredicted(self) -> list[int]:
        """Return the batches that had no usable model, in order. They are predicted when there is one."""
        return [int(name) for name in self._hdfs.list(_UNPREDICTED)]

    def add_unpredicted(self, batch_id: int) -> None:
        """Record that a batch had no usable model."""
        self._hdfs.write(f"{_UNPREDICTED}/{batch_id:08d}", b"")

    def remove_unpredicted(self, batch_id: int) -> None:
        """Record that a batch has its predictions."""
        self._hdfs.delete(f"{_UNPREDICTED}/{batch_id:08d}")

    def pending(self, step: str) -> range:
        """Return the batches that the previous step has finished and this one has not, in order."""
        before = STEPS[STEPS.index(step) - 1]
        return range(self.last_done(step) + 1, self.last_done(before) + 1)

    def landed(self) -> range:
        """Return the batches whose raw directory is complete and that have no record, in order."""
        first = end = self.last_done("raw_kafka_batch") + 1
        while self._hdfs.exists(f"{raw_path(end)}/_SUCCESS"):
            end += 1
        return range(first, end)

    def next_offsets(self, step: str = STEPS[0]) -> dict[str, int]:
        """Return by partition the first offset that a step, by default landing, has not finished.

        Empty before the first batch of the topic.
        """
        last = self.last_done(step)
        return self.record(last).next_offsets if last >= self.topic_start().first_batch else {}

    def topic_start(self) -> TopicStart:
        """Return where the topic that is read now begins; at batch 0 unless ``start_topic`` was called."""
        try:
            return TopicStart.model_validate_json(self._hdfs.read(_TOPIC))
        except FileNotFoundError:
            return TopicStart()

    def start_topic(self, reason: str, now: datetime) -> TopicStart:
        """Read the topic from its beginning with the next batch: it is another one than before."""
        before = self.topic_start().offsets_before + sum(self.next_offsets().values())
        first = self.last_done(STEPS[0]) + 1
        start = TopicStart(first_batch=first, offsets_before=before, reason=reason, at=now)
        self._hdfs.write(_TOPIC, start.model_dump_json().encode())
        return start

    def records(self, last: int | None = None) -> list[BatchRecord]:
        """Return the records of all batches, or of the ``last`` ones, in order."""
        end = self.last_done(STEPS[0]) + 1
        return [
            self.record(batch_id) for batch_id in range(max(0, end - last) if last is not None else 0, end)
        ]

    def accept(self, batch_id: int, check: str, why: str) -> BatchRecord:
        """Let a failed check of a batch pass as a warning from the next run on. Returns the batch's record.

        Raises:
            FlightsError: there is no such batch, or the check has not failed in it.
        """
        record = self.record(batch_id)
        failed = [result.name for result in record.checks if result.blocks]
        if check not in failed:
            raise FlightsError(
                f"no check named {check} holds up batch {batch_id}; there are: {', '.join(failed) or 'none'}"
            )
        record.accepted[check] = why
        self.save(record)
        return record


_TOPIC = f"{METADATA_ROOT}/progress/topic.json"


def _progress_path(step: str) -> str:
    return f"{METADATA_ROOT}/progress/{step}"
