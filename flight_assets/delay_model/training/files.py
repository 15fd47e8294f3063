"""Train on files of flights: a model of theirs, or one for any network with figures of how far it carries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from flight_assets.contracts.features import NETWORK_BOUND_FEATURES
from flight_assets.contracts.reference import load_reference
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry.model import TrainedModel
from flight_assets.delay_model.training.adapt import adapted, used
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.dataset import Dataset
from flight_assets.delay_model.training.days import NewYorkDays, SpooledDays, dataset_of_days
from flight_assets.delay_model.training.train import Arrived, train
from flight_assets.delay_model.training.transfer import transfer
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets.sources.spool import Spool
from flight_assets.sources.survey import Surveyor

Say = Callable[[str], None]
# With many flights, few days suffice to stop and to calibrate. The trees need a sample only: the flights of
# one hour and airport tell much the same.
GENERAL = TrainConfig(
    calibration_days=7,
    early_stopping_days=6,
    early_stopping_rounds=15,
    most_training_flights=200_000,
    unused_features=NETWORK_BOUND_FEATURES,
    mean=BoosterSettings(rounds=120, eta=0.15, min_child_weight=40.0),
    quantiles=BoosterSettings(rounds=90, eta=0.2, min_child_weight=40.0),
    late=BoosterSettings(rounds=100, eta=0.2, min_child_weight=40.0),
)


@dataclass(frozen=True)
class TrainedOnFiles:
    """Model, and the flights that it was trained and tested on."""

    model: TrainedModel
    arrived: Arrived


def train_on_files(
    files: Sequence[Path],
    scratch: Path,
    say: Say,
    general: bool,
    test_from: date | None = None,
    given: Mapping[str, Any] | None = None,
) -> TrainedOnFiles:
    """Return a model of the flights of files; the manifest names the files by their SHA-256.

    Args:
        files: in any layout that ``flights load`` reads.
        scratch: folder for what does not fit into memory.
        say: gets a sentence about each step.
        general: for any network, with figures of how far it carries.
        test_from: first day of the test period; by default it is fitted to the data.
        given: other fields of the configuration.

    Raises:
        FlightsError: a file cannot be read, or there are too few flights.
    """
    data = flights_of_files(files, scratch, say)
    config = replace(GENERAL if general else TrainConfig(), **given or {})
    config = adapted(config, local_dates(data.flights), test_from)
    arrived = Arrived.of(config, data.flights, data.features)
    say(used(arrived.ranges))
    model = train(config, data.flights, data.features)
    about = {"files": {path.name: _sha256(path) for path in files}}
    metrics = dict(model.manifest.metrics)
    if general:
        say("measuring it on airlines, regions and a network that it has not seen")
        elsewhere = dataset_of_days(NewYorkDays(), scratch / "elsewhere")
        metrics["transfer"] = transfer(config, model, data, elsewhere)
    manifest = replace(model.manifest, training=model.manifest.training | about, metrics=metrics)
    return TrainedOnFiles(TrainedModel(model.boosters, manifest), arrived)


def flights_of_files(files: Sequence[Path], folder: Path, say: Say) -> Dataset:
    """Return the arrived flights of files, in any layout that ``flights load`` reads, with their features."""
    sources = [(source, layout_of(source)) for path in files for source in sources_of(path)]
    folder.mkdir(parents=True, exist_ok=True)
    spool = Spool(folder / "days")
    survey = Surveyor(load_reference(), spool, folder / "unusable.csv").survey(sources, lambda _: None)
    say(f"{survey.flights:,} flights of {len(survey.days)} days; building their features")
    return dataset_of_days(SpooledDays(spool), folder / "features")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
