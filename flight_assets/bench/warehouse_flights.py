"""Flights that can be counted by hand: every column follows from the flight's number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.tables import WEATHER_TYPE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from flight_assets.contracts.tables import Table
    from flight_assets.stores.warehouse import Warehouse

FLIGHTS = 1_200
DAYS = 30


def rows_of(table: Table, rows: DataFrame) -> DataFrame:
    """Return rows with the columns of a table, null where they do not have one."""
    lacking = [
        f"CAST(NULL AS {column.type}) AS {column.name}"
        for column in table.columns
        if column.name not in rows.columns
    ]
    return rows.selectExpr("*", *lacking).select(*table.column_names)


def fact_rows(flights: int, days: int, first: int = 0, from_day: str = "2026-06-01") -> str:
    """Return the SELECT of flights from number ``first``: flight i is on day i % ``days`` after ``from_day``.

    All else follows from i.
    """
    return f"""
    SELECT event_id, event_type, timestamp, flight_id, flight_date, airline, flight_number, tail_number,
    origin, destination, route,
      scheduled_departure, scheduled_departure + INTERVAL 2 HOURS AS scheduled_arrival,
      500D + i % 100 AS distance_miles,
      departure_delay_minutes, arrival_delay_minutes,
      CAST(NULL AS {WEATHER_TYPE}) AS weather, 6 AS month, weekday(flight_date) + 1 AS day_of_week, hour,
      weekday(flight_date) >= 5 AS is_weekend, 0.5D AS quality_score, CAST(NULL AS STRING) AS gate,
      CAST(NULL AS STRING) AS flight_suffix, CAST(NULL AS STRING) AS diverted_to,
      CAST(NULL AS STRING) AS source, false AS low_quality,
      CAST(NULL AS {WEATHER_TYPE}) AS destination_weather,
      10D AS predicted_delay_minutes,
      11D AS predicted_mean_delay_minutes, -10D AS interval_low_minutes, 30D AS interval_high_minutes,
      0.2D AS probability_delayed_15,
      0.5D + (i % 10) / 100D AS confidence, 'test-1' AS model_version,
      'model' AS maker, 'in_domain' AS domain_mark, CAST(NULL AS STRING) AS domain_reasons,
      arrival_delay_minutes AS actual_delay_minutes,
      arrival_delay_minutes - 10D AS error_minutes, 0 AS kafka_partition, i AS kafka_offset,
      timestamp AS ingestion_timestamp,
      i DIV 400 AS batch_id, CAST(timestamp AS DATE) AS processing_date
    FROM (
      SELECT *, concat(airline, flight_number, '-', origin, '-', date_format(flight_date,
      'yyyyMMdd')) AS flight_id,
        concat('dash:', i) AS event_id, concat(origin, '-', destination) AS route,
        timestamp(flight_date) + make_dt_interval(0, hour + 4) AS scheduled_departure,
        timestamp(flight_date) + make_dt_interval(0, hour + 7) AS timestamp,
        IF(i % 20 = 0, 'cancelled', 'arrived') AS event_type,
        IF(i % 20 = 0, NULL, CAST(i % 12 AS DOUBLE)) AS departure_delay_minutes,
        IF(i % 20 = 0, NULL, CAST(i % 41 - 10 AS DOUBLE)) AS arrival_delay_minutes
      FROM (
        SELECT id AS i, DATE'{from_day}' + CAST(id % {days} AS INT) AS flight_date,
        1000 + CAST(id % 8999 AS INT) AS flight_number,
          element_at(array('UA', 'AA', 'DL'), CAST(id % 3 AS INT) + 1) AS airline, concat('N',
          id) AS tail_number,
          element_at(array('EWR', 'JFK'), CAST(id % 2 AS INT) + 1) AS origin,
          element_at(array('IAH', 'LAX', 'ORD', 'ATL'), CAST(id % 4 AS INT) + 1) AS destination,
          6 + CAST(id % 14 AS INT) AS hour
        FROM range({first}, {first + flights})
      )
    )
"""


_SUMS = """
    count(*) AS flights, count(departure_delay_minutes) AS departed, count(arrival_delay_minutes) AS arrived,
    count_if(event_type = 'cancelled') AS cancelled,
    count_if(departure_delay_minutes >= 15) AS departure_delayed_15,
    count_if(arrival_delay_minutes >= 15) AS arrival_delayed_15, coalesce(sum(departure_delay_minutes),
    0D) AS departure_delay_sum,
    coalesce(sum(arrival_delay_minutes), 0D) AS arrival_delay_sum,
    coalesce(sum(arrival_delay_minutes * arrival_delay_minutes), 0D) AS arrival_delay_sum_squares,
    count(predicted_delay_minutes) AS predicted,
    count(error_minutes) AS predicted_arrived, coalesce(sum(error_minutes), 0D) AS error_sum,
    coalesce(sum(abs(error_minutes)), 0D) AS absolute_error_sum,
    coalesce(sum(error_minutes * error_minutes), 0D) AS squared_error_sum,
    count_if(actual_delay_minutes BETWEEN interval_low_minutes AND interval_high_minutes) AS interval_covered,
    coalesce(sum(quality_score), 0D) AS quality_sum
"""


def create_rollups(warehouse: Warehouse) -> None:
    """Create the rollups of the current fact table."""
    for name, hour in (("flights_hourly", "hour, "), ("flights_daily", "")):
        keys = f"flight_date, {hour}airline, origin, destination"
        warehouse.spark.sql(
            f"CREATE OR REPLACE TABLE {warehouse.database}.{name} USING delta AS SELECT {keys}, {_SUMS} "
            f"FROM {warehouse.database}.fact_flight_events GROUP BY {keys}"
        ).collect()


def create_predictions(warehouse: Warehouse) -> None:
    """Create the predictions of the current fact table, from a model that is in no registry."""
    predicted = (
        "predicted_delay_minutes, predicted_mean_delay_minutes, interval_low_minutes, interval_high_minutes,"
        " probability_delayed_15, confidence, model_version, actual_delay_minutes, error_minutes"
    )
    warehouse.spark.sql(
        f"INSERT INTO {warehouse.database}.predictions (prediction_id, flight_id, flight_date,"
        f" prediction_timestamp, {predicted}, outcome, batch_id, prediction_date) SELECT event_id, flight_id,"
        f" flight_date, timestamp, {predicted}, event_type, batch_id, CAST(timestamp AS DATE) FROM"
        f" {warehouse.database}.fact_flight_events"
    ).collect()


def documents(
    warehouse: Warehouse, limit: int = FLIGHTS, spread: timedelta = timedelta(seconds=FLIGHTS)
) -> list[dict[str, Any]]:
    """Return fact rows as MongoDB documents, ingested evenly over ``spread``, until twenty minutes ago."""
    from flight_assets.contracts.tables import FACT
    from flight_assets.stores.mongo_documents import document

    begin = datetime.now(UTC) - timedelta(minutes=20) - spread
    rows = warehouse.read(FACT).drop("weather").where(f"kafka_offset < {limit}").toArrow().to_pylist()
    made = [document({**row, "timestamp": row["timestamp"].replace(tzinfo=UTC)}) for row in rows]
    for number, one in enumerate(sorted(made, key=lambda one: one["version"]["kafka_offset"])):
        one["ingestion_timestamp"] = begin + number / limit * spread
    return made
