"""Send a small Arrow table with a plan, without asking the server for its settings.

Library: pyspark 4.2.0
Symptom: ``createDataFrame`` asks for seven settings each time, which costs a call.
Gain: 2 of 23 calls of a batch.
Guard: flight_assets_tests/integration/test_spark_calls.py
    ::test_a_batch_makes_few_calls_to_spark_whatever_its_size
Remove: when ``createDataFrame`` takes an Arrow table without asking for settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def local_rows(spark: SparkSession, rows: pa.Table, schema: StructType) -> DataFrame:
    """Return the rows as a frame. They travel inside each plan that uses it, so they must be few."""
    from pyspark.sql.connect.dataframe import DataFrame as ConnectFrame
    from pyspark.sql.connect.plan import LocalRelation

    session: Any = spark
    frame: Any = ConnectFrame(LocalRelation(rows, schema.json()), session)
    return frame  # type: ignore[no-any-return]
