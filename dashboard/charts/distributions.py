"""Heatmaps and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import AMOUNT_SCALE, BLUE, DELAY_LIMIT, DELAY_SCALE, GREY, VERMILLION, look

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def week_heatmap(frame: pd.DataFrame, value: str, title: str) -> go.Figure:
    """Hours of the day across, days of the week down; ``frame`` of ``history.by_weekday_and_hour``."""
    grid = frame.pivot_table(index="weekday", columns="hour", values=value).reindex(index=range(1, 8))
    is_delay = "delay" in value
    scale = (
        {"colorscale": DELAY_SCALE, "zmin": -DELAY_LIMIT, "zmax": DELAY_LIMIT}
        if is_delay
        else {"colorscale": AMOUNT_SCALE}
    )
    heat = go.Heatmap(
        z=grid.to_numpy(), x=list(grid.columns), y=list(WEEKDAYS), xgap=1, ygap=1, hoverongaps=False,
        colorbar={"title": {"text": title, "side": "right"}, "thickness": 10},
        hovertemplate="%{y} %{x}:00 · %{z:,.1f}<extra></extra>", **scale,
    )  # fmt: skip
    figure = look(go.Figure(heat), "scheduled hour (local time)", "", hovermode="closest")
    return figure.update_yaxes(autorange="reversed", showgrid=False).update_xaxes(dtick=3)


def distributions(frame: pd.DataFrame) -> go.Figure:
    """Predicted and actual delays as steps; ``frame`` of ``history.delay_distribution``."""
    figure = go.Figure()
    for column, colour, dash in (("actual", GREY, "solid"), ("predicted", BLUE, "solid")):
        figure.add_scatter(
            x=frame["minutes"], y=frame[column], mode="lines", name=column,
            line={"color": colour, "shape": "hv", "dash": dash, "width": 2},
            fill="tozeroy" if column == "actual" else None, fillcolor="rgba(135,149,161,0.25)",
            hovertemplate="%{y:,} flights",
        )  # fmt: skip
    return look(figure, "arrival delay (min)", "flights", height=380, yaxis_tickformat=",")


def predicted_against_actual(frame: pd.DataFrame) -> go.Figure:
    """Dots of single flights around the line on which both are equal.

    ``frame`` of ``history.predicted_against_actual``.
    """
    low, high = -60, 180
    covered = frame["actual_delay_minutes"].between(
        frame["interval_low_minutes"], frame["interval_high_minutes"]
    )
    figure = go.Figure()
    for is_in, name, colour, symbol in (
        (True, "in the 90 % interval", BLUE, "circle"),
        (False, "outside", VERMILLION, "x-thin-open"),
    ):
        part = frame[covered == is_in]
        figure.add_scattergl(
            x=part["predicted_delay_minutes"], y=part["actual_delay_minutes"], mode="markers",
            name=f"{name} ({len(part):,})",
            marker={"color": colour, "size": 5, "opacity": 0.45, "symbol": symbol},
            customdata=part["flight_id"],
            hovertemplate="%{customdata}<br>predicted %{x:.0f}, actual %{y:.0f} min<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": GREY, "dash": "dash"},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_yaxes(range=[low, high]).update_xaxes(range=[-30, 90])
    return look(
        figure, "predicted (min)", "actual (min)", height=380, hovermode="closest", yaxis_rangemode="normal"
    )


def check_heatmap(frame: pd.DataFrame, days: Sequence[date] = ()) -> go.Figure:
    """Checks down, days across, coloured by the share of evaluations that failed.

    ``frame`` of ``quality.check_trend``.
    ``days`` are on the axis also if nothing was checked on them.
    """
    rows = frame.assign(share=frame["failures"] / frame["evaluations"])
    grid = rows.pivot_table(index="check_name", columns="day", values="share")
    grid = grid.reindex(columns=sorted({*grid.columns, *days}))
    heat = go.Heatmap(
        z=grid.to_numpy(), x=[f"{day:%d %b}" for day in grid.columns], y=list(grid.index), zmin=0, zmax=1,
        xgap=2, ygap=2,
        colorscale=[[0, BLUE], [0.001, "#F2C4A4"], [1, VERMILLION]],
        hovertemplate="%{y}<br>%{x}: %{z:.0%} failed<extra></extra>",
        colorbar={"title": {"text": "failed", "side": "right"}, "tickformat": ".0%", "thickness": 10},
    )  # fmt: skip
    return look(
        go.Figure(heat),
        "day (UTC)",
        "",
        height=max(180, 90 + 26 * len(grid)),
        hovermode="closest",
        xaxis_type="category",
    )
