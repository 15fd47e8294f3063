"""Batch that several sides process: its contents, the places for the rows, and their comparison."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.publish import publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import kafka
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore

if TYPE_CHECKING:
    from flight_assets.settings import Settings

BAD_SHARE = 0.03
# Each batch is set days apart from every other, so that no flight and no feature of one depends on another:
# sides that only know the batch then come to the same rows as the platform, which looks back. 100,000 events
# are 40 days of flights.
FIRST_DAY = datetime(1972, 1, 1, 12, tzinfo=UTC)
DAYS_APART = 64
LAST_DAY = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BatchSpec:
    """Messages of the topic that are one batch, and the model to predict with.

    ``spans``: per partition the first offset and the one after the last.

    ``database`` names the side's own database in MongoDB and Hive. ``root`` names its folder on HDFS.
    """

    batch_id: int
    spans: dict[int, tuple[int, int]]
    model_version: str
    database: str = ""
    root: str = ""

    @property
    def messages(self) -> int:
        """Return the number of messages in the batch."""
        return sum(end - first for first, end in self.spans.values())

    def to_json(self) -> str:
        """Return JSON for the command line of a side."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> BatchSpec:
        """Return the specification that ``to_json`` wrote."""
        found: dict[str, Any] = json.loads(text)
        spans = {int(partition): (first, end) for partition, (first, end) in found["spans"].items()}
        return cls(**{**found, "spans": spans})


def day_of(batch_id: int) -> datetime:
    """Return the last day of the flights of a batch."""
    return FIRST_DAY + (batch_id + 1) * timedelta(days=DAYS_APART)


def send_batch(settings: Settings, messages: int, day: datetime | None = None) -> BatchSpec:
    """Send that many new messages, bad and awkward ones among them.

    They are the topic's only ones that have not landed.
    Their flights are of the batch's own days, or of those up to ``day``.

    Raises:
        FlightsError: messages wait already, there is no model, or every day that batches may be set in is
            used up.
    """
    hdfs = Hdfs(settings)
    ledger = Ledger(hdfs)
    before = kafka.end_offsets(settings)
    if any(end > ledger.next_offsets().get(str(partition), 0) for partition, end in before.items()):
        raise FlightsError("messages wait in the topic: run `flights process` before measuring")
    version = ModelStore(hdfs).champion()
    if version is None:
        raise FlightsError("there is no model to predict with: run `flights model train` before measuring")
    batch_id = ledger.last_done(STEPS[0]) + 1
    last_day = day or day_of(batch_id)
    if last_day > LAST_DAY:
        raise FlightsError(
            "this platform has had too many batches to measure with: use another, or `flights reset`"
        )
    good = mixed_messages(
        lambda count: synthetic_messages(batch_id, count, last_day), messages, BAD_SHARE, batch_id
    )
    publish(good, settings.kafka_bootstrap_servers, settings.kafka_topic)
    after = kafka.end_offsets(settings)
    return BatchSpec(
        batch_id, {partition: (before.get(partition, 0), end) for partition, end in after.items()}, version
    )
