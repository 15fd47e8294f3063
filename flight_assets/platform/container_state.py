"""State and memory of containers, as their own health checks report them into one shared folder.

Each check writes a small file, named like its service. So the metrics need no way into the container engine,
and no network to each container. In images that are not ours, `deploy/health/check.sh` writes the same file.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings

# A check runs every 30 or 60 seconds, and a missed one is no failure yet.
SILENT_AFTER_S = 180.0
# A container that was removed on purpose is forgotten after a day.
FORGOTTEN_AFTER_S = 86_400.0
# Without a limit, cgroups of version 1 name a number near 2^63.
NO_LIMIT = 2**60
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Report:
    """One container at its last health check.

    ``used_bytes`` is its memory without file pages that the kernel can drop, as `docker stats` shows it.
    ``limit_bytes`` is NaN without a limit. Both are NaN if the container cannot see its cgroup.
    """

    service: str
    works: bool
    age_s: float
    used_bytes: float
    limit_bytes: float

    @property
    def problem(self) -> str:
        """Return the problem in a few words; empty if the container works."""
        if self.age_s > SILENT_AFTER_S:
            return f"its health check has not reported for {self.age_s:,.0f} s"
        return "" if self.works else "its health check failed"


def reports(folder: Path, now: float | None = None) -> Iterator[Report]:
    """Yield the newest report of each container, by name. ``now`` is a Unix time."""
    now = time.time() if now is None else now
    for path in sorted(folder.iterdir()):
        # A file that is being written has a suffix.
        if path.suffix:
            continue
        age_s = max(0.0, now - path.stat().st_mtime)
        if age_s <= FORGOTTEN_AFTER_S:
            yield _parsed(path.name, age_s, path.read_text())


def _parsed(service: str, age_s: float, text: str) -> Report:
    words = [line.split() for line in text.splitlines()]
    found = {row[0]: row[1] for row in words if len(row) == 2}
    used = _number(found.get("used")) - _number(found.get("inactive_file", "0"))
    limit = _number(found.get("limit"))
    return Report(
        service=service,
        works=found.get("exit") == "0",
        age_s=age_s,
        used_bytes=used,
        limit_bytes=math.nan if limit >= NO_LIMIT else limit,
    )


def _number(text: str | None) -> float:
    return float(text) if text and text.isdigit() else math.nan


def service_name(settings: Settings, name: str) -> str:
    """Return the name under which a container reports: the second worker is ``spark-worker-2``.

    Containers of one kind differ in the host name that they advertise.
    """
    own = settings.advertised_host
    return own if re.fullmatch(rf"{re.escape(name)}-\d+", own) else name


def write(folder: Path, service: str, *, works: bool, cgroup: Path = CGROUP) -> None:
    """Write the report of this container in one step."""
    one = cgroup / "memory"
    version_1 = not (cgroup / "memory.current").exists()
    group, used, limit = (
        (one, "memory.usage_in_bytes", "memory.limit_in_bytes")
        if version_1
        else (cgroup, "memory.current", "memory.max")
    )
    lines = [f"exit {0 if works else 1}"]
    for word, name in (("used", used), ("limit", limit)):
        if (group / name).exists():
            lines.append(f"{word} {(group / name).read_text().strip()}")
    if (group / "memory.stat").exists():
        stat = (group / "memory.stat").read_text().splitlines()
        lines += [
            line.removeprefix("total_")
            for line in stat
            if line.startswith("total_inactive_file " if version_1 else "inactive_file ")
        ]
    partial = folder / f"{service}.{uuid4().hex}"
    partial.write_text("\n".join(lines) + "\n")
    partial.replace(folder / service)
