"""Live figures: aggregations over MongoDB's flights through an index, and numbers of Kafka and HDFS."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from flight_assets.contracts.units import BYTES_PER_MB, LATE_MINUTES
from flight_assets.errors import FlightsError
from flight_assets.queries.filters import Filters
from flight_assets.queries.trends import without_gaps
from flight_assets.stores import kafka
from flight_assets.stores.mongo import FLIGHTS
from flight_assets.stores.mongo_documents import UNCONFIRMED

if TYPE_CHECKING:
    from pymongo.database import Database

    from flight_assets.settings import Settings

    Mongo = Database[dict[str, Any]]

SKIP_AT_MOST = 10_000
AGGREGATION_MS = 10_000
Bucket = Literal["minute", "hour", "day"]

_SHOWN = {
    "_id": 0, "flight_id": 1, "event_type": 1, "airline": 1, "route": 1, "timestamp": 1,
    "scheduled_departure": 1,
    "departure_delay_minutes": 1, "arrival_delay_minutes": 1,
    "predicted_delay_minutes": "$prediction.predicted_delay_minutes",
    "maker": "$prediction.maker", "domain_mark": "$prediction.domain_mark",
    "quality_score": 1, "ingestion_timestamp": 1, "batch_id": 1,
}  # fmt: skip
LATEST_COLUMNS = tuple(name for name in _SHOWN if name != "_id")
_NO_FILTERS = Filters()


def window(minutes: int, clock: datetime | None = None) -> tuple[datetime, datetime]:
    """Return the last minutes up to now: (since, until), UTC."""
    until = clock or datetime.now(UTC)
    return until - timedelta(minutes=minutes), until


def hot_store(db: Mongo) -> pd.DataFrame:
    """One row: documents; size_mb, data and indexes uncompressed in MB (10⁶ bytes), what archiving goes by.

    Newest (UTC, null if empty).
    """
    stats = db.command("dbStats")
    newest = next(
        iter(db[FLIGHTS].find({}, {"ingestion_timestamp": 1}).sort("ingestion_timestamp", -1).limit(1)), {}
    )
    row = {
        "documents": db[FLIGHTS].estimated_document_count(),
        "size_mb": (stats["dataSize"] + stats["indexSize"]) / BYTES_PER_MB,
        "newest": newest.get("ingestion_timestamp"),
    }
    return typed(pd.DataFrame([row]), times=("newest",))


def incoming(
    settings: Settings, minutes: int, buckets: int = 60, clock: datetime | None = None
) -> pd.DataFrame:
    """Return one row per bucket of the window, oldest first: minute, messages, seconds.

    ``minute`` is its begin in UTC, ``seconds`` its length.
    Counted by the offsets at the buckets' ends, so every message counts once, also a bad one. The window ends
    with the last whole minute.
    """
    end = (clock or datetime.now(UTC)).replace(second=0, microsecond=0)
    step = timedelta(minutes=max(1, minutes // buckets))
    edges = [end - step * count for count in range(min(buckets, minutes), -1, -1)]
    before = kafka.messages_before(settings, edges)
    messages = [after - first for first, after in pairwise(before)]
    return typed(
        pd.DataFrame({"minute": edges[:-1], "messages": messages, "seconds": step.total_seconds()}),
        times=("minute",),
    )


def messages_taken(settings: Settings) -> pd.DataFrame:
    """One row: messages that Kafka ever took, the sum of the topic's end offsets."""
    return pd.DataFrame({"messages": [sum(kafka.end_offsets(settings).values())]})


def latest(
    db: Mongo, filters: Filters = _NO_FILTERS, search: str = "", page: int = 0, size: int = 25
) -> pd.DataFrame:
    """One row per flight of a page, newest ingestion first: ``LATEST_COLUMNS``; delays in minutes, times UTC.

    batch_id is null until a batch has confirmed the state that live processing wrote.

    Args:
        db: the platform's database.
        filters: which flights.
        search: the begin of a flight_id, or an airline, airport or route; upper or lower case.
        page: counted from 0. MongoDB steps over the pages before, so ``SKIP_AT_MOST`` flights is the end.
        size: flights on a page.

    Raises:
        FlightsError: a page further back.
    """
    if page * size > SKIP_AT_MOST:
        raise FlightsError(f"page {page + 1} is too far back: search for a flight or a route instead")
    match = {**filters.mongo(), **_searched(search)}
    rows = (
        db[FLIGHTS]
        .find(match, _SHOWN, max_time_ms=AGGREGATION_MS)
        .sort("ingestion_timestamp", -1)
        .skip(page * size)
        .limit(size)
    )
    frame = pd.DataFrame(list(rows), columns=list(LATEST_COLUMNS))
    frame["batch_id"] = frame["batch_id"].astype("Int64").mask(lambda numbers: numbers == UNCONFIRMED)
    return typed(frame, times=("timestamp", "scheduled_departure", "ingestion_timestamp"))


def flight(db: Mongo, flight_id: str) -> dict[str, Any]:
    """Return the document of a flight; empty if the hot store has none."""
    return db[FLIGHTS].find_one({"_id": flight_id}) or {}


def codes(db: Mongo) -> pd.DataFrame:
    """One row per airline, origin and destination in MongoDB, most flights first: field, code, flights."""
    fields = ("airline", "origin", "destination")
    order: dict[str, Any] = {"$sort": {"flights": -1, "_id": 1}}
    facets = {field: [{"$group": {"_id": f"${field}", "flights": {"$sum": 1}}}, order] for field in fields}
    pipeline: list[dict[str, Any]] = [{"$project": dict.fromkeys(fields, 1)}, {"$facet": facets}]
    (found,) = db[FLIGHTS].aggregate(pipeline, maxTimeMS=AGGREGATION_MS)
    rows = [(field, row["_id"], row["flights"]) for field in fields for row in found[field]]
    return pd.DataFrame(rows, columns=["field", "code", "flights"])


def over_time(
    db: Mongo, minutes: int, bucket: Bucket, filters: Filters = _NO_FILTERS, clock: datetime | None = None
) -> pd.DataFrame:
    """One row per bucket of ingestion time (begin, UTC), oldest first: flights and what ``_MEASURES`` says.

    None at all without flights. A flight counts once, where its newest event came in. The first and the last
    bucket may lie partly outside the window.
    """
    since, until = window(minutes, clock)
    begin = {"$dateTrunc": {"date": "$ingestion_timestamp", "unit": bucket}}
    rows = _aggregate(db, since, until, filters, begin, [{"$sort": {"_id": 1}}])
    frame = typed(_measured(rows, "begin"), times=("begin",))
    unit = {"minute": "min", "hour": "h", "day": "D"}[bucket]
    begins = pd.date_range(pd.Timestamp(since).floor(unit), pd.Timestamp(until).floor(unit), freq=unit)
    return frame if frame.empty else without_gaps(frame, begins, COUNTS)


def by_route(
    db: Mongo, minutes: int, filters: Filters = _NO_FILTERS, limit: int = 60, clock: datetime | None = None
) -> pd.DataFrame:
    """Return one row per route in the window, at most ``limit``, most flights first.

    Columns: route (EWR-IAH), flights and those of ``_MEASURES``.
    """
    since, until = window(minutes, clock)
    return _measured(
        _aggregate(
            db, since, until, filters, "$route", [{"$sort": {"flights": -1, "_id": 1}}, {"$limit": limit}]
        ),
        "route",
    )


def by_state(
    db: Mongo, minutes: int, filters: Filters = _NO_FILTERS, clock: datetime | None = None
) -> pd.DataFrame:
    """One row per newest event type in the window: event_type, flights and what ``_MEASURES`` says."""
    since, until = window(minutes, clock)
    return _measured(
        _aggregate(db, since, until, filters, "$event_type", [{"$sort": {"flights": -1}}]), "event_type"
    )


def _searched(search: str) -> dict[str, Any]:
    text = search.strip().upper()
    if not text:
        return {}
    if re.fullmatch(r"[A-Z]{3,4}-[A-Z]{3,4}", text):
        return {"route": text}
    if re.fullmatch(r"[A-Z]{3,4}", text):
        return {"$or": [{"origin": text}, {"destination": text}]}
    return {"flight_id": {"$regex": f"^{re.escape(text)}"}}


# mean_departure_delay and mean_arrival_delay in minutes of the flights that have one; late_share of those
# with an arrival delay, or, until it arrives, a departure delay, that is LATE_MINUTES or more (0–1);
# mean_quality 0–1; cancelled flights.
_DELAY = {"$ifNull": ["$arrival_delay_minutes", "$departure_delay_minutes"]}

_MEASURES = {
    "flights": {"$sum": 1},
    "mean_departure_delay": {"$avg": "$departure_delay_minutes"},
    "mean_arrival_delay": {"$avg": "$arrival_delay_minutes"},
    "mean_delay": {"$avg": _DELAY},
    "late_share": {
        "$avg": {
            "$cond": [
                {"$eq": [{"$type": _DELAY}, "double"]},
                {"$cond": [{"$gte": [_DELAY, LATE_MINUTES]}, 1, 0]},
                None,
            ]
        }
    },
    "mean_quality": {"$avg": "$quality_score"},
    "cancelled": {"$sum": {"$cond": [{"$eq": ["$event_type", "cancelled"]}, 1, 0]}},
}
MEASURES = tuple(_MEASURES)
COUNTS = ("flights", "cancelled")


def _aggregate(
    db: Mongo,
    since: datetime,
    until: datetime,
    filters: Filters,
    by: Any,  # noqa: ANN401
    then: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Groups of the window's flights; the match on ingestion_timestamp goes by its index."""
    match = {"ingestion_timestamp": {"$gte": since, "$lt": until}, **filters.mongo()}
    pipeline = [{"$match": match}, {"$group": {"_id": by, **_MEASURES}}, *then]
    return list(db[FLIGHTS].aggregate(pipeline, maxTimeMS=AGGREGATION_MS))


def _measured(rows: list[dict[str, Any]], name: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["_id", *MEASURES]).rename(columns={"_id": name})
    return frame.astype(
        {**dict.fromkeys(COUNTS, "int64"), **{column: float for column in MEASURES if column not in COUNTS}}
    )


def typed(frame: pd.DataFrame, times: tuple[str, ...]) -> pd.DataFrame:
    """Return the frame with these columns as times in UTC."""
    for column in times:
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame
