"""The operations page in three states, over known answers and over the running platform.

Its figures as functions.
"""

from __future__ import annotations

import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from dashboard.charts import look
from dashboard.charts import operations as operations_charts
from flight_assets.monitoring import course, history
from flight_assets.monitoring.history import Board
from flight_assets.queries import dagster, operations
from flight_assets.settings import Settings
from flight_assets_tests.dashboard.operations_answers import (
    ARCHIVED,
    ARCHIVES,
    BATCHES,
    BOARD,
    COURSE,
    FULL,
    HDFS,
    LAG,
    MONGO,
    REDIS,
    RUN_S,
    SERVICES,
    SPARK,
    recent_runs,
)

PAGE = Path(__file__).resolve().parent.parent.parent / "dashboard/app_pages/operations.py"


def closed(**more: object) -> Settings:
    """Settings of a platform where nothing listens."""
    url = "http://127.0.0.1:1"
    web = dict.fromkeys(("dagster_url", "hdfs_http_url", "metrics_url"), url)
    stores = {
        "hdfs_url": "hdfs://127.0.0.1:1",
        "spark_remote": "sc://127.0.0.1:1",
        "mongo_uri": "mongodb://127.0.0.1:1",
    }
    rest = {
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "redis_url": "redis://127.0.0.1:1/0",
        "port_offset": 38_000,
    }
    return Settings(_env_file=None, timeout_s=1.0, monitoring_timeout_s=0.5, **web, **stores, **rest, **more)


@pytest.fixture
def visit(monkeypatch):
    def run(settings: Settings) -> AppTest:
        monkeypatch.setattr(data, "get_settings", lambda: settings)
        return AppTest.from_file(str(PAGE), default_timeout=RUN_S).run()

    return run


def texts(page: AppTest) -> str:
    parts = [
        *page.markdown,
        *page.caption,
        *page.info,
        *page.warning,
        *page.error,
        *page.success,
        *page.title,
        *page.header,
        *page.subheader,
    ]
    return "\n".join(
        [
            *(str(part.value) for part in parts),
            *(f"{one.label} {one.value} {one.delta}" for one in page.metric),
        ]
    )


def refuse_exceptions(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    for sign in ("Traceback", "Exception", "Error:", "SQLSTATE"):
        assert sign not in texts(page), texts(page)


def value(page: AppTest, label: str) -> str:
    return next(one.value for one in page.metric if one.label == label)


HDFS |= {"dead_datanodes": 0.0, "under_replicated_blocks": 0.0, "missing_blocks": 0.0}


@pytest.fixture
def answers(monkeypatch):
    """Replace what the stores answer."""

    def answer(frames: dict, board: Board, streaming: dict[str, int]) -> None:
        for name, frame in (ARCHIVES | frames).items():
            module = dagster if name in ("runs", "automation", "daemons") else operations
            monkeypatch.setattr(module, name, lambda *_a, found=frame, **_k: found)
        for name, found in {
            "hdfs_capacity": HDFS,
            "mongodb_size": MONGO,
            "redis_info": REDIS,
            "spark_memory": SPARK,
        }.items():
            monkeypatch.setattr(operations, name, lambda _settings, found=found: found)
        monkeypatch.setattr(operations, "streaming", lambda _settings: streaming)
        monkeypatch.setattr(history, "board", lambda _settings: board)
        monkeypatch.setattr(course, "course", lambda _settings: COURSE)

    return answer


def test_a_full_page_shows_the_numbers_of_the_stores(answers, visit, tmp_path) -> None:
    answers(FULL | {"runs": recent_runs()}, BOARD, {"planned": 3, "committed": 2})
    page = visit(closed(home=tmp_path))
    refuse_exceptions(page)
    assert value(page, "Services that work") == "1 of 2"
    assert value(page, "Alerts") == "1"
    assert value(page, "Topic lag") == "734"
    assert value(page, "Cache hit ratio") == "75.0 %"
    assert "75 hits, 25 misses, 2 errors" in texts(page)
    # 0.35 × 1/2 + 0.25 × 1 + 0.2 × 3/4 + 0.1 × 1 + 0.1 × (1 − 0.02/0.2)
    assert value(page, "Pipeline health") == "76 %"
    said = texts(page)
    assert "LagHigh is silenced until" in said
    assert "upgrade of Kafka" in said
    assert "is writing batch 3; committed up to 2" in said
    assert "1 for predictions" in said
    assert "paused: since noon: disk swap" in said
    # The course has services and memory, and no disk yet.
    assert said.count("Nothing has been kept yet") == 1
    assert "Services over a day" in said
    alerts = page.dataframe[0].value
    assert list(alerts["status"]) == ["● firing", "⊘ silenced", "○ resolved"]


def test_an_empty_platform_says_what_to_do(answers, visit, tmp_path) -> None:
    nothing = {name: frame[:0] for name, frame in (FULL | {"runs": recent_runs()}).items()} | {
        "services": SERVICES
    }
    answers(nothing, Board([], [], {}, None, "x"), {"planned": -1, "committed": -1})
    page = visit(closed(home=tmp_path))
    refuse_exceptions(page)
    said = texts(page)
    assert "No alert is firing" in said
    assert "not been evaluated yet" in said
    assert "Dagster has not run anything yet" in said
    assert "No batch has been finished yet" in said
    assert "The topic is empty" in said
    assert value(page, "Data age") == "–"


def test_with_every_store_down_it_says_so_soon_and_health_is_zero(visit, tmp_path) -> None:
    began = time.monotonic()
    page = visit(closed(home=tmp_path))
    assert time.monotonic() - began < 45
    refuse_exceptions(page)
    assert page.title[0].value == "Operations & Monitoring"
    assert "is not reachable" in texts(page)
    assert value(page, "Pipeline health") == "0 %"
    assert value(page, "Services that work").startswith("0 of ")


@pytest.mark.integration
def test_over_the_running_platform_it_shows_what_the_stores_say(visit, platform) -> None:
    page = visit(platform)
    refuse_exceptions(page)
    services = operations.services(platform)
    assert value(page, "Services that work") == f"{services['works'].sum()} of {len(services)}"
    assert value(page, "Topic lag") == f"{operations.topic_lag(platform)['lag'].sum():,}"
    assert sum("Data as of" in caption.value for caption in page.caption) >= 6
    assert not [one.value for one in page.warning if "not reachable" in one.value]


def test_the_archive_timeline_tells_what_is_done_with_local_time_on_hover() -> None:
    done, undone = operations_charts.archives(ARCHIVED, ZoneInfo("America/New_York")).data
    assert (done.name, list(done.y), undone.name, list(undone.y)) == ("done", [1_000], "not done", [1_001])
    assert done.customdata[0][2] == "01 Jun 08:00 EDT"


def test_a_full_bar_past_its_limit_has_another_colour() -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "ratio": [0.9, 0.5], "text": "x", "limit_ratio": [0.8, None]})
    bars = operations_charts.capacity(frame).data[1]
    assert dict(zip(bars.y, bars.marker.color, strict=True)) == {"a": look.VERMILLION, "b": look.BLUE}


@pytest.mark.parametrize("rows", [slice(None), slice(0)], ids=["full", "empty"])
def test_figures_bear_full_and_empty_frames(rows) -> None:
    runs = recent_runs()
    figures = [
        operations_charts.runs(
            runs.assign(started=pd.to_datetime(runs["started"], utc=True))[rows], ZoneInfo("America/New_York")
        ),
        operations_charts.step_durations(BATCHES[rows]),
        operations_charts.landing_rate(BATCHES[rows]),
        operations_charts.lag(LAG[rows]),
        operations_charts.archives(ARCHIVED[rows], ZoneInfo("America/New_York")),
    ]
    for figure in figures:
        assert figure.layout.uirevision == "kept"
        assert figure.layout.xaxis.title.text
    parts = dict.fromkeys(operations.HEALTH_WEIGHTS, 0.5)
    assert sum(operations_charts.health_parts(parts).data[1].x) == pytest.approx(0.5)
