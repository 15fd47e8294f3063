"""Disks are those of the data, and their course and that of the services is kept for a day."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest

from dashboard.charts import course as charts
from flight_assets.errors import StoreUnavailable
from flight_assets.monitoring import course
from flight_assets.monitoring.alerts import State
from flight_assets.monitoring.watch import watch
from flight_assets.queries import operations
from flight_assets.settings import Settings
from flight_assets.stores import mongo, mongo_expiry

NOW = datetime(2026, 11, 30, 12, 3, 20, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only measured


@pytest.fixture
def volumes(tmp_path) -> Path:
    for name in ("kafka", "mongodb"):
        (tmp_path / "volumes" / name).mkdir(parents=True)
    return tmp_path / "volumes"


def test_the_embedded_platform_has_the_disk_of_its_folder(tmp_path) -> None:
    (row,) = operations.disks(Settings(_env_file=None, home=tmp_path / "not" / "there")).itertuples()
    usage = psutil.disk_usage(str(tmp_path))
    assert row.disk == "home"
    assert row.used_ratio == pytest.approx(usage.percent / 100, abs=0.005)
    assert 0 < row.free_bytes < row.total_bytes


def test_volumes_on_one_disk_are_one_disk(volumes) -> None:
    found = operations.disks(Settings(_env_file=None, embedded=False, volumes_dir=volumes))
    assert list(found["disk"]) == ["volumes"]


def test_volumes_on_two_disks_are_two_disks_with_their_names(volumes) -> None:
    """The folder of shared memory is a file system of its own."""
    (volumes / "redis").symlink_to(SHARED_MEMORY, target_is_directory=True)
    found = operations.disks(Settings(_env_file=None, embedded=False, volumes_dir=volumes)).set_index("disk")
    assert list(found.index) == ["kafka, mongodb", "redis"]
    assert found.loc["redis", "total_bytes"] == pytest.approx(psutil.disk_usage(SHARED_MEMORY).total)


def test_elsewhere_the_stores_are_asked_and_not_the_own_root(monkeypatch) -> None:
    @contextmanager
    def database(_settings):
        class Stats:
            def command(self, *_: object, **__: object) -> dict[str, float]:
                return {"fsTotalSize": 400.0, "fsUsedSize": 100.0}

        yield Stats()

    hdfs = {"used_bytes": 10.0, "remaining_bytes": 90.0}
    folders = [(1, 1, 1000.0, 20.0), (2, 1, 1000.0, 500.0), (2, 2, 1000.0, 999.0)]
    # The package has a function of the module's name.
    disk_queries = import_module("flight_assets.queries.operations.disks")
    monkeypatch.setattr(disk_queries, "hdfs_capacity", lambda _settings: hdfs)
    monkeypatch.setattr(disk_queries.mongo, "database", database)
    monkeypatch.setattr(disk_queries.kafka, "log_folders", lambda _settings: folders)
    found = operations.disks(Settings(_env_file=None, embedded=False)).set_index("disk")["used_ratio"]
    assert found.round(3).to_dict() == {
        "hdfs": 0.1, "mongodb": 0.25, "kafka-1": 0.98, "kafka-2": 0.5, "kafka-2-2": 0.001,
    }  # fmt: skip


# --- the course


class Collection:
    """Documents of one collection, with the two operators that the course uses."""

    def __init__(self) -> None:
        self.documents: dict[datetime, dict[str, dict[str, float]]] = {}

    def update_one(self, match, changes, *, upsert) -> None:
        assert upsert
        document = self.documents.setdefault(match["at"], {})
        for operator, fields in changes.items():
            pick = {"$min": min, "$max": max}[operator]
            for path, value in fields.items():
                field, name = path.split(".")
                kept = document.setdefault(field, {})
                kept[name] = pick(kept.get(name, value), value)

    def rows(self) -> list[dict]:
        return [{"at": at, **fields} for at, fields in sorted(self.documents.items())]


def samples(up: float, memory: float, disk: float = 0.5) -> dict:
    kafka = {"service": "kafka"}
    return {
        "flights_service_up": [(kafka, up), ({"service": "spark-worker"}, 1.0)],
        "flights_service_memory_bytes": [(kafka, memory)],
        "flights_disk_used_ratio": [({"disk": "home"}, disk)],
    }


@pytest.fixture
def kept(monkeypatch) -> Collection:
    collection = Collection()

    @contextmanager
    def database(_settings):
        yield {mongo_expiry.COURSE: collection}

    monkeypatch.setattr(mongo, "database", database)
    return collection


def test_five_minutes_keep_the_worst_of_each_minute(kept) -> None:
    settings = Settings(_env_file=None)
    for minute, one in enumerate((samples(1, 5e8), samples(0, 9e8, 0.7), samples(1, 6e8))):
        course.keep(settings, one, NOW - timedelta(minutes=2 - minute))
    course.keep(settings, samples(1, 4e8), NOW + timedelta(minutes=5))
    found = course.rows(kept.rows())
    before, after = NOW.replace(minute=0, second=0), NOW.replace(minute=5, second=0)
    cells = {(row.at, row.kind, row.name): row.value for row in found.itertuples(index=False)}
    assert cells[before, "up", "kafka"] == 0
    assert cells[before, "memory_bytes", "kafka"] == 9e8
    assert cells[before, "disk_used_ratio", "home"] == 0.7
    assert (cells[after, "up", "kafka"], cells[after, "memory_bytes", "kafka"]) == (1, 4e8)
    assert cells[before, "up", "spark-worker"] == 1


def test_figures_show_the_outage_the_largest_services_and_every_disk(kept) -> None:
    settings = Settings(_env_file=None)
    for step in range(3):
        many = samples(float(step != 1), 5e8)
        many["flights_service_memory_bytes"] += [({"service": f"s{n}"}, n * 1e7) for n in range(9)]
        course.keep(settings, many, NOW + step * course.STEP)
    frame = course.rows(kept.rows())
    cells = charts.states(frame, ZONE).data[0]
    assert list(cells.y) == ["spark-worker", "kafka"]
    assert [list(row) for row in cells.z] == [[1, 1, 1], [1, 0, 1]]
    lines = {line.name: list(line.y) for line in charts.memory(frame, ZONE).data}
    assert len(lines) == charts.LINES + 1
    assert lines["kafka"] == [500, 500, 500]
    # s8 to s4 have lines of their own beside kafka.
    assert lines[charts.OTHERS] == [0 + 10 + 20 + 30] * 3
    assert [line.name for line in charts.disks(frame, ZONE, 0.95).data] == ["home"]


def test_without_mongodb_alerts_are_evaluated_and_the_state_says_what_is_not_kept(monkeypatch) -> None:
    @contextmanager
    def database(_settings):
        raise StoreUnavailable("MongoDB", "127.0.0.1:1", "start it")
        yield

    monkeypatch.setattr("flight_assets.stores.mongo.database", database)
    state = watch(Settings(_env_file=None), State(), samples(1, 1), NOW)
    assert "MongoDB" in state.problems["course"]
    assert state.evaluated_at is not None
