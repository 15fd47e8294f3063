"""The general model that ships with the package: it predicts on any network until a network has its own."""

from __future__ import annotations

from pathlib import Path

from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.model import TrainedModel

FOLDER = Path(__file__).parents[1] / "general"
# General models of earlier releases. They forecast no departed flights, and give way to the newest.
EARLIER = frozenset({"20080229-462edf01"})


def is_general(version: str | None) -> bool:
    """Return whether a version is the general model of this release or of an earlier one."""
    return version in EARLIER or version == artifact.manifest(shipped_files()).version


def shipped_files() -> dict[str, bytes]:
    """Return the files of the general model by name."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}


def shipped_model() -> TrainedModel:
    """Return the general model, checked as in ``artifact.load``."""
    model = artifact.load(shipped_files())
    if not isinstance(model, TrainedModel):
        raise TypeError(f"{FOLDER} must hold boosters")
    return model
