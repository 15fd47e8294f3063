"""Which features a model relies on: numbers, and a picture of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xgboost as xgb

from flight_assets.delay_model.model import MEAN, TrainedModel

SHOWN_FEATURES = 20


def shap_importance(model: TrainedModel, features: pd.DataFrame) -> pd.Series:
    """Mean |SHAP value| of each feature over these flights, in minutes, largest first; index: feature.

    SHAP values split a prediction of the mean booster over its features (Lundberg et al. 2020, Nature Machine Intelligence 2, 56–67).
    A few thousand flights are enough; it costs about a hundred times more than predicting.
    """
    names = list(model.manifest.features)
    matrix = xgb.DMatrix(features[names].to_numpy(dtype=np.float32), feature_names=names)
    contributions = model.boosters[MEAN].predict(matrix, pred_contribs=True)
    without_bias = np.abs(contributions[:, :-1]).mean(axis=0)
    return pd.Series(without_bias, index=pd.Index(names, name="feature"), name="mean_abs_shap_minutes").sort_values(ascending=False)


def gain_importance(model: TrainedModel) -> pd.Series:
    """Each feature's share of the squared error that the mean booster's splits removed in training, largest first; index: feature."""
    gains = model.boosters[MEAN].get_score(importance_type="total_gain")
    values = pd.Series(gains, dtype=float).reindex(list(model.manifest.features), fill_value=0.0)
    shares = values / max(float(values.sum()), np.finfo(float).tiny)
    return shares.rename("gain_share").rename_axis("feature").sort_values(ascending=False)


def importance_figure(importance: pd.Series, shown: int = SHOWN_FEATURES) -> go.Figure:
    """Bars of the most important features, the largest on top."""
    top = importance.head(shown).iloc[::-1]
    bars = go.Bar(x=top.to_numpy(), y=top.index.to_numpy(), orientation="h")
    title = str(importance.name).replace("_", " ")
    layout = {"title": f"What the model looks at: {title}", "xaxis_title": title, "margin": {"l": 260}, "height": 30 * len(top) + 120}
    return go.Figure(bars).update_layout(layout)
