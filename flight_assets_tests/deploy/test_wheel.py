"""The built wheel: it has every file that the platform reads, and alone it starts the platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flight_assets.settings import PROJECT_DIR
from flight_assets_tests.conftest import PORT_OFFSET
from flight_assets_tests.told import say

PACKAGES = ("flight_assets", "dashboard")
INSTALL_TIMEOUT_S, START_TIMEOUT_S = 900, 600


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the files that git knows or would know."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT_DIR, capture_output=True, text=True, check=True).stdout
    wanted = [*PACKAGES, "pyproject.toml", "LICENSE", "README.md"]
    for name in names.split("\0"):
        if name.split("/")[0] in wanted and (PROJECT_DIR / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((PROJECT_DIR / name).read_bytes())
    run(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder),
        source,
    )
    return next(folder.glob("*.whl"))


def run(*command: object, timeout_s: int = INSTALL_TIMEOUT_S, **variables: str) -> str:
    """Run a command in a folder without a checkout, and return what it prints."""
    done = subprocess.run(
        list(map(str, command)), cwd="/", capture_output=True, text=True, timeout=timeout_s, check=False,
        env={name: os.environ[name] for name in os.environ if not name.startswith("FLIGHTS_")} | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES]
    known = subprocess.run(listed, cwd=PROJECT_DIR, capture_output=True, text=True, check=True).stdout
    present = {name for name in known.splitlines() if (PROJECT_DIR / name).exists()}
    assert present - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("FLIGHTS_TEST_WHEEL"), reason="make wheel-test runs it")
def test_an_environment_with_the_wheel_alone_runs_the_platform(wheel, tmp_path):
    venv = tmp_path / "venv"
    uv = Path(sys.executable).parent / "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, venv)
    install = (uv, "pip", "install", "--quiet", "--python", venv / "bin/python", "--no-deps")
    run(*install, "--require-hashes", "--requirement", PROJECT_DIR / "requirements.lock")
    run(*install, wheel)
    variables = {"FLIGHTS_HOME": str(tmp_path / "home"), "FLIGHTS_PORT_OFFSET": str(PORT_OFFSET)}
    flights = venv / "bin/flights"

    def call(*words: str) -> str:
        return run(flights, *words, timeout_s=START_TIMEOUT_S, **variables)

    assert str(PROJECT_DIR) not in run(
        venv / "bin/python", "-c", "import flight_assets; print(flight_assets.__file__)"
    )
    try:
        say("wheel", call("up"))
        call("produce", "--source", "synthetic", "--events", "1000", "--seed", "7")
        call("process")
        counts = json.loads(call("counts", "--json"))
        say("wheel", json.dumps(counts))
        states = {row["name"]: row["state"] for row in json.loads(call("status", "--json"))["services"]}
        assert set(states.values()) == {"running"}
        call("doctor")
        call("down")
        assert "stopped" in call("upgrade-check")
    finally:
        call("down")
