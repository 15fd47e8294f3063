"""A topic and HDFS in memory, and batches that land on them."""

from __future__ import annotations

from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from flight_assets.provenance import Ledger, raw_path
from flight_assets.settings import Settings
from flight_assets.stores import kafka, landing
from flight_assets_tests.unit import test_provenance
from flight_assets_tests.unit.test_kafka_reader import Broker


class Files(test_provenance.Files):
    """HDFS in memory, with Parquet."""

    def delete(self, path: str) -> None:
        self.held.pop(path, None)

    def list(self, path: str) -> list[str]:
        return sorted(name.removeprefix(f"{path}/") for name in self.held if name.startswith(f"{path}/"))

    def size_bytes(self, path: str) -> int:
        return sum(len(self.held[f"{path}/{name}"]) for name in self.list(path))

    def open_parquet(self, path: str) -> pq.ParquetFile:
        return pq.ParquetFile(pa.BufferReader(self.held[path]))

    def land(self, batch_id: int, *files: pa.Table) -> None:
        """A complete directory of these files."""
        self.held[f"{raw_path(batch_id)}/_SUCCESS"] = b""
        for number, rows in enumerate(files):
            sink = pa.BufferOutputStream()
            pq.write_table(rows, sink, use_deprecated_int96_timestamps=True)
            self.held[f"{raw_path(batch_id)}/part-{number:05d}.parquet"] = sink.getvalue().to_pybytes()


class Land:
    """Landing of a platform in memory whose topic is a list of batches per partition."""

    def __init__(self, monkeypatch, tmp_path, **settings) -> None:
        self.settings = Settings(_env_file=None, home=tmp_path, **settings)
        self.files = Files()
        self.ledger = Ledger(self.files)
        self.partitions: dict[int, Broker] = {}
        self.id = "first"
        monkeypatch.setattr(kafka, "reader", self.reader)

    @contextmanager
    def reader(self, _settings):
        """A reader of all partitions."""
        yield self

    def read(self, partition, *rest):
        return self.partitions[partition].read(partition, *rest)

    def first_message(self, partition, *rest):
        return self.partitions[partition].first_message(partition, *rest)

    def topic_id(self) -> str:
        return self.id

    def oldest(self, partitions):
        return {number: self.partitions[number].begin for number in partitions}

    def plan(self):
        ends = {number: broker.stable_end for number, broker in self.partitions.items()}
        return landing.plan_batch(self, self.settings, self.files, self.ledger, ends)

    def write(self, plan) -> None:
        """Do what Spark does."""
        write = landing._landed(self.settings, plan)
        numbers = (pa.RecordBatch.from_pydict({"id": [number]}) for number in range(len(plan.tasks)))
        self.files.land(
            plan.batch_id, *(pa.Table.from_batches(list(write(iter([number])))) for number in numbers)
        )

    def describe(self, batch_id: int = 0):
        return landing.describe_landed(self, self.settings, self.files, batch_id, self.ledger.next_offsets())

    def finish(self, plan):
        self.write(plan)
        record = self.describe(plan.batch_id)
        self.ledger.save(record)
        self.ledger.mark_done("raw_kafka_batch", plan.batch_id)
        return record
