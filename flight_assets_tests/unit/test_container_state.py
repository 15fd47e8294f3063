"""Reports of containers: what a health check writes is what the metrics, the alerts and page 6 say."""

from __future__ import annotations

import math
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flight_assets.errors import FlightsError
from flight_assets.monitoring.alerts import State, evaluate
from flight_assets.monitoring.metrics import METRICS
from flight_assets.monitoring.rules import RULES
from flight_assets.monitoring.sources import from_services
from flight_assets.platform import container_state, foreground, health, launcher
from flight_assets.queries import operations
from flight_assets.settings import Settings

MB = 1024 * 1024


def report(folder: Path, name: str, *, works: bool = True, used_mb: int = 100, age_s: float = 0) -> None:
    path = folder / name
    path.write_text(
        f"exit {0 if works else 1}\nused {used_mb * MB}\nlimit {200 * MB}\ninactive_file {10 * MB}\n"
    )
    moment = time.time() - age_s
    os.utime(path, (moment, moment))


def settings_of(folder: Path, **more: object) -> Settings:
    return Settings(_env_file=None, home=folder / "home", embedded=False, state_dir=folder, **more)


@pytest.mark.parametrize("version", [1, 2])
def test_a_report_has_the_memory_of_the_cgroup_without_droppable_pages(tmp_path, version) -> None:
    cgroup, folder = tmp_path / "cgroup", tmp_path / "state"
    folder.mkdir()
    group = cgroup / "memory" if version == 1 else cgroup
    group.mkdir(parents=True)
    used, limit = (
        ("memory.usage_in_bytes", "memory.limit_in_bytes")
        if version == 1
        else ("memory.current", "memory.max")
    )
    (group / used).write_text(f"{90 * MB}\n")
    (group / limit).write_text(f"{128 * MB}\n")
    own = "total_inactive_file" if version == 1 else "inactive_file"
    (group / "memory.stat").write_text(f"anon 5\n{own} {40 * MB}\nactive_file 7\n")
    container_state.write(folder, "spark", works=True, cgroup=cgroup)
    (found,) = container_state.reports(folder)
    assert (found.service, found.works, found.problem) == ("spark", True, "")
    assert (found.used_bytes, found.limit_bytes) == (50 * MB, 128 * MB)


def test_no_limit_and_no_cgroup_are_no_figures(tmp_path) -> None:
    (tmp_path / "a").write_text("exit 0\nused 5\nlimit max\n")
    (tmp_path / "b").write_text(f"exit 0\nused 5\nlimit {2**63 - 4096}\n")
    container_state.write(tmp_path, "c", works=False, cgroup=tmp_path / "nothing")
    a, b, c = container_state.reports(tmp_path)
    assert math.isnan(a.limit_bytes)
    assert math.isnan(b.limit_bytes)
    assert math.isnan(c.used_bytes)
    assert not c.works


def test_a_second_worker_reports_under_its_own_name(tmp_path) -> None:
    one, two = (settings_of(tmp_path, advertised_host=host) for host in ("spark-worker", "spark-worker-2"))
    assert container_state.service_name(one, "spark-worker") == "spark-worker"
    assert container_state.service_name(two, "spark-worker") == "spark-worker-2"
    assert container_state.service_name(one, "spark") == "spark"


def test_a_health_check_reports_whether_the_service_works(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(health, "check_api", lambda _settings: None)
    settings = settings_of(tmp_path, api_url="http://127.0.0.1:1")
    foreground.check(settings, "api")
    assert [one.works for one in container_state.reports(tmp_path)] == [True]

    monkeypatch.setattr(launcher, "problem_of", lambda *_: "it is down")
    with pytest.raises(FlightsError, match="api does not work: it is down"):
        foreground.check(settings, "api")
    assert [one.works for one in container_state.reports(tmp_path)] == [False]


def test_services_are_what_their_containers_reported(tmp_path) -> None:
    for name in ("kafka", "mongod", "postgres", "spark-master", "spark-worker-2", "live"):
        report(tmp_path, name)
    report(tmp_path, "producer", works=False)
    report(tmp_path, "api", age_s=container_state.SILENT_AFTER_S + 60)
    report(tmp_path, "old", age_s=container_state.FORGOTTEN_AFTER_S + 60)
    found = operations.services(settings_of(tmp_path, reporting_services="postgres, proxy")).set_index(
        "service"
    )
    assert found.loc["kafka", ["state", "works", "rss_mb", "limit_mb"]].tolist() == ["running", True, 90, 200]
    for name in ("postgres", "spark-master", "spark-worker-2", "live"):
        assert found.loc[name, "works"]
    assert found.loc["producer", "problem"] == "its health check failed"
    assert "not reported for 240 s" in found.loc["api", "problem"]
    assert found.loc["api", "state"] == "unknown"
    for name in ("proxy", "redis"):
        assert found.loc[name, "problem"] == "its health check has never reported"
    assert "old" not in found.index


def test_a_container_that_fails_or_fills_its_memory_is_an_alert(tmp_path) -> None:
    settings = settings_of(tmp_path, reporting_services="proxy")
    table = operations.services(settings)["service"]
    for name in table:
        report(tmp_path, name)
    report(tmp_path, "proxy", works=False)
    report(tmp_path, "spark-worker", used_mb=207)
    labels = {metric.name: metric.labels for metric in METRICS}
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for sample in from_services(settings):
        named = dict(zip(labels[sample.metric], sample.labels, strict=True))
        samples.setdefault(sample.metric, []).append((named, sample.value))
    now = datetime.now(UTC)
    state = evaluate(State(), samples, settings, now)
    state = evaluate(state, samples, settings, now + timedelta(minutes=6))
    firing = {key for key, alert in state.alerts.items() if alert.status == "firing"}
    assert firing == {"ServiceDown{service=proxy}", "MemoryHigh{service=spark-worker}"}
    assert {rule.name for rule in RULES} >= {"ServiceDown", "MemoryHigh", "DiskFull"}
