"""Store a model as files, verified before use: XGBoost's UBJSON, ``manifest.json``, ``model_card.md``.

Functions take bytes by file name, so the same code works for a local folder, HDFS and a test. Only
``write_folder`` and ``read_folder`` use a disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import xgboost as xgb

from flight_assets.contracts.features import FEATURE_CONTRACT_VERSION, FEATURES_OF_VERSION
from flight_assets.delay_model.errors import CorruptModelError, UnfitFeaturesError
from flight_assets.delay_model.registry.card import model_card
from flight_assets.delay_model.registry.model import (
    BOOSTERS,
    DEPARTED_BOOSTERS,
    PICKLED,
    DelayModel,
    Manifest,
    PickledModel,
    TrainedModel,
)
from flight_assets.delay_model.registry.pickled import load_pickle

MANIFEST_FILE = "manifest.json"
CARD_FILE = "model_card.md"
BOOSTER_SUFFIX = ".ubj"
PICKLE_FILE = "regressor.pkl"


def save(model: DelayModel, more: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Return the files of a model by name, with ``more``; the manifest has the SHA-256 of every other file.

    The same model gives the same bytes.
    """
    if isinstance(model, PickledModel):
        files = {PICKLE_FILE: model.content}
    else:
        files = {
            name + BOOSTER_SUFFIX: bytes(booster.save_raw("ubj")) for name, booster in model.boosters.items()
        }
    files |= more or {}
    files[CARD_FILE] = model_card(model.manifest).encode()
    with_hashes = dataclasses.replace(
        model.manifest, sha256={name: sha256(content) for name, content in sorted(files.items())}
    )
    return {**files, MANIFEST_FILE: with_hashes.to_json().encode()}


def load(files: Mapping[str, bytes], pinned_sha256: str = "") -> DelayModel:
    """Return the model of its files, after a check of every hash and of the list of features.

    ``pinned_sha256``: hash of the one pickled regressor that may be opened.

    Raises:
        CorruptModelError: a file is missing, unreadable, or has another hash than in the manifest.
        UnfitFeaturesError: the model was trained with other features than this version's contract.
        RefusedPickleError: the hash of a pickled regressor is not pinned.
    """
    about = manifest(files)
    check_contract(about)
    if about.kind == PICKLED:
        content = _verified(files, about, PICKLE_FILE)
        return PickledModel(load_pickle(content, pinned_sha256), content, about)
    names = (*BOOSTERS, *DEPARTED_BOOSTERS) if about.departed else BOOSTERS
    return TrainedModel(
        {name: _booster(name, _verified(files, about, name + BOOSTER_SUFFIX)) for name in names}, about
    )


def write_folder(model: DelayModel, folder: Path) -> None:
    """Write the files of a model, the manifest last: it marks the folder complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in save(model).items():
        (folder / name).write_bytes(content)


def read_folder(folder: Path) -> DelayModel:
    """Return the model of a folder, checked as in ``load``.

    Raises:
        CorruptModelError: as ``load``; also if the folder does not exist.
        UnfitFeaturesError: as ``load``.
    """
    files = [path for path in folder.glob("*") if path.is_file()]
    return load({path.name: path.read_bytes() for path in files})


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def manifest(files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest. Raises CorruptModelError if it is missing or unreadable."""
    if MANIFEST_FILE not in files:
        raise CorruptModelError(f"the model has no {MANIFEST_FILE}; train or register it again")
    try:
        return Manifest.from_json(files[MANIFEST_FILE].decode())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptModelError(
            f"{MANIFEST_FILE} cannot be read ({error}); train or register the model again"
        ) from error


def check_contract(manifest: Manifest) -> None:
    """Raise UnfitFeaturesError if the features of a manifest are not those of its version's contract."""
    names = FEATURES_OF_VERSION.get(manifest.feature_contract_version)
    if names is None:
        trained, known = manifest.feature_contract_version, FEATURE_CONTRACT_VERSION
        raise UnfitFeaturesError(
            f"the model {manifest.version} was trained with version {trained} of the features, these are"
            f" version {known}; train again"
        )
    if manifest.features != names:
        different = sorted(set(manifest.features) ^ set(names))
        what = f"they differ in {', '.join(different[:5])}" if different else "their order differs"
        raise UnfitFeaturesError(
            f"the features of the model {manifest.version} are not those of the contract: {what}; train again"
        )


def _verified(files: Mapping[str, bytes], manifest: Manifest, name: str) -> bytes:
    if name not in files:
        raise CorruptModelError(
            f"the file {name} of the model {manifest.version} is missing; train or register it again"
        )
    found, pinned = sha256(files[name]), manifest.sha256.get(name)
    if found != pinned:
        difference = f"has the SHA-256 {found}, the manifest says {pinned}"
        raise CorruptModelError(
            f"the file {name} of the model {manifest.version} {difference}; train or register it again"
        )
    return files[name]


def _booster(name: str, content: bytes) -> xgb.Booster:
    try:
        return xgb.Booster(model_file=bytearray(content))
    except xgb.core.XGBoostError as error:
        raise CorruptModelError(
            f"the booster {name} cannot be read by XGBoost {xgb.__version__}; train the model again"
        ) from error
