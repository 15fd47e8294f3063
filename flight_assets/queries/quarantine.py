"""Rejected messages: found by reason, batch, time or position, with their bytes and their replays."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import functions as F

from flight_assets.contracts.tables import QUARANTINE
from flight_assets.errors import FlightsError
from flight_assets.pipeline import replay
from flight_assets.stores import warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from flight_assets.settings import Settings

# A page of rejected messages has at most so many, and about so many bytes of values.
PAGE_ROWS, PAGE_BYTES = 20_000, 16 << 20
# The query of a page may name so many offsets.
OFFSETS_NAMED = 1_000
COLUMNS = (
    *("topic", "kafka_partition", "kafka_offset", "ingestion_timestamp"),
    *("batch_id", "reason", "detail", "key", "value"),
)


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
    rows = _selected(settings, selection).orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset")
    return _messages(rows.limit(limit))


def pages(
    settings: Settings, selection: Selection, limit: int | None = None
) -> Iterator[list[replay.Rejected]]:
    """Yield the rejected messages of a selection in pages, by topic, partition and offset.

    A page has at most PAGE_ROWS messages and about PAGE_BYTES of values; besides it, memory holds the place
    and size of each message. Messages that are rejected meanwhile are not among them.

    Args:
        settings: addresses of the stores.
        selection: which messages.
        limit: how many of the oldest; None for all.
    """
    named = frozenset(map(_place, selection.ids))
    places = ((*place, 0) for place in sorted(named)) if named else _places(settings, selection, limit)
    others = replace(selection, ids=())
    for page in _paged(places, OFFSETS_NAMED if named else PAGE_ROWS):
        rows = _selected(settings, others).where(_within(page))
        if named:
            rows = rows.where(F.col("kafka_offset").isin(*(place.offset for place in page)))
        found = _messages(rows.orderBy("kafka_offset"))
        if found:
            yield found


class _Place(NamedTuple):
    topic: str
    partition: int
    offset: int
    size: int


def _places(
    settings: Settings, selection: Selection, limit: int | None
) -> Iterator[tuple[str, int, int, int]]:
    """Yield topic, partition, offset and size of the values of a selection, sorted."""
    columns = ("topic", "kafka_partition", "kafka_offset")
    rows = _selected(settings, selection)
    if limit is not None:
        rows = rows.orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset").limit(limit)
    size = F.coalesce(F.length("value"), F.lit(0)).alias("size")
    table = rows.select(*columns, size).orderBy(*columns).toArrow()
    for batch in table.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _paged(places: Iterable[tuple[str, int, int, int]], most: int) -> Iterator[list[_Place]]:
    """Yield sorted places in pages of one partition."""
    for _, of_partition in groupby((_Place(*place) for place in places), lambda place: place[:2]):
        page: list[_Place] = []
        held = 0
        for place in of_partition:
            if page and (len(page) >= most or held + place.size > PAGE_BYTES):
                yield page
                page, held = [], 0
            page.append(place)
            held += place.size
        yield page


def _within(page: Sequence[_Place]) -> Column:
    """Return the condition that a row is of the page's partition, between its first and last offset."""
    return (
        (F.col("topic") == page[0].topic)
        & (F.col("kafka_partition") == page[0].partition)
        & F.col("kafka_offset").between(page[0].offset, page[-1].offset)
    )


def _place(message_id: str) -> tuple[str, int, int]:
    topic, partition, offset = _checked(message_id).rsplit("-", 2)
    return topic, int(partition), int(offset)


def _selected(settings: Settings, selection: Selection) -> DataFrame:
    rows = warehouse.open_warehouse(settings).read(QUARANTINE)
    for condition in selection.conditions():
        rows = rows.where(condition)
    return rows


def _messages(rows: DataFrame) -> list[replay.Rejected]:
    # Spark gives times without a zone, in this machine's: as text they stay UTC.
    at = F.date_format("ingestion_timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").alias("ingestion_timestamp")
    columns = [at if name == "ingestion_timestamp" else F.col(name) for name in COLUMNS]
    return [replay.Rejected(**row.asDict()) for row in rows.select(*columns).collect()]


def described(settings: Settings, messages: Sequence[replay.Rejected]) -> list[dict[str, Any]]:
    """Return each message as a dictionary: id, origin, reason, detail, bytes, replay (null if none)."""
    replays = replay.replays(settings, messages)
    return [_described(message, replays.get(message.intent)) for message in messages]


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
