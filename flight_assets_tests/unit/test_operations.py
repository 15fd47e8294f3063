"""Operations figures from frames, and what a source that does not answer says."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from flight_assets.errors import StoreUnavailable
from flight_assets.queries import dagster, operations
from flight_assets.settings import Settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def runs(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Runs of (job, status, minutes before now), each a minute long."""
    began = [NOW - timedelta(minutes=minutes) for _, _, minutes in rows]
    ended = [moment + timedelta(minutes=1) for moment in began]
    jobs, statuses = [row[0] for row in rows], [row[1] for row in rows]
    frame = pd.DataFrame({"job": jobs, "status": statuses, "created": began, "ended": ended})
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("created", "ended")})


def test_failures_count_since_the_last_success_per_job() -> None:
    frame = runs(
        ("a", "FAILURE", 9),
        ("a", "SUCCESS", 8),
        ("a", "FAILURE", 7),
        ("a", "CANCELED", 6),
        ("a", "FAILURE", 5),
        ("b", "SUCCESS", 4),
    )
    assert dagster.failed_since_success(frame) == {"a": 2, "b": 0}
    assert dagster.failed_since_success(runs(("a", "FAILURE", 3), ("a", "STARTED", 1))) == {"a": 1}
    assert dagster.failed_since_success(runs(("a", "STARTED", 1))) == {}


def test_data_age_is_since_the_end_of_the_last_successful_run_of_the_pipeline() -> None:
    frame = runs(
        ("process_flights", "SUCCESS", 10), ("process_flights", "FAILURE", 5), ("other", "SUCCESS", 2)
    )
    assert operations.pipeline_runs(frame, NOW) == (9 * 60, 0.5)
    assert operations.pipeline_runs(runs(("other", "SUCCESS", 2)), NOW) == (None, None)


def test_a_pipeline_in_parts_is_as_fresh_as_its_last_part_and_as_sound_as_all_of_them() -> None:
    parts = [
        ("ingest_flights", "SUCCESS", 6),
        ("predict_flights", "SUCCESS", 5),
        ("store_flights", "SUCCESS", 4),
    ]
    frame = runs(*parts, ("ingest_flights", "SUCCESS", 2), ("predict_flights", "FAILURE", 1))
    assert operations.pipeline_runs(frame, NOW) == (3 * 60, 0.8)


def test_latency_is_from_ingestion_to_the_batchs_visibility_and_leaves_out_unknown_batches() -> None:
    flights = pd.DataFrame(
        {
            "batch_id": [1, 1, 2, 3],
            "ingestion_timestamp": [NOW - timedelta(seconds=s) for s in (60, 30, 10, 5)],
        }
    )
    visible = pd.DataFrame(
        {"batch_id": [1, 2], "visible_at": pd.to_datetime([NOW, NOW + timedelta(seconds=10)], utc=True)}
    )
    assert list(operations.latencies(flights, visible)) == [60, 30, 20]


def test_prediction_error_against_numbers_worked_out_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "error_minutes": [3.0, -4.0],
            "actual_delay_minutes": [10.0, 0.0],
            "low": [5.0, 1.0],
            "high": [15.0, 9.0],
        }
    )
    found = operations.prediction_error(frame)
    assert (found.mae, found.bias, found.coverage, found.flights) == (3.5, -0.5, 0.5, 2)
    assert found.rmse == pytest.approx(12.5**0.5)
    assert operations.prediction_error(frame[:0]) is None


def test_weights_of_the_health_score_sum_to_one() -> None:
    assert sum(operations.HEALTH_WEIGHTS.values()) == pytest.approx(1)


@pytest.fixture
def nowhere(tmp_path) -> Settings:
    """Settings of which no address answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    urls = dict.fromkeys(("dagster_url", "hdfs_http_url", "airflow_url"), f"http://{address}")
    stores = {
        "mongo_uri": f"mongodb://{address}",
        "redis_url": f"redis://{address}/0",
        "hdfs_url": f"hdfs://{address}",
    }
    patience = {"monitoring_timeout_s": 0.5, "timeout_s": 0.5}
    return Settings(
        _env_file=None,
        home=tmp_path,
        kafka_bootstrap_servers=address,
        port_offset=38_000,
        **urls,
        **stores,
        **patience,
    )


@pytest.mark.parametrize(
    ("ask", "store"),
    [
        (operations.topic_lag, "Kafka"),
        (operations.step_progress, "HDFS"),
        (operations.hdfs_capacity, "HDFS NameNode"),
        (operations.mongodb_size, "MongoDB"),
        (operations.redis_info, "Redis"),
        (operations.spark_jobs, "Spark"),
        (operations.airflow_dags, "Airflow"),
        (dagster.runs, "Dagster"),
        (dagster.automation, "Dagster"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_source_that_is_down_is_named(nowhere: Settings, ask, store: str) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        ask(nowhere)
    assert raised.value.store == store


def test_airflow_that_is_not_configured_is_not_asked(nowhere: Settings) -> None:
    assert operations.airflow_dags(nowhere.model_copy(update={"airflow_url": ""})).empty


def test_the_machine_has_cpu_and_memory(nowhere: Settings) -> None:
    found = operations.machine(nowhere)
    assert 0 <= found["cpu_used_ratio"] <= 1
    assert 0 < found["memory_used_bytes"] < found["memory_total_bytes"]


def test_services_of_a_platform_that_does_not_run_do_not_work(nowhere: Settings) -> None:
    found = operations.services(nowhere)
    assert set(found["state"]) == {"stopped"}
    assert not found["works"].any()
