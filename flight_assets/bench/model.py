"""Delay model: figures on the test period, trained again as shipped, and speed of predictions in Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import xgboost as xgb
from pyspark.sql import functions as F

from flight_assets.bench.figures import Figure, interleaved, ratio
from flight_assets.delay_model.features.events import events_from_flights
from flight_assets.delay_model.registry.model import BOOSTERS, TrainedModel, fitting
from flight_assets.delay_model.training.dataset import dataset
from flight_assets.delay_model.training.train import TrainConfig, train
from flight_assets.pipeline.inference import pack, predictions_of, unpack
from flight_assets.producer.nycflights import load_flights
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import computed, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flight_assets.settings import Settings

CORES = 2
UNITS = {
    "r2": "share of variance",
    "mae": "minutes",
    "mae_vs_median": "ratio",
    "coverage_90": "share",
    "interval_width_minutes": "minutes",
    "brier_vs_base_rate": "ratio",
}


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return figures by name.

    ``inference_vs_inplace``: rows per second in Spark over those of the bare boosters; above 1 is faster.
    """
    data = dataset(events_from_flights(load_flights()))
    model = train(TrainConfig(), data.flights, data.features)
    test = model.manifest.metrics["test"]
    note = f"{test['flights']:.0f} flights from 2013-10-01, trained on those before"
    figures = {name: Figure(test[name], unit, note=note) for name, unit in UNITS.items()}
    rows = 40_000 if quick else 160_000
    return figures | {
        "inference_vs_inplace": _inference(settings, model, data.features, rows, 3 if quick else 7)
    }


def _inference(
    settings: Settings, model: TrainedModel, features: pd.DataFrame, rows: int, repetitions: int
) -> Figure:
    ModelStore(Hdfs(settings)).publish(model)
    some = features.head(rows)
    matrix = fitting(model.manifest, some).to_numpy(np.float32)
    spark = open_warehouse(settings).spark
    frame = spark.createDataFrame(pa.table({"features": pack(some)})).repartition(CORES)
    for booster in model.boosters.values():
        booster.set_param({"nthread": CORES})
    ready = computed(frame)
    columns = "predicted_delay_minutes double, confidence double"
    said = ready.mapInArrow(_predictor(model.manifest.version), columns)
    totals = said.agg(F.sum("predicted_delay_minutes"), F.sum("confidence"))
    totals.collect()
    sides = {
        "spark": totals.collect,
        "inplace": lambda: [_inplace(model.boosters[name], matrix) for name in BOOSTERS],
    }
    seconds = interleaved(sides, repetitions)
    speed = 1 / ratio(seconds, "spark", "inplace")
    return Figure(
        speed,
        "ratio of rows per second",
        seconds,
        note=f"{len(matrix)} rows, {CORES} cores, all three boosters on both sides",
    )


def _predictor(version: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            said = predictions_of(version, unpack(batch.column("features")))
            names = ["predicted_delay_minutes", "confidence"]
            yield pa.RecordBatch.from_arrays([said.field(name) for name in names], names=names)

    return run


def _inplace(booster: xgb.Booster, matrix: np.ndarray) -> np.ndarray:
    return booster.inplace_predict(matrix)
