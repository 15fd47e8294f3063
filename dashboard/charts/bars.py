"""Bars: by category, rankings, shares, counts, batches, contributions of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import BLUE, DELAY_LIMIT, DELAY_SCALE, GREY, HEIGHT, ORANGE, VERMILLION, look


def bars(
    frame: pd.DataFrame,
    by: str,
    value: str,
    title: str,
    unit: str = "",
    height: int = HEIGHT,
    *,
    by_delay: bool = False,
) -> go.Figure:
    """Vertical bars of one column by another; ``by_delay`` colours them by their delay in minutes."""
    marker: dict[str, Any] = {"color": BLUE}
    if by_delay:
        marker = {"color": frame[value], "colorscale": DELAY_SCALE, "cmin": -DELAY_LIMIT, "cmax": DELAY_LIMIT}
    suffix = f" {unit}" if unit else ""
    figure = go.Figure(
        go.Bar(
            x=frame[by], y=frame[value], marker=marker, hovertemplate=f"%{{y:,.4~g}}{suffix}<extra></extra>"
        )
    )
    return look(
        figure, by.replace("_", " "), title, height=height, xaxis_type="category", yaxis_tickformat=","
    )


def ranking(frame: pd.DataFrame, by: str, value: str, title: str, hover: str = "") -> go.Figure:
    """Horizontal bars, the first row on top, made to be clicked: the point's label is the row's ``by``."""
    shown = frame.iloc[::-1]
    text = shown[hover] if hover else None
    colours = {
        "color": shown["mean_arrival_delay"].fillna(0),
        "colorscale": DELAY_SCALE,
        "cmin": -DELAY_LIMIT,
        "cmax": DELAY_LIMIT,
    }
    figure = go.Figure(
        go.Bar(
            x=shown[value], y=shown[by].astype(str), orientation="h", marker=colours, customdata=text,
            hovertemplate="<b>%{y}</b> %{x:,.3~g}"
            + ("<br>%{customdata}" if hover else "") + "<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(type="category", showgrid=False)
    return look(
        figure,
        title,
        "",
        height=max(180, 70 + 24 * len(shown)),
        hovermode="closest",
        xaxis_tickformat=",",
        clickmode="event+select",
    )


def contributions(frame: pd.DataFrame, shown: int = 12) -> go.Figure:
    """Bars of each feature's contribution to one flight's prediction in minutes, the largest on top.

    Columns of ``frame``: feature, value, contribution_minutes.
    """
    order = frame["contribution_minutes"].abs().sort_values(ascending=False).index[:shown]
    top = frame.loc[order].iloc[::-1]
    labels = [f"{row.feature}<br>= {_feature_value(row.value)}" for row in top.itertuples()]
    marker = {"color": np.where(top["contribution_minutes"] >= 0, VERMILLION, BLUE)}
    figure = go.Figure(
        go.Bar(
            x=top["contribution_minutes"],
            y=labels,
            orientation="h",
            marker=marker,
            hovertemplate="%{x:+.2f} min<extra></extra>",
        )
    )
    return look(
        figure,
        "contribution (min)",
        "",
        height=90 + 34 * len(top),
        hovermode="closest",
        xaxis_rangemode="normal",
    )


def _feature_value(value: object) -> str:
    """Return a feature's value with four digits; a missing one in words."""
    if not isinstance(value, (int, float)):
        return str(value)
    return "not known" if np.isnan(value) else f"{value:,.4g}"


def stacked_batches(frame: pd.DataFrame, columns: Sequence[str], y_title: str) -> go.Figure:
    """Bars per batch, the columns stacked; ``frame`` of ``quality.batches``."""
    figure = go.Figure()
    colours = {"staged": BLUE, "duplicate": GREY, "quarantined": VERMILLION}
    for column in columns:
        figure.add_bar(
            x=frame["batch_id"],
            y=frame[column],
            name=column,
            marker_color=colours.get(column, BLUE),
            hovertemplate="%{y:,}",
        )
    return look(figure, "batch", y_title, barmode="stack", yaxis_tickformat=",")


def shares(frame: pd.DataFrame, by: str, value: str, title: str) -> go.Figure:
    """Horizontal bars of shares 0–1, first row on top, with their numbers."""
    shown = frame.iloc[::-1]
    text = [f"{share:.1%}" for share in shown[value].fillna(0)]
    figure = go.Figure(
        go.Bar(x=shown[value], y=shown[by], orientation="h", marker_color=ORANGE, text=text,
            textposition="outside", cliponaxis=False,
               hovertemplate="%{y}: %{x:.2%}<extra></extra>")
    )  # fmt: skip
    most = float(shown[value].max() or 0) if len(shown) else 0.0
    return look(figure, title, "", height=max(160, 70 + 22 * len(shown)), xaxis_tickformat=".0%",
        xaxis_range=[0, max(0.01, most * 1.35)],
                hovermode="closest")  # fmt: skip


def counts(frame: pd.DataFrame, by: str, value: str, title: str) -> go.Figure:
    """Horizontal bars of counts, first row on top, with their numbers."""
    shown = frame.iloc[::-1]
    figure = go.Figure(
        go.Bar(x=shown[value], y=shown[by], orientation="h", marker_color=VERMILLION,
            text=[f"{count:,}" for count in shown[value]],
               textposition="outside", cliponaxis=False, hovertemplate="%{y}: %{x:,}<extra></extra>")
    )  # fmt: skip
    most = float(shown[value].max()) if len(shown) else 1.0
    return look(
        figure,
        title,
        "",
        height=max(160, 70 + 24 * len(shown)),
        xaxis_tickformat=",",
        xaxis_range=[0, most * 1.35],
        hovermode="closest",
    )
