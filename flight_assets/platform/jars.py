"""Java parts: the jars of each service, pinned by SHA-256 in ``jars.lock``, and their download from Maven."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from flight_assets.errors import FlightsError

LOCK_FILE = Path(__file__).with_name("jars.lock")
DOWNLOADS_AT_ONCE = 8
# Checkouts of several versions may share the cache, so a set stays this long after a platform has used it.
SECONDS_KEPT = 14 * 86_400

# Roots of each set of jars, as Maven coordinates; `make lock` resolves the rest. A range in a published POM
# is pinned here.
ROOTS = {
    "kafka": ["org.apache.kafka:kafka_2.13:4.2.2"],
    "hdfs": [
        "org.apache.hadoop:hadoop-hdfs:3.5.0",
        "org.apache.hadoop:hadoop-hdfs-client:3.5.0",
        "org.apache.hadoop:hadoop-common:3.5.0",
    ],
    "metastore": ["org.postgresql:postgresql:42.7.14"],
    "spark": [
        "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0",
        "io.delta:delta-spark_4.2_2.13:4.4.0",
        "org.mongodb.spark:mongo-spark-connector_2.13:10.5.0",
        "org.mongodb:mongodb-driver-sync:5.1.4",
    ],
}
# Test libraries and natives of other systems, which published POMs name but no server loads.
LEFT_OUT = (
    "mockito",
    "byte-buddy",
    "objenesis",
    "native-kqueue",
    "osx-",
    "riscv64",
    "listenablefuture",
    "unitycatalog-hadoop",
)


@dataclass(frozen=True)
class Jar:
    """One artifact of one set: Maven coordinate and SHA-256 of the file."""

    set_name: str
    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the jar in a class path folder."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{suffix}.jar"

    def line(self) -> str:
        """Return the jar as a line of the lock file."""
        return " ".join(
            (self.set_name, self.group, self.artifact, self.version, self.classifier or "-", self.sha256)
        )


def read_lock(lock_file: Path = LOCK_FILE) -> list[Jar]:
    """Return the pinned jars of all sets."""
    rows = [line.split() for line in lock_file.read_text().splitlines() if line and not line.startswith("#")]
    return [
        Jar(name, group, artifact, version, "" if classifier == "-" else classifier, sha)
        for name, group, artifact, version, classifier, sha in rows
    ]


@cache
def _digest(set_name: str) -> str:
    """Return what tells one version of a locked set from another; empty for a set of another lock."""
    lines = "\n".join(jar.line() for jar in read_lock() if jar.set_name == set_name)
    return f"-{hashlib.sha256(lines.encode()).hexdigest()[:12]}" if lines else ""


def classpath_dir(cache_dir: Path, set_name: str) -> Path:
    """Folder with the jars of one set, as locked now: jars of another version are never on one class path."""
    return cache_dir / "jars" / f"{set_name}{_digest(set_name)}"


def remove_old_sets(cache_dir: Path, now: float) -> list[Path]:
    """Delete sets of other versions that nothing uses; returns their folders.

    A set is in use if the command line of a process names it. It also is for SECONDS_KEPT after a platform
    was started with it. Sets of this version count as used at ``now`` (seconds since 1970).
    """
    own = {classpath_dir(cache_dir, name) for name in ROOTS}
    for folder in filter(Path.is_dir, own):
        os.utime(folder, (now, now))
    is_set = re.compile(rf"(?:{'|'.join(ROOTS)})(?:-[0-9a-f]{{12}})?").fullmatch
    old = [
        folder
        for folder in sorted((cache_dir / "jars").glob("*"))
        if is_set(folder.name) and folder not in own and now - folder.stat().st_mtime > SECONDS_KEPT
    ]
    commands = " ".join(_command_lines()) if old else ""
    unused = [folder for folder in old if f"{folder}/" not in commands]
    for folder in unused:
        shutil.rmtree(folder)
    return unused


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            yield " ".join(process.cmdline())
        except psutil.Error:  # it has ended, or the system does not tell
            continue


def missing(cache_dir: Path, jars: Iterable[Jar]) -> list[Jar]:
    """Return the jars that are not in the cache.

    A file there was checked when it was put there, under its final name.
    """
    return [jar for jar in jars if not (classpath_dir(cache_dir, jar.set_name) / jar.filename).exists()]


def download(cache_dir: Path, jars: list[Jar], on_progress: Callable[[Jar, int], None]) -> None:
    """Fetch jars into the cache; calls ``on_progress(jar, bytes)`` as each has arrived.

    Raises:
        FlightsError: no network, or a file whose SHA-256 is not the pinned one.
    """
    for name in {jar.set_name for jar in jars}:
        classpath_dir(cache_dir, name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        waiting = {pool.submit(_fetch_verified, jar, cache_dir): jar for jar in jars}
        try:
            for done in as_completed(waiting):
                on_progress(waiting[done], done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_verified(jar: Jar, cache_dir: Path) -> int:
    target = classpath_dir(cache_dir, jar.set_name) / jar.filename
    fetched = _fetch(jar, cache_dir / "maven")
    with fetched.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != jar.sha256:
        fetched.unlink()
        raise FlightsError(
            f"{jar.filename} has SHA-256 {found}, expected {jar.sha256}: try again, and do not use it if that"
            " repeats"
        )
    size = fetched.stat().st_size
    fetched.replace(target)
    return size


def _fetch(jar: Jar, maven_dir: Path) -> Path:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=maven_dir)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(component.artifact(classifier=jar.classifier, packaging="jar").resolve())
    except Exception as error:
        raise FlightsError(
            f"cannot download {jar.filename} from Maven ({error}): check the network and run again"
        ) from error


def resolve(set_name: str, roots: Iterable[str]) -> list[Jar]:
    """Ask Maven for the whole set of jars that its roots need, and hash them. Used to write the lock."""
    import jgo

    shipped = _shipped_with_spark() if set_name == "spark" else set()
    jars = []
    for artifact in jgo.resolve("+".join(roots)):
        if (
            "[" in artifact.version
            or artifact.artifactId in shipped
            or any(part in str(artifact) for part in LEFT_OUT)
        ):
            continue
        sha = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
        jars.append(
            Jar(set_name, artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier, sha)
        )
    return sorted(jars, key=Jar.line)


def spark_jars_dir() -> Path:
    """Return the jars inside the installed pyspark."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise FlightsError("pyspark is not installed: run `make install`")
    return Path(spec.origin).parent / "jars"


def _shipped_with_spark() -> set[str]:
    return {path.name.rsplit("-", 1)[0] for path in spark_jars_dir().glob("*.jar")}


def write_lock(sets: Mapping[str, Iterable[str]] = ROOTS, lock_file: Path = LOCK_FILE) -> None:
    """Resolve every set from its roots and write the lock file."""
    header = "# set group artifact version classifier sha256; written by `make lock`\n"
    lines = [jar.line() for set_name, roots in sets.items() for jar in resolve(set_name, roots)]
    lock_file.write_text(header + "\n".join(lines) + "\n")


if __name__ == "__main__":
    write_lock()
