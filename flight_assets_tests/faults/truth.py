"""Compare what every store must hold, by the topic's bytes, with what it holds.

Stores are read by clients that the pipeline does not use.
Kafka by a consumer of its own, the raw Parquet files by PyArrow over WebHDFS, the tables by pyhive over
HiveServer2, documents by pymongo.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flight_assets.producer.events import Message
from flight_assets.provenance import METADATA_ROOT
from flight_assets.settings import Settings
from flight_assets.stores.kafka_records import KEPT_BYTES
from flight_assets_tests.faults.reading import (
    Position,
    read_archived,
    read_documents,
    read_raw_files,
    read_topic,
    rows_of,
    warehouse_cursor,
    webhdfs,
)


@dataclass
class Sent:
    """Acknowledged messages of the test, and the defect that each has on purpose, by its bytes."""

    acknowledged: Counter[bytes] = field(default_factory=Counter)
    defects: dict[bytes, str | None] = field(default_factory=dict)

    def add(self, messages: Iterable[Message]) -> None:
        """Note messages that Kafka has acknowledged."""
        for message in messages:
            self.acknowledged[message.value] += 1
            self.defects[message.value] = message.defect


@dataclass(frozen=True)
class Findings:
    """``problems`` are sentences, none if every promise holds.

    Lost and doubled count messages and rows over all stores.
    """

    sent: int
    lost: int
    doubled: int
    problems: list[str]


def verify(settings: Settings, sent: Sent) -> Findings:
    """Compare every store with the topic, message by message (P1, P2), state by state (P4) and batch by
    batch.
    """
    judge = _Judge()
    topic, arrivals = read_topic(settings)
    judge.same(
        "Kafka holds what was acknowledged", sent.acknowledged & Counter(topic.values()), sent.acknowledged
    )
    with warehouse_cursor(settings) as cursor:
        staged = rows_of(cursor, "SELECT event_id, kafka_partition, kafka_offset FROM staging_flight_events")
        rejected = rows_of(cursor, "SELECT kafka_partition, kafka_offset, reason FROM quarantined_events")
        fact = rows_of(
            cursor,
            "SELECT flight_id, event_id, event_type, cast(unix_micros(timestamp) AS string) FROM"
            " fact_flight_events",
        )
        predicted = rows_of(cursor, "SELECT flight_id, prediction_id FROM predictions")
        recorded = rows_of(cursor, "SELECT batch_id, record FROM batch_metadata")
        archived = read_archived(cursor)
    raw, raw_rows = read_raw_files(settings, {json.loads(row[1])["storage_location"] for row in recorded})
    judge.equal(
        "raw messages by position and bytes",
        raw,
        {place: value[:KEPT_BYTES] for place, value in topic.items()},
    )
    judge.unique("raw message", raw_rows)
    judge.unique("staged event_id", (row[0] for row in staged))
    judge.unique("rejected position", ((row[0], row[1]) for row in rejected))
    judge.unique("flight of the fact table", (row[0] for row in fact))
    judge.unique("predicted flight", (row[0] for row in predicted))
    judge.unique("recorded batch", (row[0] for row in recorded))
    _check_verdicts(judge, topic, sent, staged, rejected)

    newest = newest_states(topic, {(row[1], row[2]) for row in staged})
    judge.equal(
        "flights of the fact table",
        {row[0]: tuple(row[1:]) for row in fact},
        {k: (*v[:2], str(v[2])) for k, v in newest.items()},
    )
    hot = read_documents(settings)
    judge.unique("state that is hot and archived", [*hot.items(), *archived.items()])
    judge.equal("flights in MongoDB or an archive", archived | hot, newest)
    judge.equal(
        "predicted flights",
        dict(predicted),
        announced_flights(topic, arrivals, {(row[1], row[2]) for row in staged}),
    )
    _check_records(judge, settings, recorded, len(topic))
    return Findings(sum(sent.acknowledged.values()), judge.lost, judge.doubled, judge.problems)


class _Judge:
    def __init__(self) -> None:
        self.lost = self.doubled = 0
        self.problems: list[str] = []

    def equal(self, what: str, found: dict[Any, Any], expected: dict[Any, Any]) -> None:
        missing, surplus = expected.keys() - found.keys(), found.keys() - expected.keys()
        other = [key for key in expected.keys() & found.keys() if expected[key] != found[key]]
        self.lost += len(missing)
        self.doubled += len(surplus)
        for word, keys in (("missing", missing), ("too many", surplus), ("other", other)):
            if keys:
                first = min(keys, key=str)
                self.problems.append(
                    f"{what}: {len(keys)} {word}, e.g. {first}: {found.get(first)}, expected"
                    f" {expected.get(first)}"
                )

    def same(self, what: str, found: Counter[bytes], expected: Counter[bytes]) -> None:
        missing = (expected - found).total()
        self.lost += missing
        if missing:
            self.problems.append(f"{what}: {missing} missing")

    def unique(self, what: str, keys: Iterable[Any]) -> None:
        repeated = {key: count for key, count in Counter(keys).items() if count > 1}
        self.doubled += sum(repeated.values()) - len(repeated)
        if repeated:
            self.problems.append(
                f"{what} more than once: {len(repeated)}, e.g. {next(iter(repeated.items()))}"
            )


def _check_verdicts(
    judge: _Judge, topic: dict[Position, bytes], sent: Sent, staged: list[tuple], rejected: list[tuple]
) -> None:
    """Each message is staged, rejected for the reason it was made for, or a copy of one that is staged."""
    from flight_assets.contracts.message import Reason

    reasons = {reason.value for reason in Reason}
    staged_at = {(row[1], row[2]): row[0] for row in staged}
    rejected_at = {(row[0], row[1]): row[2] for row in rejected}
    for position in staged_at.keys() & rejected_at.keys():
        judge.doubled += 1
        judge.problems.append(f"{position} is both staged and rejected")
    made_bad = {
        position: defect
        for position, value in topic.items()
        if value in sent.defects and (defect := sent.defects[value]) in reasons and defect is not None
    }
    ours = {
        position: reason for position, reason in rejected_at.items() if topic.get(position) in sent.defects
    }
    judge.equal("rejected messages with their reasons", ours, made_bad)
    staged_ids = set(staged_at.values())
    for position in topic.keys() - staged_at.keys() - rejected_at.keys():
        if _event_id(topic[position]) not in staged_ids:
            judge.lost += 1
            judge.problems.append(
                f"{position} is neither staged nor rejected nor a copy: {topic[position][:100]!r}"
            )


def _check_records(judge: _Judge, settings: Settings, recorded: list[tuple], messages: int) -> None:
    """P1 per batch and in total; the JSON on HDFS and the row are the same record."""
    total = 0
    for batch_id, text in recorded:
        record = json.loads(text)
        accounted = record["staged"] + record["duplicate"] + record["quarantined"]
        total += record["record_count"]
        if record["record_count"] != accounted:
            judge.problems.append(
                f"batch {batch_id}: {record['record_count']} messages, {accounted} accounted for"
            )
        kept = json.loads(webhdfs(settings, f"{METADATA_ROOT}/batch_{batch_id:08d}.json"))
        if kept != record:
            names = sorted(name for name in {*kept, *record} if kept.get(name) != record.get(name))
            both = {name: (kept.get(name), record.get(name)) for name in names}
            judge.problems.append(f"batch {batch_id}: its JSON differs from its row: {both}")
    if total != messages:
        judge.problems.append(f"the records count {total} messages, the topic has {messages}")
    if sorted(row[0] for row in recorded) != list(range(len(recorded))):
        judge.problems.append("the batches' numbers have gaps")


def newest_states(topic: dict[Position, bytes], staged: set[Position]) -> dict[str, tuple[str, str, int]]:
    """Per flight: event_id, event_type and time (µs since 1970) of its newest staged event by (timestamp,
    offset): P4.
    """
    found: dict[str, tuple[tuple[int, int], tuple[str, str, int]]] = {}
    for partition, offset in staged:
        event = json.loads(topic[partition, offset])
        micros = _micros(event["timestamp"])
        state = ((micros, offset), (event["event_id"], event["event_type"], micros))
        found[event["flight_id"]] = max(found.get(event["flight_id"], state), state)
    return {flight: state for flight, (_, state) in found.items()}


def announced_flights(
    topic: dict[Position, bytes], arrivals: dict[Position, int], staged: set[Position]
) -> dict[str, str]:
    """Per flight that Kafka first heard of by its scheduled event: that event's id, which is the
    prediction's.
    """
    first: dict[str, tuple[tuple[int, Position], str, str]] = {}
    for position in staged:
        event = json.loads(topic[position])
        heard = ((arrivals[position], position), event["event_type"], event["event_id"])
        first[event["flight_id"]] = min(first.get(event["flight_id"], heard), heard)
    return {flight: event_id for flight, (_, kind, event_id) in first.items() if kind == "scheduled"}


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime(1970, 1, 1, tzinfo=UTC)
    return (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds


def _event_id(value: bytes) -> str | None:
    try:
        return json.loads(value).get("event_id")
    except (ValueError, AttributeError):
        return None
