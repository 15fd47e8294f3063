"""Read back what each store holds, each by a client that is not the platform's own."""

from __future__ import annotations

import io
import json
import urllib.request
from typing import Any

import pyarrow.parquet as pq

from flight_assets.settings import Settings
from flight_assets.stores import kafka
from flight_assets_tests import hive

CLIENT_TIMEOUT_S = 120
Position = tuple[int, int]


def read_topic(settings: Settings) -> tuple[dict[Position, bytes], dict[Position, int]]:
    """Every message of the topic by partition and offset, and when Kafka took it (ms since 1970)."""
    from kafka import KafkaConsumer, TopicPartition

    security = kafka.security_options(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        **security,
    )
    try:
        keys = [
            TopicPartition(settings.kafka_topic, number)
            for number in consumer.partitions_for_topic(settings.kafka_topic)
        ]
        consumer.assign(keys)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(keys)
        found: dict[Position, bytes] = {}
        arrivals: dict[Position, int] = {}
        while any(consumer.position(key) < ends[key] for key in keys):
            for messages in consumer.poll(timeout_ms=1_000).values():
                found |= {(message.partition, message.offset): message.value for message in messages}
                arrivals |= {(message.partition, message.offset): message.timestamp for message in messages}
        return found, arrivals
    finally:
        consumer.close()


def read_raw_files(settings: Settings, locations: set[str]) -> tuple[dict[Position, bytes], list[Position]]:
    """The messages of the raw directories, and the position of each row."""
    found: dict[Position, bytes] = {}
    positions: list[Position] = []
    for folder in sorted(location.removeprefix(settings.hdfs_url) for location in locations):
        for name in (name for name in _webhdfs_list(settings, folder) if name.endswith(".parquet")):
            table = pq.read_table(io.BytesIO(webhdfs(settings, f"{folder}/{name}")))
            rows = zip(
                *(table[column].to_pylist() for column in ("kafka_partition", "kafka_offset", "value")),
                strict=True,
            )
            for partition, offset, value in rows:
                found[partition, offset] = value
                positions.append((partition, offset))
    return found, positions


def webhdfs(settings: Settings, path: str, operation: str = "OPEN") -> bytes:
    address = f"{settings.hdfs_http_url}/webhdfs/v1{path}?op={operation}&user.name={settings.hdfs_user}"
    with urllib.request.urlopen(address, timeout=CLIENT_TIMEOUT_S) as answer:
        return answer.read()


def _webhdfs_list(settings: Settings, path: str) -> list[str]:
    statuses = json.loads(webhdfs(settings, path, "LISTSTATUS"))
    return [status["pathSuffix"] for status in statuses["FileStatuses"]["FileStatus"]]


def read_archived(cursor: Any) -> dict[str, tuple[str, str, int]]:
    """The newest archived state of each flight, as ``newest_states``; none before the first archive."""
    if "archived_flight_events" not in {row[1] for row in rows_of(cursor, "SHOW TABLES")}:
        return {}
    query = (
        "SELECT flight_id, event_id, event_type, cast(unix_micros(timestamp) AS string), kafka_offset FROM"
        " archived_flight_events"
    )
    rows = sorted(rows_of(cursor, query), key=lambda row: (int(row[3]), row[4]))
    return {flight: (event_id, kind, int(micros)) for flight, event_id, kind, micros, _ in rows}


def read_documents(settings: Settings) -> dict[str, tuple[str, str, int]]:
    """Event, type and time (µs) of each document, as ``newest_states``."""
    from pymongo import MongoClient

    with MongoClient(settings.mongo_uri, serverSelectionTimeoutMS=30_000) as client:
        documents = client[settings.mongo_database]["flight_events"].find(
            {}, {"event_id": 1, "event_type": 1, "version": 1}
        )
        return {
            doc["_id"]: (doc["event_id"], doc["event_type"], doc["version"]["timestamp_us"])
            for doc in documents
        }


class warehouse_cursor:  # noqa: N801 - reads as a function
    def __init__(self, settings: Settings) -> None:
        self._connection = hive.connect(settings, "pipeline" if settings.secured else "faults")

    def __enter__(self) -> Any:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def rows_of(cursor: Any, query: str) -> list[tuple]:
    cursor.execute(query)
    return cursor.fetchall()
