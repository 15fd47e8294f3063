"""Figures of the prediction page: quality of the model by time and by confidence."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.bars import bars
from dashboard.charts.look import BLUE, VERMILLION, local_on_hover, look
from dashboard.charts.over_time import COVERED, coverage, lines

PROMISED_COVERAGE = 0.9
FEW_FLIGHTS = 20


def errors_over_time(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Errors beside those of the baselines, by bucket."""
    shown = enough(frame)
    columns = {
        "mae": "MAE",
        "rmse": "RMSE",
        "mae_median_baseline": "baseline MAE (median)",
        "rmse_mean_baseline": "baseline RMSE (mean)",
    }
    figure = lines(shown, "bucket", columns, "prediction made (UTC)", "error (min)")
    return local_on_hover(figure, "MAE", shown["bucket"], zone)


def mape_over_time(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """MAPE by bucket."""
    shown = enough(frame)
    figure = lines(shown, "bucket", {"mape": "MAPE"}, "prediction made (UTC)", "MAPE")
    return local_on_hover(figure, "MAPE", shown["bucket"], zone).update_yaxes(tickformat=".0%")


def coverage_over_time(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Coverage beside what is promised, by bucket."""
    shown = enough(frame)
    figure = coverage(shown, "bucket", "coverage_90", PROMISED_COVERAGE, "prediction made (UTC)")
    return local_on_hover(figure, COVERED, shown["bucket"], zone)


def coverage_heatmap(frame: pd.DataFrame) -> go.Figure:
    """Airlines down, days across, coloured by coverage: blue above what is promised, red below.

    ``frame`` of ``trust.coverage_by_airline``; cells of few flights are left out.
    """
    rows = frame[frame["flights"] >= FEW_FLIGHTS]
    grid = rows.pivot_table(index="airline", columns="day", values="coverage_90")
    counts = rows.pivot_table(index="airline", columns="day", values="flights")
    heat = go.Heatmap(
        z=grid.to_numpy(), x=[f"{day:%d %b}" for day in grid.columns], y=list(grid.index),
        customdata=counts.to_numpy(), zmin=0.8, zmid=PROMISED_COVERAGE, zmax=1.0, xgap=2, ygap=2,
        colorscale=[[0, VERMILLION], [0.5, "#F5F5F5"], [1, BLUE]],
        hovertemplate="%{y}, %{x}: %{z:.1%} of %{customdata:.0f} flights<extra></extra>",
        colorbar={"title": {"text": "covered", "side": "right"}, "tickformat": ".0%", "thickness": 10},
    )  # fmt: skip
    height = 120 + 22 * len(grid.index)
    return look(go.Figure(heat), "day of departure", "", height=height, hovermode="closest")


def errors_by_confidence(frame: pd.DataFrame) -> go.Figure:
    """MAE by the mean confidence of each bin."""
    named = frame.assign(confidence=[f"{confidence:.2f}" for confidence in frame["confidence"]])
    return bars(named, "confidence", "mae", "MAE (min)", "min")


def enough(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the buckets of the version with most flights that hold at least ``FEW_FLIGHTS``."""
    version = frame.groupby("model_version")["flights"].sum().idxmax()
    return frame[(frame["model_version"] == version) & (frame["flights"] >= FEW_FLIGHTS)]
