"""The pinned jars and their download; nothing here needs the network."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flight_assets.errors import FlightsError
from flight_assets.platform import jars
from flight_assets.platform.jars import Jar

CONTENT = b"a jar"


def jar(name: str = "tool", sha256: str = hashlib.sha256(CONTENT).hexdigest(), classifier: str = "") -> Jar:
    return Jar("kafka", "org.example", name, "1.0", classifier, sha256)


@pytest.fixture
def maven(monkeypatch):
    """Downloads come from memory: every artifact has the same content."""

    def fetch(wanted: Jar, maven_dir: Path) -> Path:
        maven_dir.mkdir(parents=True, exist_ok=True)
        path = maven_dir / wanted.filename
        path.write_bytes(CONTENT)
        return path

    monkeypatch.setattr(jars, "_fetch", fetch)


def fetched(cache: Path, *wanted: Jar) -> list[tuple[str, int]]:
    """Download, and return what the progress callback was told."""
    told: list[tuple[str, int]] = []
    jars.download(cache, list(wanted), lambda done, size: told.append((done.artifact, size)))
    return told


def test_the_lock_names_no_address():
    assert "://" not in jars.LOCK_FILE.read_text()


@pytest.mark.parametrize("set_name", jars.ROOTS)
def test_every_set_has_its_roots_in_the_lock(set_name):
    pinned = {
        f"{found.group}:{found.artifact}:{found.version}"
        for found in jars.read_lock()
        if found.set_name == set_name
    }
    assert set(jars.ROOTS[set_name]) <= pinned


def test_the_lock_has_no_set_that_nothing_uses():
    assert {found.set_name for found in jars.read_lock()} == set(jars.ROOTS)


def test_every_jar_is_pinned_by_a_sha256():
    assert [found for found in jars.read_lock() if not re.fullmatch("[0-9a-f]{64}", found.sha256)] == []


def test_no_two_jars_of_a_set_have_one_file_name():
    names = [(found.set_name, found.filename) for found in jars.read_lock()]
    assert len(names) == len(set(names))


def test_a_lock_is_read_as_it_is_written(tmp_path):
    written = [jar(), jar("native", classifier="linux-x86_64")]
    lock_file = tmp_path / "jars.lock"
    lock_file.write_text("# header\n" + "\n".join(pinned.line() for pinned in written) + "\n")
    assert jars.read_lock(lock_file) == written
    assert [pinned.filename for pinned in written] == ["tool-1.0.jar", "native-1.0-linux-x86_64.jar"]


def test_a_downloaded_jar_is_in_its_sets_folder_and_no_longer_missing(maven, tmp_path):
    wanted = [jar("one"), jar("two")]
    assert jars.missing(tmp_path, wanted) == wanted
    assert sorted(fetched(tmp_path, *wanted)) == [("one", len(CONTENT)), ("two", len(CONTENT))]
    assert jars.missing(tmp_path, [*wanted, jar("three")]) == [jar("three")]
    assert (jars.classpath_dir(tmp_path, "kafka") / "one-1.0.jar").read_bytes() == CONTENT


def test_a_jar_with_another_hash_is_refused_and_not_kept(maven, tmp_path):
    tampered = jar("tampered", sha256="0" * 64)
    expected = (
        f"tampered-1.0.jar has SHA-256 {hashlib.sha256(CONTENT).hexdigest()}, expected {'0' * 64}: try again"
    )
    with pytest.raises(FlightsError, match=re.escape(expected)):
        fetched(tmp_path, tampered)
    assert jars.missing(tmp_path, [tampered]) == [tampered]
    assert list(tmp_path.rglob("tampered*")) == []


def test_a_refused_jar_does_not_stay_in_the_way_of_the_next_try(maven, tmp_path):
    with pytest.raises(FlightsError):
        fetched(tmp_path, jar(sha256="0" * 64))
    assert fetched(tmp_path, jar()) == [("tool", len(CONTENT))]


def test_the_jars_inside_pyspark_are_found():
    assert list(jars.spark_jars_dir().glob("spark-core_*.jar"))


def old_set(cache: Path, name: str, used_at: float) -> Path:
    """A set of another version that was last used at that time."""
    folder = cache / "jars" / name
    folder.mkdir(parents=True)
    (folder / "tool-0.9.jar").write_bytes(CONTENT)
    os.utime(folder, (used_at, used_at))
    return folder


def test_sets_of_other_versions_go_once_nothing_has_used_them_for_long(tmp_path):
    now = 10.0 * jars.SECONDS_KEPT
    unused = old_set(tmp_path, "kafka-0123456789ab", now - jars.SECONDS_KEPT - 1)
    fresh = old_set(tmp_path, "spark-0123456789ab", now - jars.SECONDS_KEPT + 1)
    others = old_set(tmp_path, "zookeeper-0123456789ab", 0.0)
    own = old_set(tmp_path, jars.classpath_dir(tmp_path, "hdfs").name, 0.0)
    assert jars.remove_old_sets(tmp_path, now) == [unused]
    assert sorted((tmp_path / "jars").iterdir()) == sorted([fresh, others, own])
    assert own.stat().st_mtime == now


def test_a_set_that_a_running_process_names_stays(tmp_path):
    used = old_set(tmp_path, "kafka-0123456789ab", 0.0)
    with subprocess.Popen([sys.executable, "-c", "input()", f"/etc:{used}/*"], stdin=subprocess.PIPE) as java:
        assert jars.remove_old_sets(tmp_path, 10.0 * jars.SECONDS_KEPT) == []
        java.communicate(b"\n")
    assert jars.remove_old_sets(tmp_path, 10.0 * jars.SECONDS_KEPT) == [used]
