"""Send a caller's messages to Kafka.

They are checked by the function of the pipeline, and acknowledged by every in-sync replica.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pyarrow as pa

from flight_assets import logs
from flight_assets.contracts.reference import load_reference
from flight_assets.errors import StoreUnavailable
from flight_assets.producer.publish import REMEDY, open_producer
from flight_assets.stores.dimensions import read_reference
from flight_assets.stores.kafka import security_options
from flight_assets.stores.warehouse import TableFiles
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafka import KafkaProducer

    from flight_assets.queries.clients import Clients
    from flight_assets.tenancy import Scope

Status = Literal["accepted", "repeated", "rejected"]
OTHER_TENANT = "other_tenant"
# A retry of an event that is remembered gets the first answer. The pipeline drops any other second copy.
REMEMBERED = 500_000
CHECKS_EVERY_S = 600.0
# While HDFS is down, it is asked again after this time.
RETRY_S = 10.0
ACKNOWLEDGED_WITHIN_S = 15.0
_log = logs.get_logger("api")


@dataclass(frozen=True)
class Verdict:
    """Answer to one message: its place in the topic, or the reason of its rejection."""

    status: Status
    event_id: str | None = None
    partition: int | None = None
    offset: int | None = None
    reason: str | None = None
    detail: str | None = None


Place = tuple[int, int]


class EventSender:
    """Producer of this process. It connects with the first messages, and again after a failure."""

    def __init__(self, clients: Clients, connect: Callable[[], KafkaProducer] | None = None) -> None:
        self._clients = clients
        self._connect = connect or self._open
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._checks: tuple[float, Checks] | None = None
        self._sent: OrderedDict[tuple[str, str], Place] = OrderedDict()

    def send(self, scope: Scope, messages: Sequence[bytes]) -> list[Verdict]:
        """Return a verdict for each message, in order, when all valid ones are acknowledged.

        Raises:
            StoreUnavailable: Kafka did not acknowledge them. Send all again:
                what has arrived is dropped as a duplicate.
        """
        verdicts, valid = self.judge(scope, messages)
        new = self._new(scope, valid)
        with self._lock:
            producer = self._producer = self._producer or self._connect()
        try:
            places = self._deliver(producer, messages, new)
        except Exception as error:
            self._forget(producer)
            address = self._clients.settings.kafka_bootstrap_servers
            raise StoreUnavailable("Kafka", address, f"{REMEDY} ({error})") from error
        first = set(new)
        for number, place in places.items():
            self._remember((scope.tenant, valid[number][0]), place)
        for number, (event_id, _) in valid.items():
            place = self._sent.get((scope.tenant, event_id)) or places[number]
            status: Status = "accepted" if number in first else "repeated"
            verdicts[number] = Verdict(status, event_id, *place)
        return [verdicts[number] for number in range(len(messages))]

    def _new(self, scope: Scope, valid: dict[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
        """Return the messages to send: the first of each event_id that is not remembered."""
        first: dict[str, int] = {}
        for number, (event_id, _) in valid.items():
            first.setdefault(event_id, number)
        return {
            number: valid[number]
            for event_id, number in first.items()
            if (scope.tenant, event_id) not in self._sent
        }

    def judge(
        self, scope: Scope, messages: Sequence[bytes]
    ) -> tuple[dict[int, Verdict], dict[int, tuple[str, str]]]:
        """Return the verdicts of rejected messages, and event_id and flight_id of valid ones, by position."""
        found = check(raw_table(messages), self.checks()).select(
            ["reason", "detail", "event_id", "flight_id", "airline"]
        )
        rejected, valid = {}, {}
        for number, row in enumerate(found.to_pylist()):
            if row["reason"]:
                event_id = _event_id(messages[number])
                rejected[number] = Verdict("rejected", event_id, reason=row["reason"], detail=row["detail"])
            elif not scope.allows(row["airline"]):
                detail = f"the airline {row['airline']} does not belong to the tenant {scope.tenant}"
                rejected[number] = Verdict("rejected", row["event_id"], reason=OTHER_TENANT, detail=detail)
            else:
                valid[number] = (row["event_id"], row["flight_id"])
        return rejected, valid

    def checks(self) -> Checks:
        """Return the reference data with a user's additions, or while HDFS is down that of the packages."""
        now = time.monotonic()
        if self._checks is None or now > self._checks[0]:
            settings = self._clients.settings
            try:
                self._clients.hdfs()
                reference, fresh_s = read_reference(TableFiles(settings)), CHECKS_EVERY_S
            except StoreUnavailable as error:
                _log.warning("reference data of the packages is used", problem=str(error))
                reference, fresh_s = load_reference(), RETRY_S
            self._checks = (now + fresh_s, Checks.of(settings, reference))
        return self._checks[1]

    def _deliver(
        self, producer: KafkaProducer, messages: Sequence[bytes], new: dict[int, tuple[str, str]]
    ) -> dict[int, Place]:
        """Return partition and offset of each message, once all in-sync replicas have it."""
        topic, deadline = self._clients.settings.kafka_topic, time.monotonic() + ACKNOWLEDGED_WITHIN_S
        futures = {
            number: producer.send(topic, key=flight_id.encode(), value=messages[number])
            for number, (_, flight_id) in new.items()
        }
        if futures:
            producer.flush(timeout=ACKNOWLEDGED_WITHIN_S)
        places = {}
        for number, future in futures.items():
            metadata = future.get(timeout=max(0.1, deadline - time.monotonic()))
            places[number] = (metadata.partition, metadata.offset)
        return places

    def _remember(self, event: tuple[str, str], place: Place) -> None:
        with self._lock:
            self._sent.setdefault(event, place)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)

    def _open(self) -> KafkaProducer:
        settings = self._clients.kafka()
        return open_producer(
            settings.kafka_bootstrap_servers,
            settings.kafka_topic,
            security_options(settings),
            ACKNOWLEDGED_WITHIN_S,
        )

    def _forget(self, producer: KafkaProducer) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        producer.close(timeout=0)

    def close(self) -> None:
        """Give the connection back."""
        if self._producer is not None:
            self._producer.close(timeout=1)


def raw_table(messages: Sequence[bytes]) -> pa.Table:
    """Return messages in the form in which ``check`` takes them, as if Kafka had taken them now."""
    count = len(messages)
    return pa.table(
        {
            "key": pa.nulls(count, pa.binary()),
            "value": pa.array(messages, pa.binary()),
            "topic": pa.array([""] * count),
            "kafka_partition": pa.array([0] * count, pa.int32()),
            "kafka_offset": pa.array(range(count), pa.int64()),
            "ingestion_timestamp": pa.array([datetime.now(UTC)] * count, pa.timestamp("us", "UTC")),
            "batch_id": pa.array([-1] * count, pa.int64()),
        }
    )


class _Named(msgspec.Struct):
    event_id: Any = None


def _event_id(message: bytes) -> str | None:
    """Return the event_id of a rejected message, if it has one that can be read."""
    try:
        found = msgspec.json.decode(message, type=_Named).event_id
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return found if isinstance(found, str) else None
