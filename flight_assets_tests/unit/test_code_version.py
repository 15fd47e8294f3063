"""The version of a step's code changes with everything that makes its rows."""

from __future__ import annotations

import shutil

import pytest

from flight_assets import code_version as versions


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The package in a folder of the test's own."""
    package = tmp_path / "flight_assets"
    shutil.copytree(versions.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(versions, "PACKAGE", package)
    return package


def changed(path) -> None:
    versions._imports.cache_clear()
    path.write_text(path.read_text() + "\n# another rule\n")


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("hive_fact", "pipeline/write_fact.py"),
        ("hive_fact", "transforms/flights.py"),
        ("predictions", "delay_model/features/build.py"),
        ("staged_events", "transforms/rules.py"),
        ("mongo_hot", "stores/mongo.py"),
        ("hive_fact", "platform/patches/scala/HeldLiterals.scala"),
    ],
)
def test_a_change_of_what_makes_a_steps_rows_changes_its_version(copied, step, path) -> None:
    before = versions.code_version(f"flight_assets.assets.{step}")
    changed(copied / path)
    assert versions.code_version(f"flight_assets.assets.{step}") != before


def test_a_change_of_a_page_or_a_command_leaves_it(copied) -> None:
    before = versions.code_version("flight_assets.assets.hive_fact")
    changed(copied / "commands/platform.py")
    assert versions.code_version("flight_assets.assets.hive_fact") == before
