"""Send rejected messages to the topic again, each once.

The order of a replay:

1. Note the intent of each message in MongoDB. Its Kafka position and time are the key, so a second intent is
   refused.
2. Send the message with that key as a header.
3. Look up the headers in the topic, and note where each message went.

A crash between two steps leaves intents. The next replay looks them up in the topic, from its end at step 1.
A message that is found was sent; one that is not found was never sent, and its intent is deleted. The
processing lease allows one replay at a time. A replayed message is a new message of the topic, and the ledger
counts it like any other. If it ever comes twice, its event_id makes the second a duplicate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flight_assets.errors import FlightsError
from flight_assets.producer.events import Message
from flight_assets.producer.publish import publish
from flight_assets.stores import kafka, lease, mongo
from flight_assets.stores.dimensions import read_reference
from flight_assets.stores.mongo_expiry import REPLAYS
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

HEADER = "flights-replay-of"
LEASE_WAIT_S = 120.0
SENDING, SENT = "sending", "sent"


@dataclass(frozen=True)
class Rejected:
    """Row of ``quarantined_events``; ``ingestion_timestamp`` is RFC 3339, UTC."""

    topic: str
    kafka_partition: int
    kafka_offset: int
    ingestion_timestamp: str
    batch_id: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None

    @property
    def id(self) -> str:
        """Position in Kafka: topic-partition-offset."""
        return f"{self.topic}-{self.kafka_partition}-{self.kafka_offset}"

    @property
    def intent(self) -> str:
        """Name of its replay. A topic that was created again has the same positions at other times."""
        return f"{self.id}@{self.ingestion_timestamp}"


@dataclass(frozen=True)
class Replay:
    """Result of a replay: ids sent now, ids sent earlier, and (id, reason, detail) of those still invalid."""

    sent: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)


def replay(
    settings: Settings,
    warehouse: Warehouse,
    messages: Sequence[Rejected],
    repairs: Mapping[str, Any],
    dry_run: bool = False,
) -> Replay:
    """Send messages again that pass the checks now, or once repaired: ``replay_pages`` of one page."""
    (done,) = replay_pages(settings, warehouse, [messages], repairs, dry_run)
    return done


def replay_pages(
    settings: Settings,
    warehouse: Warehouse,
    pages: Iterable[Sequence[Rejected]],
    repairs: Mapping[str, Any],
    dry_run: bool = False,
) -> Iterator[Replay]:
    """Send messages again page by page: those that pass the checks now, or pass once repaired.

    Yields the result of each page. Each message is sent once, even after a crash. Batches wait meanwhile.

    Args:
        settings: addresses of the stores.
        warehouse: the warehouse, for the reference data.
        pages: the rejected messages; memory holds one page.
        repairs: corrected message (a JSON object) by id; it is sent instead.
        dry_run: send nothing, only return what would be sent.

    Raises:
        LeaseBusy: a run is still processing after LEASE_WAIT_S.
        LeaseLost: another run has taken over; call again to complete the replay.
        StoreUnavailable: MongoDB, Kafka or Spark does not answer; call again to complete the replay.
    """
    with lease.hold(settings, "a replay of rejected messages", LEASE_WAIT_S) as still_held:
        checks = Checks.of(warehouse.settings, read_reference(warehouse))
        settle(settings)
        for page in pages:
            still_held()
            yield _replay_page(settings, checks, page, repairs, dry_run)


def _replay_page(
    settings: Settings,
    checks: Checks,
    messages: Sequence[Rejected],
    repairs: Mapping[str, Any],
    dry_run: bool,
) -> Replay:
    done = replays(settings, messages)
    fresh = [
        _repaired(message, repairs.get(message.id)) for message in messages if message.intent not in done
    ]
    refused = _still_rejected(checks, fresh)
    sending = [message for message in fresh if message.intent not in refused]
    if sending and not dry_run:
        _note_intents(settings, sending, repairs)
        servers, topic = settings.kafka_bootstrap_servers, settings.kafka_topic
        result = publish(map(_message, sending), servers, topic, security=kafka.security_options(settings))
        settle(settings)
        if result.failed:
            raise FlightsError(f"{result.failed} messages are too large for the broker; the others were sent")
    return Replay(
        [message.id for message in sending],
        sorted(message.id for message in messages if message.intent in done),
        [(message.id, *refused[message.intent]) for message in fresh if message.intent in refused],
    )


def replays(settings: Settings, messages: Sequence[Rejected]) -> dict[str, dict[str, Any]]:
    """Return by ``intent`` the replays of these messages: state, at (UTC), to, repaired.

    ``to``: topic-partition-offset.
    """
    names = {message.id for message in messages} | {message.intent for message in messages}
    with mongo.database(settings) as db:
        found = {doc["_id"]: doc for doc in db[REPLAYS].find({"_id": {"$in": sorted(names)}})}
    return {
        message.intent: {
            "state": doc["state"],
            "at": doc["at"].isoformat(),
            "to": doc.get("to"),
            "repaired": doc["repaired"],
        }
        for message in messages
        if (doc := found.get(message.intent) or _of_older_version(found.get(message.id), message))
    }


def _of_older_version(doc: dict[str, Any] | None, message: Rejected) -> dict[str, Any] | None:
    """Return a replay that is named by the position alone, if it can be this message's."""
    is_later = doc and doc["at"].replace(tzinfo=UTC) >= datetime.fromisoformat(message.ingestion_timestamp)
    return doc if is_later else None


def settle(settings: Settings) -> None:
    """Look up the open intents in the topic. Those found become sent; the others are deleted."""
    with mongo.database(settings) as db:
        open_intents = list(db[REPLAYS].find({"state": SENDING}))
        if not open_intents:
            return
        # A partition that was added after the intents is read from its beginning.
        starts = {
            number: min(doc["ends"].get(str(number), 0) for doc in open_intents)
            for number in kafka.end_offsets(settings)
        }
        found = dict(kafka.headers_since(settings, starts, HEADER))
        for doc in open_intents:
            if doc["_id"] in found:
                db[REPLAYS].update_one(
                    {"_id": doc["_id"]},
                    {"$set": {"state": SENT, "to": found[doc["_id"]]}, "$unset": {"ends": ""}},
                )
            else:
                db[REPLAYS].delete_one({"_id": doc["_id"], "state": SENDING})


def _note_intents(settings: Settings, messages: Sequence[Rejected], repairs: Mapping[str, Any]) -> None:
    ends = {str(number): end for number, end in kafka.end_offsets(settings).items()}
    now = datetime.now(UTC)
    with mongo.database(settings) as db:
        db[REPLAYS].insert_many(
            [
                {
                    "_id": message.intent,
                    "state": SENDING,
                    "at": now,
                    "repaired": message.id in repairs,
                    "ends": ends,
                }
                for message in messages
            ]
        )


def _repaired(message: Rejected, repair: Any) -> Rejected:  # noqa: ANN401 - a JSON value
    """Return the message with its corrected content and key; unchanged without a repair."""
    if repair is None:
        return message
    key = repair.get("flight_id") if isinstance(repair, dict) else None
    value = json.dumps(repair, ensure_ascii=False, separators=(",", ":")).encode()
    return replace(message, value=value, key=str(key).encode() if key else message.key)


def _message(message: Rejected) -> Message:
    return Message(message.key, message.value or b"", 0, headers=((HEADER, message.intent.encode()),))


def _still_rejected(checks: Checks, messages: Sequence[Rejected]) -> dict[str, tuple[str, str]]:
    """Return reason and detail of each message that would be rejected again, by ``intent``."""
    if not messages:
        return {}
    columns = {
        "key": pa.array([each.key for each in messages], pa.binary()),
        "value": pa.array([each.value for each in messages], pa.binary()),
        "topic": pa.array([each.topic for each in messages], pa.string()),
        "kafka_partition": pa.array([0] * len(messages), pa.int32()),
        "kafka_offset": pa.array(range(len(messages)), pa.int64()),
        "ingestion_timestamp": pa.array([datetime.now(UTC)] * len(messages), pa.timestamp("us", "UTC")),
        "batch_id": pa.array([0] * len(messages), pa.int64()),
    }
    found = check(pa.table(columns), checks).select(["kafka_offset", "reason", "detail"]).to_pylist()
    return {
        messages[row["kafka_offset"]].intent: (row["reason"], row["detail"]) for row in found if row["reason"]
    }


def read_repairs(lines: Iterable[str]) -> dict[str, Any]:
    """Return corrected messages by id, from JSON Lines: one object with ``id`` and ``message`` per line.

    Empty lines are skipped.

    Raises:
        FlightsError: a line is no such object, or an id comes twice.
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            repair = json.loads(line)
            name, message = repair["id"], repair["message"]
        except (ValueError, KeyError, TypeError) as error:
            raise FlightsError(f'line {number} is not {{"id": …, "message": {{…}}}}: {error}') from error
        if name in found:
            raise FlightsError(f"line {number} repairs {name} a second time")
        found[name] = message
    return found
