"""Trained models on HDFS: a directory per version, and which version is the champion that predicts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flight_assets.delay_model import artifact
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.delay_model.model import TrainedModel

MODELS_ROOT = "/models/delay_model"
CHAMPION = f"{MODELS_ROOT}/champion"
VERSIONS_KEPT_IN_MEMORY = 2


class ModelStore:
    """Versions of the delay model by name."""

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    def publish(self, model: TrainedModel) -> str:
        """Write a version; its manifest last, so that a version without one is known to be unfinished. Returns its HDFS path."""
        root = f"{MODELS_ROOT}/{model.manifest.version}"
        files = artifact.save(model)
        for name in sorted(files, key=lambda name: name == artifact.MANIFEST_FILE):
            self._hdfs.write(f"{root}/{name}", files[name])
        return root

    def promote(self, version: str) -> None:
        """Make a version the champion from the next batch on. Raises FlightsError if there is no such version."""
        if version not in self.versions():
            raise FlightsError(f"there is no model {version}; `flights model list` shows which there are")
        self._hdfs.write(CHAMPION, version.encode())

    def champion(self) -> str | None:
        """The version that predicts; None if none was promoted yet."""
        return self._hdfs.read(CHAMPION).decode() if self._hdfs.exists(CHAMPION) else None

    def versions(self) -> list[str]:
        """The finished versions, sorted by name."""
        names = self._hdfs.list(MODELS_ROOT)
        return [name for name in names if self._hdfs.exists(f"{MODELS_ROOT}/{name}/{artifact.MANIFEST_FILE}")]

    def load(self, version: str) -> TrainedModel:
        """Read a version and check it against its manifest's hashes and the feature contract.

        Raises:
            FlightsError: it is not there, damaged, or made for other features.
        """
        root = f"{MODELS_ROOT}/{version}"
        files = {name: self._hdfs.read(f"{root}/{name}") for name in self._hdfs.list(root)}
        if not files:
            raise FlightsError(f"there is no model {version} at {root}; `flights model list` shows which there are")
        return artifact.load(files)


@lru_cache(maxsize=VERSIONS_KEPT_IN_MEMORY)
def load_once(version: str) -> TrainedModel:
    """A version, read once in the life of this process: what Spark's workers use."""
    return ModelStore(Hdfs(get_settings())).load(version)
