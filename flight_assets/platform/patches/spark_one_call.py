"""Read the rows of a Spark Connect frame in one call.

Library: pyspark 4.2.0
Symptom: ``toArrow`` asks for the frame's types first, and ``collect`` for settings too: a call for each read.
Gain: 5 calls of a batch.
Guard: flight_assets_tests/integration/test_spark_calls.py
    ::test_a_batch_makes_few_calls_to_spark_whatever_its_size
Remove: when ``toArrow`` makes one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def arrow_rows(frame: DataFrame) -> pa.Table:
    """Return the rows of a frame."""
    any_frame: Any = frame
    rows: pa.Table = any_frame._to_table()[0]
    return rows
