"""Figures of a model over flights with known outcome, as plain values for the manifest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flight_assets.delay_model.evaluate import error_by_confidence, evaluate, evaluate_by
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry.model import DelayModel
from flight_assets.delay_model.serving.predict import predict


def measure(model: DelayModel, flights: pd.DataFrame, features: pd.DataFrame) -> dict[str, Any]:
    """Return figures of ``evaluate``: in total, by airline, hour and month; and error by confidence decile.

    ``flights``: airline, scheduled_departure (UTC) and arrival_delay_minutes, never NaN. ``features``: the
    same rows. Hours and months are those of the planned departure on the origin's clock; hour -1 is unknown.
    """
    actual = flights["arrival_delay_minutes"].to_numpy(dtype=np.float64)
    predicted = predict(model, features)
    baselines = model.manifest.training["baselines"]
    groups = {
        "airline": flights["airline"].astype(str),
        "hour": (features["scheduled_departure_minute"] // 60).fillna(-1).astype(int),
        "month": pd.Series(local_dates(flights).astype("datetime64[M]").astype(str)),
    }
    by_group = {
        f"by_{name}": _plain(evaluate_by(values.rename(name), actual, predicted, baselines))
        for name, values in groups.items()
    }
    figures = {"test": evaluate(actual, predicted, baselines)}
    deciles = error_by_confidence(
        actual, predicted["predicted_delay_minutes"].to_numpy(float), predicted["confidence"].to_numpy(float)
    )
    return {
        **_plain(pd.DataFrame.from_dict(figures, orient="index")),
        "by_confidence": _plain(deciles),
        **by_group,
    }


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as plain values: index (as text) to column to value. NaN becomes None, for JSON."""
    rows = frame.to_dict(orient="index").items()
    return {
        str(index): {name: None if np.isnan(value) else value for name, value in row.items()}
        for index, row in rows
    }
