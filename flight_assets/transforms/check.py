"""Check messages in one pure function: raw Kafka rows become staged events or rejections with a reason.

Spark runs it in its workers; the live process and replays call it directly. No session, no I/O, no clock. No
input raises an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import xxhash

from flight_assets.contracts.delivery import EVERYTHING, SCORED_FIELDS, WEATHER
from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.contracts.tables import QUARANTINE, STAGING, arrow_schema
from flight_assets.transforms.fields import Typed
from flight_assets.transforms.messages import Rejected, read_object
from flight_assets.transforms.rules import Codes, codes_of, scheduled_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flight_assets.transforms.inputs import Checks

SATURDAY = 6
# Spark's own seed, so that Python and Spark give an id the same hash.
HASH_SEED = 42
_ORIGIN = ("kafka_partition", "kafka_offset", "ingestion_timestamp", "batch_id")
_PLAUSIBLE = tuple((each.name, each.low, each.high) for each in WEATHER_FIELDS)
_EVENT = tuple(name for name in STAGING.column_names if name not in (*_ORIGIN, "processing_date"))
_VERDICT = pa.schema(
    [
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("unknown_fields", pa.list_(pa.string())),
        ("cleaned", pa.list_(pa.string())),
        ("event_hash", pa.int64()),
    ]
)
_STAGING_SCHEMA, _QUARANTINE_SCHEMA = arrow_schema(STAGING), arrow_schema(QUARANTINE)
CHECKED_SCHEMA = pa.schema(
    [*_STAGING_SCHEMA, *(_QUARANTINE_SCHEMA.field(name) for name in ("key", "value", "topic")), *_VERDICT]
)
"""One row per checked message:

- the columns of ``staging_flight_events``; in a rejected message only the Kafka position is not null
- the raw key, value and topic
- ``reason`` and ``detail`` of a rejection; null in a valid message
- ``unknown_fields``: names that the contract does not have
- ``cleaned``: names of optional values that were dropped
- ``event_hash``: xxhash64 of the event_id
"""


def check(raw: pa.RecordBatch | pa.Table, checks: Checks) -> pa.RecordBatch:
    """Return one row of CHECKED_SCHEMA per message, in the same order.

    Args:
        raw: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp (UTC), batch_id; optional
            ``value_bytes``, the true size of values that were cut.
        checks: the reference data, and the rule for unknown codes.
    """
    if isinstance(raw, pa.Table):
        raw = (
            raw.combine_chunks().to_batches()[0]
            if raw.num_rows
            else pa.RecordBatch.from_pylist([], schema=raw.schema)
        )
    taken = raw.column("ingestion_timestamp").cast(pa.timestamp("us")).to_pylist()
    sizes = (
        raw.column("value_bytes").to_pylist() if "value_bytes" in raw.schema.names else [None] * raw.num_rows
    )
    rows = [
        _row(value, size, at.replace(tzinfo=UTC), checks)
        for value, size, at in zip(raw.column("value").to_pylist(), sizes, taken, strict=True)
    ]
    names = (*_EVENT, *_VERDICT.names)
    columns = dict(zip(names, zip(*rows, strict=True) if rows else ((),) * len(names), strict=True))
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else _raw_column(raw, field)
        for field in CHECKED_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=CHECKED_SCHEMA)


def checker(checks: Checks) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return ``check`` as a function for ``mapInArrow``."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (check(batch, checks) for batch in batches)

    return run


def _raw_column(raw: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name == "processing_date":
        return raw.column("ingestion_timestamp").cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    return raw.column(field.name).cast(field.type)


_NO_EVENT = (None,) * len(_EVENT)


def _row(value: bytes | None, size: int | None, taken_at: datetime, checks: Checks) -> tuple[Any, ...]:
    """Return the values of an event and its verdict."""
    typed = None
    try:
        typed = Typed(read_object(value, size))
        codes = codes_of(typed, taken_at, checks)
    except Rejected as verdict:
        unknown, cleaned = (typed.unknown, typed.cleaned) if typed else (None, None)
        return (*_NO_EVENT, verdict.reason.value, verdict.detail, unknown, cleaned, None)
    event = _event(typed.values, codes, checks)
    return (
        *[event[name] for name in _EVENT],
        None,
        None,
        typed.unknown,
        typed.cleaned,
        event_hash(event["event_id"]),
    )


def event_hash(event_id: str) -> int:
    """Return an event's hash for ``staged_event_ids``: xxhash64 with Spark's seed, signed, 64 bits."""
    number = xxhash.xxh64_intdigest(event_id.encode(), HASH_SEED)
    return number - (1 << 64) if number >= 1 << 63 else number


def _event(values: dict[str, Any], codes: Codes, checks: Checks) -> dict[str, Any]:
    """Return a row of ``staging_flight_events`` without its Kafka position."""
    flight_date = scheduled_date(values["flight_id"])
    weekday = flight_date.isoweekday()
    score, weather = quality(values, checks.delivers.get(values["source"] or "", EVERYTHING))
    values["flight_date"] = flight_date
    values["route"] = f"{values['origin']}-{values['destination']}"
    values["weather"] = weather
    values["destination_weather"] = plausible_weather(values["destination_weather"])
    values["month"] = flight_date.month
    values["day_of_week"] = weekday
    values["hour"] = codes.local_departure.hour if codes.local_departure else None
    values["is_weekend"] = weekday >= SATURDAY
    values["quality_score"] = score
    values["low_quality"] = score < checks.low_quality_below
    values["unknown_codes"] = codes.unknown
    return values


def plausible_weather(measured: tuple[float | None, ...] | None) -> dict[str, float | None] | None:
    """Return the values by name, None for each outside its plausible range."""
    if measured is None:
        return None
    return {
        name: value if value is not None and low <= value <= high else None
        for (name, low, high), value in zip(_PLAUSIBLE, measured, strict=True)
    }


def quality(
    values: dict[str, Any], delivered: frozenset[str] = EVERYTHING
) -> tuple[float, dict[str, float | None] | None]:
    """Return the quality score, and the weather without implausible values.

    The score is completeness × validity, 0…1, rounded to 4 digits:

    - completeness: optional values present / expected. Expected are those that the source delivers, of
      tail_number, scheduled_arrival and the nine weather values, and any others that are present.
    - validity: plausible values / optional values present

    A message that has none of the expected values scores 0, one of which none is expected 1. The contract has
    the plausible ranges. Weather at the destination does not count.
    """
    weather = values["weather"]
    there = [values[name] is not None for name in SCORED_FIELDS]
    plausible = sum(there)
    expected = sum(is_there or name in delivered for name, is_there in zip(SCORED_FIELDS, there, strict=True))
    expects_weather = WEATHER in delivered
    kept = plausible_weather(weather)
    if weather is None or kept is None:
        expected += len(_PLAUSIBLE) if expects_weather else 0
    else:
        expected += sum(expects_weather or value is not None for value in weather)
        plausible += sum(value is not None for value in kept.values())
    return (round(plausible / expected, 4) if expected else 1.0), kept
