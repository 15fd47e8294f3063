"""Version, upgrade check, uninstall, and the unit of systemd."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.commands import installation as commands
from flight_assets.commands import service
from flight_assets.errors import FlightsError
from flight_assets.platform import installation, systemd
from flight_assets.platform.doctor import Finding
from flight_assets.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    (home / "port_offset").write_text("0\n")
    return Settings(_env_file=None, home=home, cache_dir=tmp_path / "cache")


@pytest.fixture
def chosen(monkeypatch, settings) -> Settings:
    monkeypatch.setattr(commands, "get_settings", lambda: settings)
    monkeypatch.setattr(service, "get_settings", lambda: settings)
    return settings


def written_by(settings: Settings, **changes: object) -> dict[str, Finding]:
    """The findings about data that was written by this installation, but for some changes."""
    record = installation.installed(settings)
    servers = record["servers"] | changes.pop("servers", {})
    (settings.home / installation.RECORD).write_text(json.dumps(record | changes | {"servers": servers}))
    return {finding.subject: finding for finding in installation.upgrade_findings(settings)}


def test_the_version_is_the_package_s_and_names_every_server():
    assert CliRunner().invoke(main, ["--version"]).output.startswith("flights, version 0.")
    found = json.loads(CliRunner().invoke(main, ["version", "--json"]).output)
    assert {"mongod", "redis", "kafka", "spark"} <= set(found["servers"])
    assert found["contract"] == 3


def test_data_of_this_version_can_be_opened(settings):
    found = written_by(settings)
    assert all(finding.is_fine for finding in found.values())
    assert {"version", "mongod", "Redis"} <= set(found)


@pytest.mark.parametrize(
    ("changes", "subject", "says"),
    [
        ({"platform": "9.0"}, "version", "newer than"),
        ({"servers": {"mongod": "4.4.1"}}, "mongod", "run 5.0 first"),
        ({"servers": {"mongod": "7.0.28"}}, "mongod", "install the newer one again"),
    ],
)
def test_data_that_cannot_be_opened_is_told_with_a_way_out(settings, changes, subject, says):
    finding = written_by(settings, **changes)[subject]
    assert not finding.is_fine
    assert says in finding.detail


def test_valkey_opens_data_of_redis_but_not_the_other_way(settings):
    assert written_by(settings, redis_program="redis")["Redis"].is_fine
    refused = installation._redis(settings, "valkey", "redis")
    assert not refused.is_fine
    assert "data/redis" in refused.detail


def test_another_dagster_asks_for_its_migration(settings):
    assert written_by(settings, dagster="1.0.0")["Dagster"].is_warning


def test_without_a_platform_there_is_nothing_to_upgrade(tmp_path):
    with pytest.raises(FlightsError, match="nothing to upgrade"):
        list(installation.upgrade_findings(Settings(_env_file=None, home=tmp_path / "none")))


def test_uninstall_deletes_the_home_and_the_jars_when_both_questions_are_answered(chosen):
    (chosen.cache_dir / "jars").mkdir(parents=True)
    done = CliRunner().invoke(main, ["uninstall"], input=f"y\n{chosen.home.name}\n")
    assert done.exit_code == 0, done.output
    assert not chosen.home.exists()
    assert not chosen.cache_dir.exists()


def test_uninstall_keeps_the_jars_if_asked_to(chosen):
    (chosen.cache_dir / "jars").mkdir(parents=True)
    CliRunner().invoke(main, ["uninstall", "--keep-jars"], input=f"y\n{chosen.home.name}\n")
    assert chosen.cache_dir.exists()
    assert not chosen.home.exists()


@pytest.mark.parametrize("answers", ["n\n", "y\n\n", "y\nyes\n", "y\ny\n"])
def test_uninstall_deletes_nothing_if_one_answer_is_missing(chosen, answers):
    done = CliRunner().invoke(main, ["uninstall"], input=answers)
    assert done.exit_code != 0
    assert (chosen.home / "port_offset").exists()


def test_uninstall_refuses_a_folder_that_is_not_the_platform_s(chosen):
    (chosen.home / "port_offset").unlink()
    done = CliRunner().invoke(main, ["uninstall"], input=f"y\n{chosen.home.name}\n")
    assert done.exit_code == 1
    assert "there is no platform" in done.output
    assert chosen.home.exists()


def test_the_unit_starts_this_home_and_follows_its_supervisor(chosen, tmp_path):
    done = CliRunner().invoke(
        main, ["service", "units", "--user", "nobody", "--live", "--folder", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    unit = (tmp_path / systemd.UNIT).read_text()
    assert f'Environment="FLIGHTS_HOME={chosen.home}"' in unit
    assert f"PIDFile={chosen.home}/run/supervisord.pid" in unit
    assert "/flights up --live\n" in unit
    assert "User=nobody\n" in unit


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(settings, tmp_path):
    path = tmp_path / systemd.UNIT
    path.write_text(systemd.units(settings, "root")[systemd.UNIT])
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if systemd.UNIT in line]) == (0, [])
