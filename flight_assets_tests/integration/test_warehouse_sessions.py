"""Sessions of the warehouse: what is computed in one, and the Python workers that Spark forks."""

from __future__ import annotations

import pytest

from flight_assets.stores.warehouse import computed
from flight_assets_tests.integration.warehouse_rows import (
    own_tables,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(spark):
    """A warehouse of the tests' own with empty tables."""
    with own_tables(spark) as own:
        yield own


def test_what_is_computed_stays_in_its_session_when_the_process_has_others(own, platform):
    """A second session is the active one from then on.

    The first one's rows must still join and merge with the first one's.
    """
    from pyspark.sql import SparkSession

    other = SparkSession.builder.remote(platform.spark_remote).create()
    try:
        rows = own.spark.range(3)
        kept = computed(rows)
        assert kept.sparkSession is own.spark
        assert kept.join(rows, "id").count() == 3
    finally:
        other.stop()


def test_python_workers_are_forked_from_a_process_that_has_what_they_need(own):
    def look(batches):
        import gc
        import sys

        import pyarrow as pa

        for _ in batches:
            found = {
                name: name in sys.modules
                for name in ("flight_assets.pipeline.inference", "pymongo", "xgboost")
            }
            yield pa.RecordBatch.from_pydict(
                {"is_there": [all(found.values())], "shared": [gc.get_freeze_count()]}
            )

    rows = own.spark.range(0, 1, 1, 1).mapInArrow(look, "is_there boolean, shared long").collect()
    assert [row.is_there for row in rows] == [True]
    assert rows[0].shared > 100_000
