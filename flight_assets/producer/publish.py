"""Send messages to Kafka: each acknowledged by all in-sync replicas, counted, in bounded memory."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RetriableError,
)

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.producer.events import Message
from flight_assets.producer.pace import at_rate

REMEDY = (
    "start the platform with `flights up`, or set FLIGHTS_KAFKA_BOOTSTRAP_SERVERS to the address of a running"
    " broker."
)

# Most messages sent and not yet acknowledged: 16 MB of ordinary ones. The client has no limit of its own.
MAX_UNACKNOWLEDGED = 20_000
CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 15.0
DELIVERY_TIMEOUT_S = 30.0
PROGRESS_EVERY_S = 0.2

# Errors of one message only. Every other error ends the sending.
_ONE_MESSAGE = (MessageSizeTooLargeError, RecordListTooLargeError)


@dataclass(frozen=True)
class PublishResult:
    """Counts of messages: sent = acknowledged + failed.

    ``failed``: too large for the broker. ``by_defect``: sent messages by the name of their defect.
    """

    sent: int
    acknowledged: int
    failed: int
    seconds: float
    by_defect: dict[str, int]
    interrupted: bool = False


def publish(
    messages: Iterable[Message],
    bootstrap_servers: str,
    topic: str,
    rate_per_s: float = 0.0,
    on_progress: Callable[[int, int], None] | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    security: Mapping[str, Any] | None = None,
) -> PublishResult:
    """Send all messages, at most ``rate_per_s`` (0 = no limit), and wait for each acknowledgement.

    The producer is idempotent: a retry never makes a second copy, and messages of one key stay in order.
    Ctrl-C (KeyboardInterrupt) ends the sending. Sent messages are still awaited and counted, and the result
    has ``interrupted`` set.

    Args:
        messages: what to send.
        bootstrap_servers: addresses of the brokers.
        topic: an existing topic.
        rate_per_s: most messages per second.
        on_progress: gets (acknowledged, sent) at most five times a second, and at the end.
        connect_timeout_s: time for a broker to answer.
        delivery_timeout_s: time for an acknowledgement.
        security: kafka-python's options for encryption and login.

    Raises:
        StoreUnavailable: no broker answers within connect_timeout_s, or one stops acknowledging for
            delivery_timeout_s.
        FlightsError: the topic does not exist.
        ValueError: rate_per_s is negative.
    """
    producer = open_producer(bootstrap_servers, topic, security, delivery_timeout_s, connect_timeout_s)
    try:
        delivery = _Delivery(
            producer, topic, bootstrap_servers, delivery_timeout_s, on_progress or _no_progress
        )
        return delivery.run(at_rate(messages, rate_per_s))
    finally:
        _close(producer)


def open_producer(
    bootstrap_servers: str,
    topic: str,
    security: Mapping[str, Any] | None = None,
    delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> KafkaProducer:
    """Return an idempotent producer for a process that sends now and then.

    Arguments and errors are those of ``publish``.
    """
    producer = _connect(bootstrap_servers, connect_timeout_s, delivery_timeout_s, security or {})
    try:
        _require_topic(producer, bootstrap_servers, topic)
    except FlightsError:
        _close(producer)
        raise
    return producer


def _close(producer: KafkaProducer) -> None:
    """Close a producer. This times out only if a broker is silent, which is reported already."""
    with suppress(KafkaTimeoutError):
        producer.close(timeout=1)


def _require_reachable(bootstrap_servers: str, timeout_s: float) -> None:
    """Raise at once if nothing listens. The client would retry until its timeout, and leave sockets open."""
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=timeout_s):
            return
    raise StoreUnavailable("Kafka", bootstrap_servers, REMEDY)


def _connect(
    bootstrap_servers: str, connect_timeout_s: float, delivery_timeout_s: float, security: Mapping[str, Any]
) -> KafkaProducer:
    _require_reachable(bootstrap_servers, connect_timeout_s)
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap_servers.split(","),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            compression_type="lz4",
            linger_ms=20,
            batch_size=262_144,
            bootstrap_timeout_ms=int(connect_timeout_s * 1_000),
            max_block_ms=int(connect_timeout_s * 1_000),
            request_timeout_ms=int(min(REQUEST_TIMEOUT_S, delivery_timeout_s / 2) * 1_000),
            delivery_timeout_ms=int(delivery_timeout_s * 1_000),
            **security,
        )
    except RetriableError as error:
        raise StoreUnavailable("Kafka", bootstrap_servers, REMEDY) from error


def _require_topic(producer: KafkaProducer, bootstrap_servers: str, topic: str) -> None:
    """Raise if the topic does not exist.

    An automatic one would lack the retention and timestamps for replays.
    """
    try:
        producer.partitions_for(topic)
    except KafkaError as error:
        raise FlightsError(
            f"Kafka at {bootstrap_servers} has no topic {topic}: `flights up` creates it."
        ) from error


def _no_progress(acknowledged: int, sent: int) -> None:
    """Report nothing."""


@dataclass
class _Delivery:
    """One run of sending. Callbacks run in the client's thread, everything else in the caller's."""

    producer: KafkaProducer
    topic: str
    address: str
    timeout_s: float
    on_progress: Callable[[int, int], None]
    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    by_defect: Counter[str] = field(default_factory=Counter)
    error: Exception | None = None
    reported_at: float = 0.0
    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_UNACKNOWLEDGED))

    def run(self, messages: Iterable[Message]) -> PublishResult:
        """Send all messages, and wait for the acknowledgements."""
        started = time.monotonic()
        interrupted = self._send_all(messages)
        self._await_acknowledgements()
        self.on_progress(self.acknowledged, self.sent)
        seconds = time.monotonic() - started
        return PublishResult(
            self.sent, self.acknowledged, self.failed, seconds, dict(self.by_defect), interrupted
        )

    def _send_all(self, messages: Iterable[Message]) -> bool:
        """Send all messages. Returns whether the user interrupted it."""
        try:
            for message in messages:
                self._send(message)
                self._report()
        except KeyboardInterrupt:
            return True
        return False

    def _send(self, message: Message) -> None:
        # The client gives up a message after timeout_s, which frees a place. After twice that, the client
        # itself is stuck.
        if not self.free.acquire(timeout=2 * self.timeout_s) or self.error:
            raise self._unavailable()
        self.sent += 1
        if message.defect:
            self.by_defect[message.defect] += 1
        try:
            future = self.producer.send(
                self.topic, key=message.key, value=message.value, headers=list(message.headers)
            )
        except KafkaError as error:
            self._on_failed(error)
        else:
            future.add_callback(self._on_acknowledged).add_errback(self._on_failed)

    def _await_acknowledgements(self) -> None:
        """Wait until every message is acknowledged or failed; raise if that does not happen."""
        with suppress(KafkaTimeoutError):
            self.producer.flush(timeout=2 * self.timeout_s)
        if self.error or self.acknowledged + self.failed < self.sent:
            raise self._unavailable()

    def _on_acknowledged(self, metadata: object) -> None:
        self.acknowledged += 1
        self.free.release()

    def _on_failed(self, error: Exception) -> None:
        self.failed += 1
        if not isinstance(error, _ONE_MESSAGE):
            self.error = error
        self.free.release()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self.reported_at >= PROGRESS_EVERY_S:
            self.reported_at = now
            self.on_progress(self.acknowledged, self.sent)

    def _unavailable(self) -> StoreUnavailable:
        remedy = (
            f"it acknowledged {self.acknowledged:,} of {self.sent:,} messages and then no more. Check it with"
            " `flights doctor`."
        )
        return StoreUnavailable("Kafka", self.address, remedy)
