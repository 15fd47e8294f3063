"""Read the flight topic by ranges of offsets or as it grows, in memory that does not depend on producers.

Belongs here: requests to brokers, what of their answers counts (committed records only), and records as
Arrow. Does not: the format of their bytes (`kafka_records`) or how a client is opened (`kafka`).

Offsets without a record are normal: markers and aborted records of transactions, and what compaction or
retention has removed. What is there and cannot be read becomes one record that says so. Memory: one answer of
a broker (``FETCH_BYTES``, or one batch if that is larger), what a codec holds, and one block of Arrow.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from flight_assets.errors import FlightsError
from flight_assets.stores.kafka_codecs import Unreadable
from flight_assets.stores.kafka_records import Batch, Clock, Record, batches_of, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kafka import KafkaConsumer, TopicPartition

FETCH_BYTES = 1 << 20

# The largest answer that is taken. A broker sends a batch whole; a larger one counts as unreadable.
ANSWER_BYTES = 64 << 20
RETRY_PAUSE_S = 0.1

# ``value_bytes`` of the record that replaces unreadable ones.
UNREADABLE = -1
_READ_COMMITTED = 1
_NEWEST_FETCH = 12  # later versions name topics by ids
_NO_SESSION = {"session_id": 0, "session_epoch": -1}


class _Answer(NamedTuple):
    """Answer of a broker. ``problem``: why it is unreadable. ``held``: offsets behind a transaction."""

    batches: list[Batch]
    stable_end: int
    problem: str = ""
    held: int = 0


class TopicReader:
    """Committed records of one topic. Not for several threads at once.

    Every method raises KafkaError when the brokers do not answer within ``timeout_s``.
    """

    def __init__(self, consumer: KafkaConsumer, topic: str, timeout_s: float) -> None:
        self._manager = consumer._manager
        self._consumer = consumer
        self._topic = topic
        self._timeout_s = timeout_s
        # From now on the client keeps the topic's partitions and their leaders up to date.
        self._manager.run(self._manager.wait_for, self._manager.cluster.add_topic(topic), timeout_s * 1000)

    def topic_id(self) -> str:
        """Return Kafka's id of the topic, which no other topic ever has; empty if the broker gives none."""
        return str(self._manager.cluster.topic_id(self._topic) or "")

    def partitions(self) -> list[int]:
        """Return the topic's current partitions."""
        return sorted(self._consumer.partitions_for_topic(self._topic) or ())

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return by partition the oldest offset that retention has left."""
        return _by_number(self._consumer.beginning_offsets(self._keys(partitions)))

    def ends(self) -> dict[int, int]:
        """Return, per partition, the offset after the last readable one, before any open transaction."""
        return _by_number(self._consumer.end_offsets(self._keys(self.partitions())))

    def held(self, partition: int, end: int) -> int:
        """Return how many offsets wait behind ``end``, of ``ends``, because a transaction is open."""
        return self._fetch(partition, end).held

    def _keys(self, partitions: Iterable[int]) -> list[TopicPartition]:
        from kafka import TopicPartition

        return [TopicPartition(self._topic, number) for number in partitions]

    def read(self, partition: int, first: int, end: int, clock: Clock) -> Iterator[Record]:
        """Yield the committed records of the offsets ``first`` to ``end - 1``, by rising offset.

        Raises:
            FlightsError: the topic ends before ``end``, so it is not the topic that it was.
        """
        for record in self.follow(partition, first, lambda: clock, end):
            if record is None:
                raise _truncated(self._topic, partition, end - 1)
            yield record

    def first_message(self, partition: int, first: int, end: int, clock: Clock) -> int:
        """Return the first offset of a range that has a committed message; ``end`` if none has."""
        found = next(self.read(partition, first, end, clock), None)
        return found.offset if found else end

    def follow(
        self, partition: int, first: int, clock: Callable[[], Clock], end: int | None = None
    ) -> Iterator[Record | None]:
        """Yield the committed records from an offset up to ``end``, and None while there are no more yet."""
        position = first
        while end is None or position < end:
            answer = self._fetch(partition, position)
            if answer.problem:
                beyond = self._readable_after(partition, position, answer.stable_end if end is None else end)
                yield _unread(position, beyond - 1, answer.problem, clock())
                position = beyond
                continue
            before = position
            for batch in answer.batches:
                if end is not None and batch.first >= end:
                    return
                if batch.last >= position and (batch.size or batch.problem):
                    yield from _between(batch, position, end, clock())
                position = max(position, batch.last + 1)
            if position == before:
                yield None

    def newest_ms(self, partition: int, end: int) -> int | None:
        """Return when the batch with the offset before ``end`` was written, in ms since 1970.

        None without one.
        """
        batches = self._fetch(partition, end - 1).batches if end else []
        return batches[0].max_ms if batches and not batches[0].problem else None

    def _readable_after(self, partition: int, position: int, end: int) -> int:
        """Return the next readable offset, searched in doubling steps; ``end`` if there is none."""
        step = 1
        while position + step < end:
            if not self._fetch(partition, position + step).problem:
                return position + step
            step *= 2
        return max(end, position + 1)

    def _fetch(self, partition: int, position: int) -> _Answer:
        """Return what the leader has from an offset on, or from the oldest one left. Waits for a leader."""
        from kafka import errors

        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                found = self._ask(partition, position)
            except errors.InvalidReceiveError:
                return _Answer([], position + 1, f"are in a batch of more than {ANSWER_BYTES} bytes")
            except errors.RetriableError as error:
                problem: Exception = error
            else:
                problem = errors.for_code(found.error_code)()
                if isinstance(problem, errors.NoError):
                    return _answer(found, position)
                if isinstance(problem, errors.CorruptRecordError):
                    return _Answer([], position + 1, "are damaged on the broker's disk")
                if isinstance(problem, errors.OffsetOutOfRangeError):
                    position = self._oldest_after(partition, position)
                    continue
            if not isinstance(problem, errors.RetriableError) or time.monotonic() > deadline:
                raise problem
            self._manager.cluster.request_update()
            time.sleep(RETRY_PAUSE_S)

    def _oldest_after(self, partition: int, position: int) -> int:
        """Return the oldest remaining offset after retention has deleted this one."""
        oldest = self.oldest([partition])[partition]
        if oldest <= position:
            raise _truncated(self._topic, partition, position)
        return oldest

    def _ask(self, partition: int, position: int) -> Any:  # noqa: ANN401 - of a library without types
        from kafka import TopicPartition, errors
        from kafka.protocol.consumer import FetchRequest

        leader = self._manager.cluster.leader_for_partition(TopicPartition(self._topic, partition))
        if leader is None or leader < 0:
            raise errors.LeaderNotAvailableError
        topic = FetchRequest.FetchTopic
        wanted = topic.FetchPartition(
            partition=partition, fetch_offset=position, partition_max_bytes=FETCH_BYTES
        )
        request = FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=FETCH_BYTES,
            isolation_level=_READ_COMMITTED,
            topics=[topic(topic=self._topic, partitions=[wanted])],
            min_version=FetchRequest.min_version_for_isolation_level(_READ_COMMITTED),
            max_version=_NEWEST_FETCH,
            **_NO_SESSION,
        )

        async def answered() -> Any:  # noqa: ANN401
            return await self._manager.wait_for(
                self._manager.send(request, node_id=leader), self._timeout_s * 1000
            )

        response = self._manager.run(answered)
        if response.error_code:
            raise errors.for_code(response.error_code)
        return response.responses[0].partitions[0]


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {key.partition: int(offset) for key, offset in offsets.items()}


def _truncated(topic: str, partition: int, offset: int) -> FlightsError:
    return FlightsError(
        f"partition {partition} of {topic} has no offset {offset}: the topic was deleted or truncated; see"
        " `flights doctor`"
    )


def _answer(found: Any, position: int) -> _Answer:  # noqa: ANN401 - of a library without types
    batches = list(batches_of(data := memoryview(found.records or b"")))
    aborted = [(entry.first_offset, entry.producer_id) for entry in found.aborted_transactions or ()]
    problem = ""
    if len(data) and not batches:
        problem = "are in a batch of an impossible length"
    elif batches and batches[-1].last < position:
        problem = "are in batches that name other offsets"
    held = max(0, found.high_watermark - found.last_stable_offset)
    return _Answer(list(committed(batches, aborted)), max(found.last_stable_offset, position), problem, held)


def committed(batches: Iterable[Batch], aborted: Iterable[tuple[int, int]]) -> Iterator[Batch]:
    """Yield the batches, without content if they are markers or of an aborted transaction.

    Args:
        batches: of one answer, in order.
        aborted: first offset and producer id of each aborted transaction that ends in the answer or after it.
            A producer has one transaction at a time, which its marker ends.
    """
    coming, going_on = deque(sorted(aborted)), set()
    for batch in batches:
        while coming and coming[0][0] <= batch.last:
            going_on.add(coming.popleft()[1])
        if batch.is_control:
            going_on.discard(batch.producer_id)
        is_left_out = batch.is_control or (batch.is_transactional and batch.producer_id in going_on)
        yield batch._replace(size=0, problem="") if is_left_out else batch


def _between(batch: Batch, first: int, end: int | None, clock: Clock) -> Iterator[Record]:
    """Yield the records of a batch in a range of offsets; what cannot be read is one record, the last."""
    position = max(first, batch.first)
    try:
        for record in records_of(batch, clock):
            if end is not None and record.offset >= end:
                return
            if record.offset >= first:
                yield record
            position = max(first, record.offset + 1)
    except Unreadable as problem:
        last = batch.last if end is None else min(batch.last, end - 1)
        if position <= last:
            yield _unread(position, last, str(problem), clock, batch.broker_ms(clock))


def _unread(first: int, last: int, problem: str, clock: Clock, time_ms: int | None = None) -> Record:
    """Return the record for offsets that cannot be read.

    Its value is text and no JSON, so checks reject it.
    """
    text = f"unreadable in Kafka, offsets {first} to {last}: the records {problem}"
    return Record(first, clock.now_ms if time_ms is None else time_ms, None, text.encode(), UNREADABLE, b"\0")
