"""Stores of the dashboard tests' own, with known flights: a warehouse database and a MongoDB database that no
other test counts.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import pytest

from flight_assets.bench.warehouse_flights import (
    DAYS,
    FLIGHTS,
    create_predictions,
    create_rollups,
    documents,
    fact_rows,
)
from flight_assets.bench.web import free_port
from flight_assets.settings import Settings

PAGES = ("overview", "streaming", "history", "prediction", "quality")
APP_DIR = Path(__file__).resolve().parent.parent.parent / "dashboard"
CLOSED_PORT = 1
COUNTS = "record_count, staged, duplicate, quarantined, predicted, upserted, merged"


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.05)


def forget_answers(settings: Settings) -> None:
    """Drop every cached answer: the test has changed a store behind the pipeline's back."""
    from flight_assets.queries.cache import PREFIX
    from flight_assets.stores import redis

    client = redis.connect(settings)
    for key in list(client.scan_iter(f"{PREFIX}*")):
        client.delete(key)
    client.close()


def with_stores(settings: Settings, name: str) -> Settings:
    """The platform's settings with a warehouse database and a MongoDB database of that name."""
    return settings.model_copy(update={"warehouse_database": name, "mongo_database": name})


@pytest.fixture
def closed_settings() -> Settings:
    """Settings of a platform where nothing listens."""
    closed = f"127.0.0.1:{CLOSED_PORT}"
    return Settings(
        kafka_bootstrap_servers=closed, hdfs_url=f"hdfs://{closed}", spark_remote=f"sc://{closed}", mongo_uri=f"mongodb://{closed}",
        redis_url=f"redis://{closed}/0", timeout_s=1.0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory) -> Iterator[int]:
    """The port of a Redis of the tests' own, started without the platform."""
    from flight_assets.platform.services import programs

    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    server = programs.redis_server(Settings(secured=False)).path
    process = subprocess.Popen(
        [str(server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""],
        stdout=-3,
    )
    wait_until_listening(port)
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="package")  # gone before other tests restart Spark, whose session they share
def empty_settings(platform) -> Iterator[Settings]:
    """Settings of stores that hold nothing yet."""
    yield from _stores(platform, "dashboard_empty")


@pytest.fixture(scope="package")
def full_settings(platform) -> Iterator[Settings]:
    """Settings of stores with FLIGHTS known flights of June 2026 and three batches."""
    yield from _stores(platform, "dashboard_full", is_full=True)


def _stores(platform: Settings, name: str, is_full: bool = False) -> Iterator[Settings]:
    from pymongo import MongoClient

    from flight_assets.contracts.tables import FACT
    from flight_assets.stores import mongo
    from flight_assets.stores.warehouse import Warehouse, connect

    settings = with_stores(platform, name)
    house = Warehouse(connect(platform), name)
    house.spark.sql(f"DROP DATABASE IF EXISTS {name} CASCADE").collect()
    house.create_tables()
    mongo.ensure_collection(settings)
    if is_full:
        house.spark.sql(fact_rows(FLIGHTS, DAYS)).select(*FACT.column_names).write.format("delta").mode(
            "append"
        ).saveAsTable(house.name(FACT))
        _fill_metadata(house)
        with mongo.database(settings) as db:
            db[mongo.FLIGHTS].delete_many({})
            db[mongo.FLIGHTS].insert_many(documents(house))
            db.client.admin.command("fsync")  # the sizes that MongoDB states are those of its last checkpoint
    create_rollups(house)
    yield settings
    house.spark.sql(f"DROP DATABASE IF EXISTS {name} CASCADE").collect()
    with MongoClient(settings.mongo_uri) as client:
        client.drop_database(name)


def _fill_metadata(house) -> None:
    """Three batches of 410 messages: 400 staged, 4 duplicate, 6 quarantined, 2 of them broken JSON and 4 of
    an unknown airport.

    The flights' predictions are those of the fact table, by a model that is in no registry.
    """
    db = house.database
    house.spark.sql(
        f"INSERT INTO {db}.batch_metadata (batch_id, timestamp, {COUNTS}, file_size_mb, storage_location,"
        " record) SELECT id, TIMESTAMP'2026-06-30 12:00:00' + make_dt_interval(0, 0, CAST(id AS INT)), 410,"
        " 400, 4, 6, 400, 400, 400, 0.1D, concat('/archive/flight_data/', id), '{}' FROM range(3)"
    ).collect()
    house.spark.sql(
        f"INSERT INTO {db}.quarantined_events SELECT IF(id % 3 = 0, 'not_json', 'unknown_airport'),"
        " concat('detail ', id), NULL, encode(concat('message ', id), 'utf-8'), 'flight_events', 0, id,"
        " TIMESTAMP'2026-06-30 12:00:00', id DIV 6, DATE'2026-06-30' FROM range(18)"
    ).collect()
    create_predictions(house)
    house.spark.sql(
        f"INSERT INTO {db}.schema_metadata (schema_version, field, type, unit, required, description) VALUES"
        " (1, 'flight_id', 'string', '', true, 'the flight'), (1, 'tail_number', 'string', '', false, 'the"
        " aircraft')"
    ).collect()
