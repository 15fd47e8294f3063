"""Attach a checkpointed frame to the session that has its rows.

Library: pyspark 4.2.0
Symptom: ``localCheckpoint`` attaches its result to the newest session of the process, not to the frame's own.
Gain: none in time. Without it, a process with two sessions does not find the rows.
Guard: flight_assets_tests/integration/test_warehouse_sessions.py
    ::test_what_is_computed_stays_in_its_session_when_the_process_has_others
Remove: when ``localCheckpoint`` keeps the session of its frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def checkpointed(frame: DataFrame) -> DataFrame:
    """Return the computed rows of the frame, kept by Spark while the result is referenced."""
    from pyspark.sql.connect.dataframe import DataFrame as ConnectFrame

    kept: Any = frame.localCheckpoint()
    kept._plan._spark_session = frame.sparkSession
    result: Any = ConnectFrame(kept._plan, frame.sparkSession)  # type: ignore[arg-type]
    return result  # type: ignore[no-any-return]
