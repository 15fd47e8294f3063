"""A backup is whole or refused; what is there is never overwritten.

That stores open again is shown on a real platform elsewhere.
"""

from __future__ import annotations

import pytest

from flight_assets.errors import FlightsError
from flight_assets.platform import launcher, supervision
from flight_assets.platform.backup import backup, restore
from flight_assets.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A stopped platform with something in it."""
    home = tmp_path / "home"
    for name in (
        "data/mongod/journal/1",
        "data/spark-local/scrap",
        "dagster/history/runs.db",
        "logs/kafka.log",
        "etc/kafka/server.properties",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    (home / "data/mongod/empty").mkdir()
    (home / "port_offset").write_text("7\n")
    return Settings(_env_file=None, home=home, port_offset=7)


def say(_line: str) -> None:
    pass


def moved(settings: Settings, **changes: object) -> Settings:
    return Settings(_env_file=None, **{"home": settings.home.with_name("other"), "port_offset": 7} | changes)


def test_what_is_kept_comes_back_to_another_folder(settings, tmp_path):
    assert backup(settings, tmp_path / "copy", say) is None  # it did not run
    there = moved(settings)
    restore(there, tmp_path / "copy", say)
    kept = sorted(str(path.relative_to(there.home)) for path in there.home.rglob("*") if path.is_file())
    assert kept == ["dagster/history/runs.db", "data/mongod/journal/1", "port_offset"]
    assert (there.home / "data/mongod/empty").is_dir()
    assert (there.home / "data/mongod/journal/1").read_text() == "data/mongod/journal/1"


def test_an_unfinished_backup_is_refused(settings, tmp_path):
    backup(settings, tmp_path / "copy", say)
    (tmp_path / "copy/backup.json").unlink()
    with pytest.raises(FlightsError, match="no whole backup"):
        restore(moved(settings), tmp_path / "copy", say)


def test_a_backup_that_has_lost_a_file_is_refused(settings, tmp_path):
    backup(settings, tmp_path / "copy", say)
    (tmp_path / "copy/home/dagster/history/runs.db").unlink()
    with pytest.raises(FlightsError, match="not as it was made"):
        restore(moved(settings), tmp_path / "copy", say)
    assert not moved(settings).home.exists()


def test_data_that_is_there_is_not_overwritten(settings, tmp_path):
    backup(settings, tmp_path / "copy", say)
    with pytest.raises(FlightsError, match="`flights reset`"):
        restore(settings, tmp_path / "copy", say)
    with pytest.raises(FlightsError, match="choose a new folder"):
        backup(settings, tmp_path / "copy", say)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"port_offset": 8}, "FLIGHTS_PORT_OFFSET=7"), ({"embedded": False}, "its own tools")],
)
def test_other_ports_and_stores_elsewhere_are_refused(settings, tmp_path, changes, said):
    backup(settings, tmp_path / "copy", say)
    with pytest.raises(FlightsError, match=said):
        restore(moved(settings, **changes), tmp_path / "copy", say)


def test_a_backup_inside_the_folder_that_it_is_of_is_refused(settings):
    with pytest.raises(FlightsError, match="would be deleted with it"):
        backup(settings, settings.home / "copy", say)


@pytest.mark.parametrize(("runs", "also"), [({"mongod": {}}, ()), ({"mongod": {}, "live": {}}, ("live",))])
def test_a_platform_that_ran_is_to_run_as_before(settings, tmp_path, monkeypatch, runs, also):
    monkeypatch.setattr(supervision, "is_running", lambda _settings: True)
    monkeypatch.setattr(supervision, "process_info", lambda _settings: runs)
    monkeypatch.setattr(launcher, "down", lambda _settings, _say: None)
    assert backup(settings, tmp_path / "copy", say) == also
