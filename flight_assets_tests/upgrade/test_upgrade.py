"""An older version makes data, stops with a batch begun.

This version opens the same folder, finishes the batch and goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flight_assets.settings import PROJECT_DIR
from flight_assets_tests.told import say

pytestmark = pytest.mark.timeout(1_500)
COMMAND_TIMEOUT_S = 600
FROM = os.environ.get("FLIGHTS_TEST_UPGRADE_FROM", "")
# Run by the older version: its automation stops, since its last batch must stay half done; and it gets a
# model in seconds, not minutes.
PREPARE = """
from flight_assets.settings import get_settings
from flight_assets.bench.runs import pause
from flight_assets_tests.integration.conftest import train_small_model
pause(get_settings())
train_small_model(get_settings())
"""


@dataclass(frozen=True)
class Version:
    """A checkout of the platform with its environment; every one works on the same folder of data."""

    folder: Path

    def flights(self, *words: object, **settings: str) -> str:
        """Text that a command of this version prints."""
        return self._run([".venv/bin/flights", *map(str, words)], settings)

    def python(self, code: str) -> None:
        """Run a program of its environment."""
        self._run([".venv/bin/python", "-c", code], {})

    def make(self, target: str) -> None:
        """Run a target of its Makefile."""
        self._run(["make", target], {})

    def json(self, *words: object) -> Any:
        """Answer of a command of this version to a program."""
        return json.loads(self.flights(*words, "--json"))

    def _run(self, words: list[str], settings: dict[str, str]) -> str:
        return run(words, self.folder, os.environ | settings)


def run(words: list[str], folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Run a program in a folder; it must succeed. Returns what it printed."""
    done = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, (
        f"{words}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout


@pytest.fixture
def older(tmp_path) -> Version:
    """The version that FLIGHTS_TEST_UPGRADE_FROM names, installed beside this one.

    A shallow clone does not have it.
    """
    folder = tmp_path / "older"
    run(["git", "clone", "--quiet", str(PROJECT_DIR), str(folder)], tmp_path)
    run(["git", "checkout", "--quiet", FROM], folder)
    version = Version(folder)
    version.make("install-dev")
    return version


@pytest.fixture
def this() -> Iterator[Version]:
    """The version under test."""
    version = Version(PROJECT_DIR)
    version.flights("reset", "--yes")
    yield version
    version.flights("reset", "--yes")


def test_this_version_opens_what_an_older_one_left_and_finishes_its_batch(older, this) -> None:
    older.flights("up")
    older.python(PREPARE)
    older.flights("produce", "--events", 600, "--bad-share", 0.05, "--seed", 1)
    older.flights("process")
    older.flights("archive", "run", FLIGHTS_ARCHIVE_THRESHOLD_MB="0.01", FLIGHTS_ARCHIVE_MIN_WINDOW_HOURS="0")
    before, champion = older.json("counts"), older.json("model", "list")
    archives = older.json("archive", "status")["archives"]
    older.flights("produce", "--events", 200, "--seed", 2)
    older.flights("process", "--part", "ingest_flights")
    older.flights("down")
    say("upgrade", f"{FROM} left {before}, an archive and a batch of 200 events that has only landed")

    this.flights("up")
    assert "nothing new" not in this.flights("process")
    after = this.json("counts")
    assert after["kafka_acknowledged"] == after["raw"] == before["raw"] + 200
    assert after["batches"] == before["batches"] + 1
    assert after["archived_only"] == before["archived_only"] > 0
    assert after["predictions"] > before["predictions"] > 0
    assert this.json("model", "list") == champion
    assert this.json("archive", "status")["archives"] == archives
    say("upgrade", f"this version opened it and has {after}")
    for archive in archives:
        this.flights("archive", "verify", archive["archive_id"])
    this.flights("archive", "restore", archives[0]["archive_id"])
    this.flights("produce", "--events", 200, "--seed", 3)
    this.flights("process")
    assert this.json("counts")["raw"] == after["raw"] + 200
