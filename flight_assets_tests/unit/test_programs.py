"""Server programs: the settings choose them on every platform, and the packages bring the others."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flight_assets.errors import FlightsError
from flight_assets.platform import services
from flight_assets.platform.services import programs
from flight_assets.settings import PROJECT_DIR, Settings

VARIABLES = {"redis_server": "FLIGHTS_REDIS_SERVER", "mongod": "FLIGHTS_MONGOD"}
SERVICES = {"redis_server": "redis", "mongod": "mongod"}


def program(folder: Path, says: str) -> Path:
    path = folder / "server"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("setting", "says", "release"),
    [
        ("redis_server", "Redis server v=8.2.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "8.2.3"),
        ("redis_server", "Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64", "9.1.2"),
        ("mongod", "db version v8.0.4", "8.0.4"),
    ],
)
def test_an_open_platform_starts_the_chosen_program(tmp_path, setting, says, release):
    chosen = program(tmp_path, says)
    settings = Settings(_env_file=None, home=tmp_path, **{setting: chosen})
    (service,) = (row for row in services.services(settings) if row.name == SERVICES[setting])
    assert (service.command[0], service.version) == (str(chosen), release)


def test_a_secured_platform_starts_the_chosen_redis_too(tmp_path):
    chosen = program(tmp_path, "Redis server v=8.2.3 sha=00000000:0")
    settings = Settings(_env_file=None, home=tmp_path, secured=True, redis_server=chosen)
    assert programs.redis_server(settings).path == chosen


def test_variables_of_the_environment_choose_the_programs(tmp_path, monkeypatch):
    redis, mongod = tmp_path / "redis", tmp_path / "mongo"
    for folder in (redis, mongod):
        folder.mkdir()
    chosen = {
        "FLIGHTS_REDIS_SERVER": program(redis, "Redis server v=8.2.3 sha=0"),
        "FLIGHTS_MONGOD": program(mongod, "db version v8.0.4"),
        "FLIGHTS_JAVA_HOME": Path("/jdk"),
    }
    for name, path in chosen.items():
        monkeypatch.setenv(name, str(path))
    for profile in ("embedded", "cluster"):
        settings = Settings(_env_file=None, home=tmp_path, profile=profile)
        assert programs.redis_server(settings).path == chosen["FLIGHTS_REDIS_SERVER"]
        assert programs.mongod(settings).path == chosen["FLIGHTS_MONGOD"]
        assert services.java(settings) == "/jdk/bin/java"


def test_the_chosen_java_starts_every_java_service(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path, java_home="/jdk")
    started = {row.name for row in services.services(settings) if "/jdk/bin/java" in row.command}
    assert started == {"kafka", "namenode", "datanode", "metastore", "spark"}


@pytest.mark.parametrize("setting", SERVICES)
def test_a_chosen_program_that_is_not_there_is_named_with_its_variable(tmp_path, setting):
    settings = Settings(_env_file=None, home=tmp_path, **{setting: tmp_path / "nothing"})
    with pytest.raises(FlightsError, match=f"{tmp_path}/nothing.*{VARIABLES[setting]}"):
        getattr(programs, setting)(settings)


@pytest.mark.parametrize("says", ["hello", ""])
def test_a_chosen_program_that_is_another_one_is_refused(tmp_path, says):
    settings = Settings(_env_file=None, home=tmp_path, mongod=program(tmp_path, says))
    with pytest.raises(FlightsError, match="no mongod"):
        programs.mongod(settings)


def test_a_chosen_program_that_does_not_run_here_is_refused(tmp_path):
    other_machine = tmp_path / "mongod"
    other_machine.write_bytes(b"\xcf\xfa\xed\xfe")
    other_machine.chmod(0o755)
    with pytest.raises(FlightsError, match="does not run on this machine"):
        programs.mongod(Settings(_env_file=None, home=tmp_path, mongod=other_machine))


@pytest.mark.parametrize("setting", SERVICES)
def test_the_packaged_program_is_the_release_that_it_is_said_to_be(tmp_path, setting):
    packaged = getattr(programs, setting)(Settings(_env_file=None, home=tmp_path))
    said = subprocess.run([packaged.path, "--version"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"v=?([\d.]+)", said)[1] == packaged.release


def test_this_python_and_its_neighbours_are_supported():
    from flight_assets.platform import doctor

    wanted = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["requires-python"]
    lowest, highest = doctor.SUPPORTED_PYTHONS[0], doctor.SUPPORTED_PYTHONS[-1]
    assert wanted == f">={lowest[0]}.{lowest[1]},<{highest[0]}.{highest[1] + 1}"
    assert sys.version_info[:2] in doctor.SUPPORTED_PYTHONS
