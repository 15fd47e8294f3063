"""Rejected messages: found by reason, batch, time or position, with their bytes and their replays."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from flight_assets.contracts.tables import QUARANTINE
from flight_assets.errors import FlightsError
from flight_assets.pipeline import replay
from flight_assets.stores import warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import Column

    from flight_assets.settings import Settings


@dataclass(frozen=True)
class Selection:
    """Selection of rejected messages; None does not narrow it.

    Times are of ingestion; ``until`` is not included. ``ids`` are ``topic-partition-offset``, such as
    flight_events-0-1234.
    """

    reason: str | None = None
    batch_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()

    def conditions(self) -> list[Column]:
        """Return the conditions on a row of ``quarantined_events``."""
        found = []
        if self.reason is not None:
            found.append(F.col("reason") == self.reason)
        if self.batch_id is not None:
            found.append(F.col("batch_id") == self.batch_id)
        if self.since is not None:
            found += [
                F.col("ingestion_timestamp") >= self.since,
                F.col("processing_date") >= self.since.date(),
            ]
        if self.until is not None:
            found.append(F.col("ingestion_timestamp") < self.until)
        if self.ids:
            found.append(
                F.concat_ws("-", "topic", "kafka_partition", "kafka_offset").isin(*map(_checked, self.ids))
            )
        return found


def _checked(message_id: str) -> str:
    """Return the id, if it is one."""
    if not re.fullmatch(r".+-\d+-\d+", message_id):
        raise FlightsError(
            f"{message_id!r} is no id of a message: it is topic-partition-offset, as `flights quarantine"
            " list` prints it"
        )
    return message_id


def rejected(settings: Settings, selection: Selection, limit: int) -> list[replay.Rejected]:
    """Return the rejected messages of a selection, oldest first, ``limit`` at most."""
    rows = warehouse.open_warehouse(settings).read(QUARANTINE)
    for condition in selection.conditions():
        rows = rows.where(condition)
    ordered = rows.orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset").limit(limit)
    columns = (
        "topic",
        "kafka_partition",
        "kafka_offset",
        "ingestion_timestamp",
        "batch_id",
        "reason",
        "detail",
        "key",
        "value",
    )
    # Spark gives times without a zone, in this machine's: as text they stay UTC.
    at = F.date_format("ingestion_timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").alias("ingestion_timestamp")
    return [
        replay.Rejected(**row.asDict())
        for row in ordered.select(
            *(at if name == "ingestion_timestamp" else F.col(name) for name in columns)
        ).collect()
    ]


def described(settings: Settings, messages: Sequence[replay.Rejected]) -> list[dict[str, Any]]:
    """Return each message as a dictionary: id, origin, reason, detail, bytes, replay (null if none)."""
    replays = replay.replays(settings, [message.id for message in messages])
    return [_described(message, replays.get(message.id)) for message in messages]


def _described(message: replay.Rejected, replayed: dict[str, Any] | None) -> dict[str, Any]:
    value = message.value
    return {
        "id": message.id,
        "batch_id": message.batch_id,
        "ingestion_timestamp": message.ingestion_timestamp,
        "reason": message.reason,
        "detail": message.detail,
        "bytes": len(value) if value is not None else None,
        "text": value.decode(errors="replace") if value is not None else None,
        "value_base64": base64.b64encode(value).decode() if value is not None else None,
        "key_base64": base64.b64encode(message.key).decode() if message.key is not None else None,
        "replay": replayed,
    }
