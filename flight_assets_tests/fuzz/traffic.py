"""Traffic of several producers: every codec, odd keys and headers, transactions, compressed bombs."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, Producer

from flight_assets_tests.fuzz.content import Value, values

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets_tests.fuzz.events import Event, Pool

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# The most that a client takes; the broker refuses a packed batch of more than a megabyte.
LARGEST_MESSAGE = 64 << 20
BURST, OF_A_TRANSACTION = 1_000, 60
TRANSACTION_SHARE, ABORT_SHARE, BOMB_SHARE = 0.3, 0.4, 0.03
DELIVERY_S, TRANSACTION_S = 600, 60
UNSENT_AT_MOST = 50_000
HEADER = "flights-fuzz"
Headers = list[tuple[str, bytes | None]]


class Traffic:
    """Producers of fuzzed messages. The content is the same for the same seed and pool.

    ``sent`` counts messages by kind, ``packed`` by codec.
    """

    def __init__(self, settings: Settings, seed: int, pool: Pool, partitions: int) -> None:
        self._settings, self._partitions = settings, partitions
        self._chance = random.Random(f"traffic {seed}")  # noqa: S311 - a seed, no secret
        self._values = values(seed, pool)
        self._producers = {codec: self._producer(codec) for codec in CODECS}
        self._transactions = 0
        self.most = math.inf
        self.sent: Counter[str] = Counter()
        self.packed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def _producer(self, codec: str, **options: Any) -> Producer:
        common = {
            "bootstrap.servers": self._settings.kafka_bootstrap_servers,
            "compression.type": codec,
            "linger.ms": 20,
            "message.max.bytes": LARGEST_MESSAGE,
            "batch.size": 500_000,
            "log_level": 0,
        }
        return Producer(common | (options or {"message.timeout.ms": DELIVERY_S * 1000}))

    def run(self, stop: threading.Event, may_send: threading.Event) -> None:
        """Send about ``most`` messages until ``stop`` is set; then wait for what is under way."""
        while not stop.is_set():
            if self.sent.total() >= self.most or not may_send.is_set():
                self._serve()
                stop.wait(0.2)
                continue
            self.burst(BURST)
            if self._chance.random() < TRANSACTION_SHARE:
                self.transaction(OF_A_TRANSACTION)
            if self._chance.random() < BOMB_SHARE:
                self._bomb()
        self.close()

    def burst(self, count: int) -> None:
        """Send messages by the producers of all codecs, in turns of random length."""
        while count > 0:
            codec, turn = self._chance.choice(CODECS), self._chance.randint(1, 200)
            for _ in range(min(turn, count)):
                self._send(self._producers[codec], codec, *self._next())
            count -= turn
        while sum(map(len, self._producers.values())) > UNSENT_AT_MOST:
            self._serve()
            time.sleep(0.1)

    def transaction(self, count: int) -> None:
        """Send messages in a transaction that is committed or aborted. Others write between its messages."""
        codec, self._transactions = self._chance.choice(CODECS), self._transactions + 1
        producer = self._producer(
            codec,
            **{
                "transactional.id": f"fuzz-{id(self)}-{self._transactions}",
                "transaction.timeout.ms": TRANSACTION_S * 1000,
            },
        )
        is_aborted = self._chance.random() < ABORT_SHARE
        try:
            producer.init_transactions(TRANSACTION_S)
            producer.begin_transaction()
            for _ in range(count):
                self._send(producer, codec, *self._next(), of_transaction=True)
                if self._chance.random() < 0.1:
                    self._send(self._producers[codec], codec, *self._next())
            producer.flush(TRANSACTION_S)
            (producer.abort_transaction if is_aborted else producer.commit_transaction)(TRANSACTION_S)
            self.ended["aborted" if is_aborted else "committed"] += 1
        except KafkaException as error:  # a broker that was killed; the coordinator ends the transaction
            self.ended[f"broken off: {error.args[0].name()}"] += 1
        producer.purge()

    def _bomb(self) -> None:
        """A message that is small on the wire and large unpacked: as value, key or header."""
        size = self._chance.choice((1, 5, 20)) << 20
        large, small = b" " * size, b"{}"
        self._send(self._producers["zstd"], "zstd", "bomb", b"bomb", large, [])
        self._send(self._producers["gzip"], "gzip", "large key", large[: 5 << 20], small, [])
        self._send(
            self._producers["lz4"], "lz4", "large headers", b"k", small, [(HEADER, large[: 1 << 20])] * 3
        )

    def _next(self) -> tuple[str, bytes | None, Value, Headers]:
        kind, event, value = next(self._values)
        return kind, self._key(event), value, self._headers()

    def _key(self, event: Event) -> bytes | None:
        odd = (None, b"", b"\xff\xfe", self._chance.randbytes(8), b"k" * 300)
        return event["flight_id"].encode() if self._chance.random() < 0.8 else self._chance.choice(odd)

    def _headers(self) -> Headers:
        if self._chance.random() < 0.8:
            return []
        contents: tuple[bytes | None, ...] = (None, b"", b"\xff\x80", b"=1+1", b"x" * 2_000)
        return [
            (self._chance.choice((HEADER, "", "é", "flights-replay-of")), each)
            for each in self._chance.sample(contents, 2)
        ]

    def _send(
        self,
        producer: Producer,
        codec: str,
        kind: str,
        key: bytes | None,
        value: Value,
        headers: Headers,
        of_transaction: bool = False,
    ) -> None:
        where = self._chance.randrange(self._partitions)
        while True:
            try:
                producer.produce(
                    self._settings.kafka_topic,
                    value=value,
                    key=key,
                    headers=headers,
                    partition=where,
                    on_delivery=None if of_transaction else self._on_delivery,
                )
                break
            except BufferError:
                producer.poll(0.5)
        self.sent[kind] += 1
        self.packed[codec] += 1

    def _on_delivery(self, error: Any, _message: Any) -> None:
        if error is not None:
            self.refused[error.name()] += 1

    def _serve(self) -> None:
        for producer in self._producers.values():
            producer.poll(0)

    def close(self) -> None:
        """Wait until every message is acknowledged or refused."""
        for codec, producer in self._producers.items():
            if left := producer.flush(DELIVERY_S):
                self.refused[f"neither sent nor refused by {codec}"] += left
