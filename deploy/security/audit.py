"""Ask which locked Python packages have known vulnerabilities: ``make audit``.

Exit 0: all were asked for, and none is known; else 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PIP_AUDIT = Path(sys.executable).with_name("pip-audit")
# OSV has the Python Packaging Authority's advisories and those of others; a mirror of the registry would have
# none and answer all the same.
OPTIONS = (
    "--vulnerability-service",
    "osv",
    "--require-hashes",
    "--disable-pip",
    "--progress-spinner",
    "off",
    "--format",
    "json",
)


def problems(lock: Path) -> list[str]:
    """One line per vulnerability of a lock file's packages, and per package that could not be asked for.

    Empty means none is known.
    """
    command = [str(PIP_AUDIT), *OPTIONS, "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, and the words are our own
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"])[-1]
        return [f"{lock}: NOT audited, the vulnerability service (OSV) could not be asked: {last}"]
    if not packages:
        return [f"{lock}: NOT audited, pip-audit found no package in it"]
    return [line for package in packages for line in _problems_of(lock, package)]


def _problems_of(lock: Path, package: dict[str, Any]) -> list[str]:
    name = f"{lock}: {package['name']} {package.get('version', '')}".rstrip()
    if "skip_reason" in package:
        return [f"{name}: NOT audited, {package['skip_reason']}"]
    return [
        f"{name}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version'}"
        for found in package["vulns"]
    ]


def main(locks: list[str]) -> int:
    """Print what is known of each lock file's packages. Returns the exit code."""
    found = {lock: problems(Path(lock)) for lock in locks}
    for lock, lines in found.items():
        print("\n".join(lines) or f"{lock}: no known vulnerability")  # noqa: T201 - a command's output
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
