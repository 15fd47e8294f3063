"""Archive from MongoDB, every five minutes, if its size is above the threshold.

The decision and the job are those of Dagster's sensor.
"""

from __future__ import annotations

import json
from datetime import timedelta

from airflow.sdk import DAG, task
from platform_commands import RETRIED, START, FlightsOperator


@task.short_circuit
def decision(seen: str) -> bool:
    """Return True if an archive is to be made or finished; the tasks after it are skipped if not.

    The reason is in the task's log.
    """
    decided = json.loads(seen)
    print(decided["reason"])  # noqa: T201 - a task's output is its log
    return bool(decided["ask"])


with DAG(
    "mongodb_archiving_dag",
    description="MongoDB → verified Parquet on HDFS, when MongoDB is over its threshold",
    doc_md="""`size_check` asks `flights archive due`, `decision` skips the rest unless an archive is due or
unfinished, `archive` runs `flights archive run`: export by Spark, verified before anything is deleted.

One archive runs at a time, whoever started it: it holds the archiving lease. A second one fails with a
sentence that names the first, and is tried again.
""",
    schedule="*/5 * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIED | {"execution_timeout": timedelta(hours=6)},
    tags=["flights"],
):
    size_check = FlightsOperator(task_id="size_check", words=["archive", "due", "--json"])
    archive = FlightsOperator(task_id="archive", words=["archive", "run"])
    decision(size_check.output) >> archive  # type: ignore[arg-type]  # an XCom becomes its value at run time
