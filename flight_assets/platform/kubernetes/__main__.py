"""Write the Kustomize base: ``python -m flight_assets.platform.kubernetes``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight_assets.platform.kubernetes.base import kustomization, manifests
from flight_assets.platform.kubernetes.source import DEPLOY

FOLDER = DEPLOY / "kubernetes/base"
HEADER = "# Made by `make kubernetes` from the table of services and docker-compose.yml. Change overlays.\n"


def render() -> dict[str, str]:
    """Return the text of each file of the base, by its name."""
    import yaml

    def text(dumper: Any, value: str) -> Any:  # noqa: ANN401 - the library has no types
        """Write a text of several lines as a block."""
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)

    # Values that occur twice are written twice, without names for them.
    Dumper: Any = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})  # noqa: N806 - a class
    Dumper.add_representer(str, text)
    found = manifests()
    files = {name: parts for name, parts in found.items() if parts}
    whole = {**files, "kustomization": [kustomization(list(files))]}
    return {
        f"{name}.yaml": HEADER + yaml.dump_all(parts, Dumper=Dumper, sort_keys=False, width=120)
        for name, parts in whole.items()
    }


def write(folder: Path) -> None:
    """Replace the files of a folder by those of the base."""
    folder.mkdir(parents=True, exist_ok=True)
    files = render()
    for path in folder.glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    write(FOLDER)
