"""Records of Kafka as Arrow, in blocks of bounded size."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from flight_assets.stores.kafka_records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

BLOCK_ROWS = 10_000
BLOCK_BYTES = 4 << 20


def blocks(records: Iterable[Record | None], topic: str, partition: int) -> Iterator[pa.RecordBatch]:
    """Yield the records before the first None as Arrow: ``BLOCK_ROWS`` or about ``BLOCK_BYTES`` a block."""
    block: deque[Record] = deque()
    held = 0
    for record in records:
        if record is None:
            break
        block.append(record)
        held += len(record.key or b"") + len(record.value or b"")
        if len(block) >= BLOCK_ROWS or held >= BLOCK_BYTES:
            yield arrow(block, topic, partition)
            block.clear()
            held = 0
    if block:
        yield arrow(block, topic, partition)


def arrow(records: Iterable[Record], topic: str, partition: int) -> pa.RecordBatch:
    """Return records as Arrow.

    Columns: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp (UTC), value_bytes.
    """
    import pyarrow as pa

    offsets, times, keys, values, sizes, _ = zip(*records, strict=True) if records else ((),) * 6
    count = len(offsets)
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array(keys, pa.binary()),
            "value": pa.array(values, pa.binary()),
            "topic": pa.array([topic] * count, pa.string()),
            "kafka_partition": pa.array([partition] * count, pa.int32()),
            "kafka_offset": pa.array(offsets, pa.int64()),
            # Kafka has milliseconds, Spark microseconds.
            "ingestion_timestamp": pa.array([ms * 1_000 for ms in times], pa.timestamp("us", "UTC")),
            "value_bytes": pa.array(sizes, pa.int64()),
        }
    )
