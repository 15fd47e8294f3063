"""Read the result of an SQL command from the answer to the command.

Library: pyspark 4.2.0
Symptom: the answer to a MERGE holds its counts, but reading them sends them to the server and back.
Gain: 2 of 23 calls of a batch.
Guard: flight_assets_tests/integration/test_spark_calls.py
    ::test_a_batch_makes_few_calls_to_spark_whatever_its_size
Remove: when ``toArrow`` of a command's result makes no call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flight_assets.platform.patches.spark_one_call import arrow_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def command_rows(result: DataFrame) -> pa.Table:
    """Return the rows that a command has returned. ``result``: the frame of ``spark.sql``."""
    frame: Any = result
    relation = getattr(frame._plan, "_plan", None)
    if relation is None or not relation.HasField("local_relation"):
        return arrow_rows(result)
    with pa.ipc.open_stream(relation.local_relation.data) as stream:
        return stream.read_all()
