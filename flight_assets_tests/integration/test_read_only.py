"""Clients of HiveServer2 read everything and change nothing, unless they ask to."""

from __future__ import annotations

import pytest

from flight_assets.contracts import dimensions as sources
from flight_assets.contracts.tables import DIM_AIRLINE

pytestmark = pytest.mark.integration

WRITES = (
    "INSERT INTO dim_airline (code, name, version) VALUES ('ZZ', 'x', 'y')",
    "WITH a AS (SELECT 1) INSERT INTO dim_airline (code, name, version) SELECT 'ZZ', 'x', 'y' FROM a",
    "FROM dim_airline INSERT INTO dim_airline SELECT * INSERT INTO dim_airline SELECT *",
    "INSERT OVERWRITE DIRECTORY '/stranger' USING parquet SELECT 1",
    "DELETE FROM dim_airline",
    "UPDATE dim_airline SET name = 'x'",
    "MERGE INTO dim_airline t USING dim_airline s ON t.code = s.code WHEN MATCHED THEN DELETE",
    "CREATE TABLE stranger (a INT)",
    "CREATE TABLE stranger AS SELECT 1 AS a",
    "DROP TABLE dim_airline",
    "TRUNCATE TABLE dim_airline",
    "ALTER TABLE dim_airline ADD COLUMNS (x INT)",
    "OPTIMIZE dim_airline",
    "VACUUM dim_airline",
    "RESTORE TABLE dim_airline TO VERSION AS OF 0",
    "CREATE TABLE stranger SHALLOW CLONE dim_airline",
    "CREATE DATABASE stranger",
    "EXECUTE IMMEDIATE 'DROP TABLE dim_airline'",
    "BEGIN DROP TABLE dim_airline; END",
    "SELECT TRANSFORM(code) USING 'cat' AS (a) FROM dim_airline",
    "SET spark.flights.readOnly=false",
    "SELECT reflect('java.lang.System', 'setProperty', 'a', 'b')",
    "SELECT * FROM dim_airline WHERE name = (SELECT Java_Method('java.lang.System', 'lineSeparator'))",
    "WITH a AS (SELECT try_reflect('java.lang.System', 'lineSeparator')) SELECT * FROM a",
)
READS = (
    "SELECT count(*) FROM dim_airline",
    (
        "WITH a AS (SELECT code FROM dim_airline) SELECT count(*) FROM a WHERE code IN (SELECT code FROM"
        " dim_airline)"
    ),
    "SHOW TABLES",
    "DESCRIBE TABLE dim_airline",
    "DESCRIBE HISTORY dim_airline",
    "SHOW COLUMNS IN dim_airline",
    "EXPLAIN SELECT * FROM dim_airline",
    "SET spark.sql.shuffle.partitions=2",
    "USE flight_dw",
)


@pytest.fixture
def stranger(quiet_platform):
    """A function that opens a cursor of a client of HiveServer2, with settings of its own."""
    from pyhive import hive

    host, port = quiet_platform.hiveserver2_address.split(":")
    connections = []

    def connect(**configuration: str):
        connections.append(
            hive.connect(
                host,
                int(port),
                username="stranger",
                database="flight_dw",
                configuration=configuration or None,
            )
        )
        return connections[-1].cursor()

    yield connect
    for connection in connections:
        connection.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_of_hiveserver2_reads_everything_and_changes_nothing(stranger, house) -> None:
    from pyhive.exc import OperationalError

    cursor = stranger()
    before = house.spark.sql(f"DESCRIBE HISTORY {house.name(DIM_AIRLINE)}").count()
    for statement in READS:
        cursor.execute(statement)
    for statement in WRITES:
        with pytest.raises(OperationalError, match="this session is read-only"):
            cursor.execute(statement)
    assert house.spark.sql(f"DESCRIBE HISTORY {house.name(DIM_AIRLINE)}").count() == before
    cursor.execute("SELECT count(*) FROM dim_airline")
    assert cursor.fetchall() == [(len(sources.airline_rows()),)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_that_asks_to_write_may(stranger) -> None:
    cursor = stranger(**{"set:hiveconf:spark.flights.readOnly": "false"})
    cursor.execute("CREATE TABLE flight_dw.of_a_stranger (a INT) USING delta")
    cursor.execute("DROP TABLE flight_dw.of_a_stranger")
