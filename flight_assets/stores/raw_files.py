"""Read offsets, times and sizes of a raw batch back from its Parquet files on HDFS, without Spark."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.provenance import ColumnType, OffsetRange
from flight_assets.stores.kafka_reader import UNREADABLE

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from flight_assets.stores.hdfs import Hdfs

ROWS_AT_ONCE = 65_536
# Names of the types of raw columns, Arrow's and Spark's.
_SPARK_NAMES = {"int32": "int", "int64": "bigint"}


@dataclass
class RawFiles:
    """Figures of a raw batch. ``offsets``: those of its rows by partition, in order of its files."""

    offsets: dict[int, list[int]] = field(default_factory=dict)
    count: int = 0
    bytes: int = 0
    unreadable: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    schema: list[ColumnType] = field(default_factory=list)

    @property
    def ranges(self) -> dict[int, OffsetRange]:
        """Return the least and the greatest offset by partition."""
        return {
            number: OffsetRange(first=min(found), last=max(found)) for number, found in self.offsets.items()
        }

    def within(self, partition: int, span: OffsetRange) -> set[int]:
        """Return the offsets of a partition in a range, each once."""
        return {offset for offset in self.offsets.get(partition, ()) if span.first <= offset <= span.last}

    def add(self, rows: pa.RecordBatch) -> None:
        """Add the rows of a part of a file to the figures."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for number in pc.unique(rows["kafka_partition"]).to_pylist():
            of_partition = pc.equal(rows["kafka_partition"], number)
            self.offsets.setdefault(number, []).extend(rows["kafka_offset"].filter(of_partition).to_pylist())
        self.count += rows.num_rows
        sizes = rows["value_bytes"] if "value_bytes" in rows.schema.names else pc.binary_length(rows["value"])
        self.bytes += (pc.sum(pc.binary_length(rows["key"])).as_py() or 0) + (
            pc.sum(pc.max_element_wise(sizes, 0)).as_py() or 0
        )
        self.unreadable += pc.sum(pc.equal(sizes, UNREADABLE)).as_py() or 0
        # Spark writes nanoseconds without a zone; they are UTC.
        times = pc.min_max(rows["ingestion_timestamp"].cast(pa.timestamp("us"))).as_py()
        if times["min"] is not None:
            oldest, newest = (times[name].replace(tzinfo=UTC) for name in ("min", "max"))
            self.oldest = min(self.oldest or oldest, oldest)
            self.newest = max(self.newest or newest, newest)


def read_back(hdfs: Hdfs, directory: str) -> RawFiles:
    """Return the figures of the raw batch in a directory. Raises StoreUnavailable if HDFS does not answer."""
    found = RawFiles()
    for name in hdfs.list(directory):
        if name.endswith(".parquet"):
            file = hdfs.open_parquet(f"{directory}/{name}")
            found.schema = [
                ColumnType(name=column.name, type=_spark_name(column.type)) for column in file.schema_arrow
            ]
            for rows in file.iter_batches(ROWS_AT_ONCE, columns=_columns(file)):
                found.add(rows)
    return found


def preview(hdfs: Hdfs, directory: str, rows: int, characters: int) -> pd.DataFrame:
    """Return the first rows of a raw batch: partition, offset, time and the start of the value as text."""
    import pandas as pd

    names = [name for name in hdfs.list(directory) if name.endswith(".parquet")]
    columns = ["kafka_partition", "kafka_offset", "ingestion_timestamp", "value"]
    blocks = (hdfs.open_parquet(f"{directory}/{name}").iter_batches(rows, columns=columns) for name in names)
    first = next((block.to_pandas() for file in blocks for block in file), pd.DataFrame(columns=columns))
    first["value"] = [value and value[:characters].decode(errors="replace") for value in first["value"]]
    return first


def _columns(file: pq.ParquetFile) -> list[str]:
    size = "value_bytes" if "value_bytes" in file.schema_arrow.names else "value"
    return ["key", size, "kafka_partition", "kafka_offset", "ingestion_timestamp"]


def _spark_name(arrow_type: pa.DataType) -> str:
    name = str(arrow_type)
    return _SPARK_NAMES.get(name, name.split("[")[0])
