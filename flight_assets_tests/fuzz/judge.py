"""Compare every store with the topic after fuzzing, message by message and flight by flight.

The topic is read by another client, and a plain model of flights says what is true of each. The verdict of
a message comes from the function that the platform uses; `checks` shows that this function is right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, Message, TopicPartition

from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.contracts.tables import BATCH_METADATA, QUARANTINE, STAGING
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.kafka_arrow import arrow
from flight_assets.stores.kafka_records import KEPT_BYTES, Record
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.archiving import archived
from flight_assets_tests.factories import reference
from flight_assets_tests.flight_model import truth
from flight_assets_tests.integration.agreement import agrees, answers

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

AT_ONCE, LOOK_S, READ_S = 2_000, 0.5, 60.0
FLIGHTS_AT_ONCE = 500
SHOWN = 5
Position = tuple[int, int]
Event = dict[str, Any]
# Names in the model of what it reads of an event, by the column.
_OF_EVENT = {
    "event_id": "event_id", "flight_id": "flight_id", "event_type": "kind", "timestamp": "happened",
    "arrival_delay_minutes": "delay", "destination": "destination", "diverted_to": "diverted_to",
    "ingestion_timestamp": "took", "kafka_partition": "partition", "kafka_offset": "offset",
}  # fmt: skip


@dataclass
class Verdicts:
    """Verdicts on the messages: the reason of each rejected position, and the valid events."""

    messages: int = 0
    rejected: dict[Position, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


def judge(settings: Settings, house: Warehouse, starts: dict[int, int]) -> list[str]:
    """Return what is wrong with the stores, for the messages from these offsets on."""
    ledger = Ledger(Hdfs(settings))
    done = {step: ledger.last_done(step) for step in STEPS}
    problems = [] if len(set(done.values())) == 1 else [f"steps have stopped at different batches: {done}"]
    records = [record for record in ledger.records() if _is_after(record, starts)]
    verdicts = _verdicts(settings, starts)
    first: dict[str, Event] = {}
    for event in _in_order(records, verdicts.events):
        first.setdefault(event["event_id"], event)
    staged = list(first.values())
    return [
        *problems,
        *_of_counters(records, verdicts, house),
        *_of_positions(house, staged, verdicts, starts),
        *_of_flights(settings, house, staged),
    ]


def _is_after(record: BatchRecord, starts: dict[int, int]) -> bool:
    return any(span.first >= starts.get(int(number), 0) for number, span in record.offsets.items())


def _verdicts(settings: Settings, starts: dict[int, int]) -> Verdicts:
    found, checks = Verdicts(), Checks(reference(), settings.unknown_codes == "reject")
    for partition, records in _read(settings, starts):
        raw = arrow(records, settings.kafka_topic, partition)
        rows = check(raw.append_column("batch_id", pa.array([0] * len(records), pa.int64())), checks)
        found.messages += len(records)
        rejected = rows.filter(pc.is_valid(rows["reason"]))
        for partition_of, offset, reason in zip(
            *(rejected[name].to_pylist() for name in ("kafka_partition", "kafka_offset", "reason")),
            strict=True,
        ):
            found.rejected[partition_of, offset] = reason
        valid = rows.filter(pc.is_null(rows["reason"]))
        columns = [_python(valid[name]) for name in _OF_EVENT]
        found.events += [
            dict(zip(_OF_EVENT.values(), each, strict=True)) for each in zip(*columns, strict=True)
        ]
    return found


def _python(column: pa.Array) -> list[Any]:
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    return [each and each.replace(tzinfo=UTC) for each in column.cast(pa.timestamp("us")).to_pylist()]


def _read(settings: Settings, starts: dict[int, int]) -> Iterator[tuple[int, list[Record]]]:
    """Yield the committed messages of each partition in blocks."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "fuzz",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
        }
    )
    topic = settings.kafka_topic
    try:
        for number in consumer.list_topics(topic, timeout=READ_S).topics[topic].partitions:
            consumer.assign([TopicPartition(topic, number, starts.get(number, 0))])
            is_end, heard = False, time.monotonic()
            while not is_end:
                # It returns what came in that time, and waits for no more once it has so many.
                block = consumer.consume(AT_ONCE, LOOK_S)
                heard = time.monotonic() if block else heard
                if time.monotonic() - heard > READ_S:
                    raise TimeoutError(f"partition {number} gave nothing for {READ_S:.0f} s")
                is_end = any(each.error() for each in block)
                if records := [_record(each) for each in block if not each.error()]:
                    yield number, records
    finally:
        consumer.close()


def _record(message: Message) -> Record:
    """The message as landing keeps it: of what is too large, its beginning and the size of the whole."""
    key, value = message.key(), message.value()
    parts = [
        key or b"",
        *(part for name, each in message.headers() or () for part in (name.encode(), each or b"")),
    ]
    is_odd = len(parts[0]) > MAX_MESSAGE_BYTES or sum(map(len, parts[1:])) > MAX_MESSAGE_BYTES
    size = sum(map(len, parts)) if is_odd else None if value is None else len(value)
    return Record(message.offset(), message.timestamp()[1], key, value and value[:KEPT_BYTES], size, b"\0")


def _of_counters(records: list[BatchRecord], verdicts: Verdicts, house: Warehouse) -> Iterator[str]:
    """P1 in every batch, in total, and the rows of ``batch_metadata``."""
    for record in records:
        accounted = (record.staged or 0) + (record.duplicate or 0) + (record.quarantined or 0)
        if record.record_count != accounted:
            yield f"batch {record.batch_id} has {record.record_count} messages and accounts for {accounted}"
        if blocked := [result.name for result in record.checks if result.blocks]:
            yield f"batch {record.batch_id} is held up by {blocked}"
    total = sum(record.record_count for record in records)
    if total != verdicts.messages:
        yield f"the batches have {total} messages, the topic has {verdicts.messages}"
    reasons = sum((Counter(record.quarantined_by_reason) for record in records), Counter())
    if reasons != Counter(verdicts.rejected.values()):
        yield f"rejected by reason: {dict(reasons)}, expected {dict(Counter(verdicts.rejected.values()))}"
    rows = house.read(BATCH_METADATA).select("batch_id", "record").toArrow().to_pylist()
    texts = {row["batch_id"]: row["record"] for row in rows}
    if len(texts) != len(rows):
        yield "a batch has two rows in batch_metadata"
    different = [record.batch_id for record in records if texts.get(record.batch_id) != record.to_json()]
    if different:
        yield f"batches {different[:SHOWN]} differ between their JSON and their row"


def _of_positions(
    house: Warehouse, events: list[Event], verdicts: Verdicts, starts: dict[int, int]
) -> Iterator[str]:
    """Each message is in the one table that it must be in, once."""
    expected = {
        STAGING: {(each["partition"], each["offset"]): each["event_id"] for each in events},
        QUARANTINE: verdicts.rejected,
    }
    for table, column in ((STAGING, "event_id"), (QUARANTINE, "reason")):
        columns = ("kafka_partition", "kafka_offset", column)
        found = house.read(table).select(*columns).toArrow()
        rows = zip(*(found[name].to_pylist() for name in columns), strict=True)
        there = [((part, offset), what) for part, offset, what in rows if offset >= starts.get(part, 0)]
        if len({place for place, _ in there}) != len(there):
            yield f"{table.name} has {len(there) - len(dict(there))} positions twice"
        yield from _differences(table.name, dict(there), expected[table])


def _differences(what: str, found: dict[Any, Any], expected: dict[Any, Any]) -> Iterator[str]:
    wrong = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
    if wrong:
        shown = [(key, found.get(key), expected.get(key)) for key in sorted(wrong)[:SHOWN]]
        yield f"{what}: {len(wrong)} differ, e.g. (key, found, expected) {shown}"


def _in_order(records: list[BatchRecord], events: list[Event]) -> list[Event]:
    """The events in the order in which batches took them, each with its ``batch``."""
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for record in records:
        for number, span in record.offsets.items():
            spans.setdefault(int(number), []).append((span.first, span.last, record.batch_id))
    for event in events:
        event["batch"] = next(
            (
                batch
                for first, last, batch in spans.get(event["partition"], ())
                if first <= event["offset"] <= last
            ),
            -1,
        )
    return sorted(events, key=lambda each: (each["batch"], each["took"], each["partition"], each["offset"]))


def _of_flights(settings: Settings, house: Warehouse, staged: list[Event]) -> Iterator[str]:
    """P8: every store and the lookup of one flight say of each flight what the model says."""
    by_flight: dict[str, list[Event]] = {}
    for event in staged:
        by_flight.setdefault(event["flight_id"], []).append(event)
    names, wrong = sorted(by_flight), []
    cold = archived(house, names)
    for begin in range(0, len(names), FLIGHTS_AT_ONCE):
        some = names[begin : begin + FLIGHTS_AT_ONCE]
        found = answers(settings, house, some)
        for name in some:
            wanted = truth(by_flight[name])
            if not agrees(found[name], wanted, name in cold):
                wrong.append(f"{name}: {found[name]}, expected {wanted}")
    if wrong:
        yield f"{len(wrong)} of {len(names)} flights differ between the stores and the model: {wrong[:SHOWN]}"
