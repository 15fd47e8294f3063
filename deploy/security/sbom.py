"""Add the locked jars to the bill of materials of ``cyclonedx-py``: ``make sbom``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flight_assets.platform.jars import Jar, read_lock


def component(jar: Jar) -> dict[str, Any]:
    """A jar in CycloneDX's words; its package URL is what identifies it."""
    classifier = f"?classifier={jar.classifier}" if jar.classifier else ""
    url = f"pkg:maven/{jar.group}/{jar.artifact}@{jar.version}{classifier}"
    return {
        "type": "library",
        "bom-ref": url,
        "group": jar.group,
        "name": jar.artifact,
        "version": jar.version,
        "purl": url,
        "hashes": [{"alg": "SHA-256", "content": jar.sha256}],
    }


def with_jars(bill: dict[str, Any], jars: list[Jar]) -> dict[str, Any]:
    """The bill with each jar once, however many services run on it, after the packages."""
    added = {found["bom-ref"]: found for found in map(component, jars)}
    return bill | {"components": [*bill["components"], *added.values()]}


def main(path: Path) -> None:
    """Rewrite the bill with the jars in it, held against CycloneDX's schema, and say how much it has."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bill = json.loads(path.read_text())
    complete = with_jars(bill, read_lock())
    text = json.dumps(complete, indent=1) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"not CycloneDX 1.6: {wrong.data}")
    path.write_text(text)
    packages = len(bill["components"])
    print(f"{path}: {packages} Python packages and {len(complete['components']) - packages} jars")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main(Path(sys.argv[1]))
