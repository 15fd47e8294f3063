"""Clients that know nothing of this project read the data.

Runs on what the pipeline's tests left, or sends a little first.
"""

from __future__ import annotations

import json
import urllib.request

import pytest

from flight_assets_tests.integration.conftest import flights_with_defects, run_command

pytestmark = pytest.mark.integration
TIMEOUT_S = 30


@pytest.fixture(scope="module", autouse=True)
def some_flights(send, process, count) -> dict[str, int]:
    send(flights_with_defects(seed=9, count=200))
    process()
    return count()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
        return reply.read()


def test_the_command_prints_the_counts(some_flights) -> None:
    assert json.loads(run_command("flights", "counts", "--json").stdout) == some_flights


def test_pymongo_reads_flights(platform, some_flights) -> None:
    from pymongo import MongoClient

    with MongoClient(platform.mongo_uri, serverSelectionTimeoutMS=5000) as client:
        flights = client["flight_tracking"]["flight_events"]
        assert flights.count_documents({}) == some_flights["mongo_documents"]
        found = flights.find_one({"prediction": {"$ne": None}})
        assert found["_id"] == found["flight_id"]
        assert {"timestamp", "flight_id", "ingestion_timestamp"} <= {
            key for index in flights.index_information().values() for key, _ in index["key"]
        }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyhive_reads_the_fact_table(platform, some_flights) -> None:
    from pyhive import hive

    host, port = platform.hiveserver2_address.split(":")
    connection = hive.connect(host=host, port=int(port), username="stranger", database="flight_dw")
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*), count(DISTINCT flight_id) FROM fact_flight_events")
        assert cursor.fetchall() == [(some_flights["fact_flights"], some_flights["fact_flights"])]
        cursor.execute("SHOW TABLES")
        names = {row[1] for row in cursor.fetchall()}
    finally:
        connection.close()
    assert {
        "staging_flight_events",
        "quarantined_events",
        "predictions",
        "fact_flight_events",
        "batch_metadata",
        "dim_airport",
    } <= names


def test_webhdfs_lists_and_reads_the_raw_files(platform, some_flights) -> None:
    listing = json.loads(get(f"{platform.hdfs_http_url}/webhdfs/v1/archive/flight_data?op=LISTSTATUS"))
    names = [entry["pathSuffix"] for entry in listing["FileStatuses"]["FileStatus"]]
    records = [
        json.loads(get(f"{platform.hdfs_http_url}/webhdfs/v1/metadata/batch_{batch_id:08d}.json?op=OPEN"))
        for batch_id in range(some_flights["batches"])
    ]
    assert {record["storage_location"].rsplit("/", 1)[-1] for record in records} <= set(names)
    files = json.loads(
        get(f"{platform.hdfs_http_url}/webhdfs/v1/archive/flight_data/{names[0]}?op=LISTSTATUS")
    )["FileStatuses"]["FileStatus"]
    part = next(entry["pathSuffix"] for entry in files if entry["pathSuffix"].startswith("part-"))
    content = get(f"{platform.hdfs_http_url}/webhdfs/v1/archive/flight_data/{names[0]}/{part}?op=OPEN")
    assert content[:4] == content[-4:] == b"PAR1"


def test_a_batchs_metadata_is_json_on_hdfs(platform, some_flights) -> None:
    record = json.loads(get(f"{platform.hdfs_http_url}/webhdfs/v1/metadata/batch_00000000.json?op=OPEN"))
    wanted = {
        "batch_id",
        "timestamp",
        "record_count",
        "file_size_mb",
        "archive_id",
        "schema",
        "storage_location",
        "offsets",
    }
    assert wanted <= set(record)


def test_another_kafka_client_reads_the_topic(platform, send, process) -> None:
    """Spark's own batch reader stands for the Java client.

    It reads what this test sends. It has no limit of its own, and other tests leave messages of 200 MB.
    """
    from flight_assets.stores import kafka
    from flight_assets.stores.warehouse import connect

    topic, before = platform.kafka_topic, kafka.end_offsets(platform)
    sent = flights_with_defects(seed=10, count=200)
    send(sent)
    read = (
        connect(platform)
        .read.format("kafka")
        .option("kafka.bootstrap.servers", platform.kafka_bootstrap_servers)
        .option("subscribe", topic)
        .option("startingOffsets", json.dumps({topic: {str(part): at for part, at in before.items()}}))
        .load()
    )
    rows = read.select("key", "value").collect()
    assert sorted((row.key, row.value) for row in rows) == sorted((each.key, each.value) for each in sent)
    process()


def test_the_dagster_page_serves_the_graph(platform) -> None:
    from flight_assets.platform.health import graphql

    assert b"<html" in get(platform.dagster_url)
    nodes = graphql(platform, "{ assetNodes { assetKey { path } } }")["assetNodes"]
    assert "hive_fact" in {node["assetKey"]["path"][0] for node in nodes}
