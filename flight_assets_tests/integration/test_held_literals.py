"""Queries that differ in numbers and days alone share the code that Spark generates, and answer as they would
without it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import functions as F

from flight_assets.queries.operations import get_json

pytestmark = pytest.mark.integration
FIRST_DAY = date(2026, 1, 1)
GREATEST = 2**63 - 1
WITHOUT_GENERATED_CODE = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture
def rows(spark):
    """A hundred rows: n INT, big BIGINT, day DATE, at TIMESTAMP, each of them rising."""
    numbers = spark.range(100).select(F.col("id").cast("int").alias("n"), (F.col("id") + 2**40).alias("big"))
    day = F.date_add(F.lit(FIRST_DAY), F.col("n"))
    return numbers.select("n", "big", day.alias("day"), day.cast("timestamp").alias("at"))


@pytest.fixture
def interpreted(spark):
    before = {name: spark.conf.get(name) for name in WITHOUT_GENERATED_CODE}
    for name, value in WITHOUT_GENERATED_CODE.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


def found(rows, number: int) -> list[tuple]:
    """The rows around the one of this number, by all their columns, and the number itself as a column."""
    day = FIRST_DAY + timedelta(days=number)
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    near = rows.where(
        F.col("day").isin(day, day + timedelta(days=1))
        & (F.col("big") < 2**40 + number + 9)
        & (F.col("n") >= number)
    )
    near = near.where(F.col("at").between(F.lit(at - timedelta(hours=1)), F.lit(at + timedelta(hours=1))))
    told = near.select(
        "n",
        "day",
        F.lit(number).alias("i"),
        F.lit(GREATEST - number).alias("l"),
        F.lit(day).alias("d"),
        F.lit(at).alias("t"),
    )
    # The session's times are UTC, and a row has them in this machine's zone, without naming it.
    return [(*row[:-1], row.t.astimezone(UTC)) for row in told.collect()]


def answer(number: int) -> list[tuple]:
    day = FIRST_DAY + timedelta(days=number)
    return [(number, day, number, GREATEST - number, day, datetime(day.year, day.month, day.day, tzinfo=UTC))]


def classes_compiled(settings) -> int:
    """How many pieces of code Spark has generated and compiled since it was started."""
    told = get_json(settings, f"{settings.spark_ui_url}/metrics/json/", "Spark")["histograms"]
    return next(
        value["count"] for name, value in told.items() if name.endswith("CodeGenerator.compilationTime")
    )


def test_another_number_and_another_day_take_the_same_code(quiet_platform, settings, rows) -> None:
    assert found(rows, 7) == answer(7)
    before = classes_compiled(settings)
    assert found(rows, 31) == answer(31)
    assert found(rows, 64) == answer(64)
    assert classes_compiled(settings) == before


def test_without_generated_code_the_answer_is_the_same(quiet_platform, interpreted, rows) -> None:
    assert found(rows, 7) == answer(7)
    assert found(rows, 31) == answer(31)
