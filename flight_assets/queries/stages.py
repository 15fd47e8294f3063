"""Figures by stage of a forecast: announced, and departed, over the same flights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from flight_assets.contracts.departed import ANNOUNCED, DEPARTED
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS
from flight_assets.delay_model.errors import ModelError
from flight_assets.delay_model.evaluate import evaluate
from flight_assets.delay_model.features.departed import PLAN_COLUMNS, departed_features
from flight_assets.delay_model.registry.model import TrainedModel
from flight_assets.delay_model.serving.departed import has_departed_stage, predict_departed

if TYPE_CHECKING:
    from datetime import date

    from flight_assets.stores.models import ModelStore
    from flight_assets.stores.warehouse import Warehouse

# More flights are sampled: those whose id has the smallest hash.
MOST_FLIGHTS = 50_000
FIGURES = (
    *("flights", "mae", "r2", "coverage_90", "interval_width_minutes", "brier", "pr_auc", "mae_vs_median"),
)


def stages_compared(warehouse: Warehouse, models: ModelStore, first: date, until: date) -> pd.DataFrame:
    """One row per model version and stage: model_version, stage and FIGURES, over the same arrived flights.

    The flights have a frozen forecast and a departure delay, and a planned local day from ``first`` to
    ``until``. The stage departed is a function of these two and the plan, so its forecasts are made again.
    A version without that stage has one row only, and one that is gone has none.
    """
    names = ", ".join(("flight_id", *PLAN_COLUMNS, *PREDICTED_COLUMNS, "actual_delay_minutes"))
    flights = warehouse.ask(
        f"SELECT {names} FROM {warehouse.name(FACT)} "  # noqa: S608 - names of the contract and dates only
        f"WHERE flight_date BETWEEN DATE'{first.isoformat()}' AND DATE'{until.isoformat()}' "
        "AND actual_delay_minutes IS NOT NULL AND departure_delay_minutes IS NOT NULL "
        f"AND model_version IS NOT NULL ORDER BY xxhash64(flight_id) LIMIT {MOST_FLIGHTS}"
    )
    rows = [
        row
        for version, of_version in flights.groupby("model_version")
        for row in _of_version(models, str(version), of_version)
    ]
    return pd.DataFrame(rows, columns=["model_version", "stage", *FIGURES])


def _of_version(models: ModelStore, version: str, flights: pd.DataFrame) -> list[dict[str, object]]:
    try:
        model = models.load(version)
    except ModelError:
        return []
    sides = {ANNOUNCED: flights}
    if isinstance(model, TrainedModel) and has_departed_stage(model):
        sides[DEPARTED] = predict_departed(model, departed_features(flights))
    actual = flights["actual_delay_minutes"].to_numpy(np.float64)
    baselines = model.manifest.training["baselines"]
    found = {stage: evaluate(actual, said, baselines) for stage, said in sides.items()}
    return [
        {"model_version": version, "stage": stage, **{name: figures[name] for name in FIGURES}}
        for stage, figures in found.items()
    ]
