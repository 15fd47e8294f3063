"""Importance of features in a model: numbers, and a picture of them."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.delay_model.registry.model import MEAN, TrainedModel

SHOWN_FEATURES = 20


def shap_importance(model: TrainedModel, features: pd.DataFrame) -> pd.Series:
    """Return the mean |SHAP value| of each feature over these flights, minutes, largest first.

    SHAP values split a prediction of the mean booster over its features (Lundberg et al. 2020, Nature Machine
    Intelligence 2, 56–67). A few thousand flights are enough; it costs about a hundred times more than
    predicting.
    """
    minutes, _ = contributions(model, features)
    names = pd.Index(list(model.manifest.features), name="feature")
    return pd.Series(np.abs(minutes).mean(axis=0), index=names, name="mean_abs_shap_minutes").sort_values(
        ascending=False
    )


def contributions(model: TrainedModel, features: pd.DataFrame) -> tuple[npt.NDArray[np.float32], float]:
    """Return SHAP values in minutes, one row per flight and one column per feature, and their base value."""
    names = list(model.manifest.features)
    matrix = xgb.DMatrix(features[names].to_numpy(dtype=np.float32), feature_names=names)
    values = model.boosters[MEAN].predict(matrix, pred_contribs=True)
    return values[:, :-1], float(values[0, -1])


def gain_importance(model: TrainedModel) -> pd.Series:
    """Return each feature's share of the squared error that the mean booster's splits remove."""
    gains = model.boosters[MEAN].get_score(importance_type="total_gain")
    values = pd.Series(gains, dtype=float).reindex(list(model.manifest.features), fill_value=0.0)
    shares = values / max(float(values.sum()), np.finfo(float).tiny)
    return shares.rename("gain_share").rename_axis("feature").sort_values(ascending=False)


def importance_picture(importance: pd.Series, shown: int = SHOWN_FEATURES) -> bytes:
    """Return bars of the most important features as PNG, the largest on top."""
    from matplotlib.figure import Figure

    top = importance.head(shown).iloc[::-1]
    figure = Figure(figsize=(9, 0.3 * len(top) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([str(name).replace("_", " ") for name in top.index], top.to_numpy(), color="#0072b2")
    axes.set_xlabel(str(importance.name).replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    return picture.getvalue()
