"""Process what is new in the topic, every minute, by the jobs that Dagster's schedule runs."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from platform_commands import RETRIED, START, FlightsOperator

with DAG(
    "flight_processing_dag",
    description="Kafka → staged events → predictions → MongoDB and warehouse",
    doc_md="""Three tasks, each a part of the pipeline (`flights process --part …`).

Each holds the platform's processing lease for itself, so that no two runs process at once, whether Airflow or
Dagster started them; a task waits for the lease up to `FLIGHTS_LEASE_WAIT_S`. Between two tasks another run
may take it: batches are fixed ranges of offsets and each step can be repeated, so a batch that was taken
further meanwhile is simply not pending any more.
""",
    schedule="* * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIED | {"execution_timeout": timedelta(hours=1)},
    tags=["flights"],
):
    ingest = FlightsOperator(task_id="ingest", words=["process", "--part", "ingest_flights"])
    process = FlightsOperator(task_id="process", words=["process", "--part", "predict_flights"])
    stores = FlightsOperator(task_id="stores", words=["process", "--part", "store_flights"])
    ingest >> process >> stores
