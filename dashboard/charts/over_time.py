"""Figures over time: messages, latency, series with their trend, periods side by side, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    ORANGE,
    PALETTE,
    SYMBOLS,
    VERMILLION,
    local_times,
    look,
)

if TYPE_CHECKING:
    from flight_assets.queries.trends import Trend

COVERED = "actual within the interval"


def messages_over_time(frame: pd.DataFrame, zone: ZoneInfo, height: int = HEIGHT) -> go.Figure:
    """Bars of messages per bucket of ``live.incoming``."""
    bars = go.Bar(
        x=frame["minute"], y=frame["messages"], customdata=local_times(frame["minute"], zone),
        marker_color=BLUE, name="messages",
        hovertemplate="%{y:,} messages<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    seconds = frame["seconds"].iloc[0] if len(frame) else 60
    unit = "minute" if seconds == 60 else f"{seconds / 60:g} minutes"
    return look(
        go.Figure(bars), "time (UTC)", f"messages per {unit}", height, bargap=0.05, yaxis_tickformat=","
    )


def latency_over_batches(frame: pd.DataFrame, zone: ZoneInfo, height: int = HEIGHT) -> go.Figure:
    """p50 and p95 of ``live.latency`` by the time at which the batch was finished."""
    figure = go.Figure()
    local = local_times(frame["finished"], zone)
    for column, name, colour, dash in (("p95_s", "p95", VERMILLION, "dot"), ("p50_s", "p50", BLUE, "solid")):
        figure.add_scatter(
            x=frame["finished"], y=frame[column], name=name, mode="lines+markers",
            line={"color": colour, "dash": dash}, marker_size=6,
            customdata=np.column_stack([frame["batch_id"], local]) if len(frame) else None,
            hovertemplate="%{y:,.0f} s, batch %{customdata[0]}<br>%{customdata[1]}",
        )  # fmt: skip
    figure = look(figure, "batch finished (UTC)", "latency (s)", height, yaxis_tickformat=",")
    if len(frame):
        # A few minutes of air on both sides: a single batch would get an axis in milliseconds.
        times = pd.to_datetime(frame["finished"], utc=True)
        air = max(pd.Timedelta(minutes=2), (times.max() - times.min()) * 0.04)
        figure.update_xaxes(range=[times.min() - air, times.max() + air])
    return figure


def series_with_bands(
    x: Sequence[Any] | pd.Series,
    values: pd.Series,
    trend: Trend | None,
    rolling: pd.Series | None,
    unit: str,
    x_title: str,
) -> go.Figure:
    """Return a time series with its rolling mean, its regression line and band, and its anomalies."""
    figure = go.Figure()
    if trend is not None:
        figure.add_scatter(x=x, y=trend.high, mode="lines", line_width=0, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=x, y=trend.low, mode="lines", line_width=0, fill="tonexty", fillcolor="rgba(230,159,0,0.22)",
            name="trend, 95 % interval",
            hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=x,
        y=values,
        mode="lines+markers",
        name="value",
        line={"color": BLUE, "width": 1.4},
        marker_size=4,
        hovertemplate=f"%{{y:,.1f}} {unit}",
    )
    if rolling is not None:
        figure.add_scatter(
            x=x,
            y=rolling,
            mode="lines",
            name="rolling mean",
            line={"color": GREEN, "width": 3},
            hovertemplate=f"%{{y:,.1f}} {unit}",
        )
    if trend is not None:
        _add_trend(figure, x, values, trend, unit)
    return look(
        figure,
        x_title,
        unit,
        height=380,
        yaxis_rangemode="normal",
        yaxis_tickformat=None if unit.startswith("0") else ",",
    )


def _add_trend(
    figure: go.Figure, x: Sequence[Any] | pd.Series, values: pd.Series, trend: Trend, unit: str
) -> None:
    figure.add_scatter(
        x=x,
        y=trend.fitted,
        mode="lines",
        name="trend",
        line={"color": ORANGE, "dash": "dash"},
        hovertemplate="%{y:,.1f}",
    )
    odd = trend.is_anomaly
    figure.add_scatter(
        x=pd.Series(x)[odd.to_numpy()], y=values[odd], mode="markers", name="anomaly",
        hovertemplate=f"%{{y:,.1f}} {unit}",
        marker={"symbol": "diamond-open", "size": 12, "color": VERMILLION, "line_width": 2},
    )  # fmt: skip


def periods_compared(now: pd.DataFrame, before: pd.DataFrame, value: str, title: str) -> go.Figure:
    """Two series of ``history.series`` over each other, by days since the begin of their period."""
    figure = go.Figure()
    for frame, name, colour, dash in (
        (before, "period before", GREY, "dot"),
        (now, "this period", BLUE, "solid"),
    ):
        begins = pd.to_datetime(frame["begin"])
        days = (begins - begins.min()).dt.days + 1 if len(frame) else []
        figure.add_scatter(
            x=days, y=frame[value], mode="lines", name=name,
            line={"color": colour, "dash": dash, "width": 2.2},
            customdata=[f"{day:%d %b %Y}" for day in begins], hovertemplate="%{y:,.1f} (%{customdata})",
        )  # fmt: skip
    return look(figure, "day of the period", title)


def lines(
    frame: pd.DataFrame,
    x: str,
    columns: dict[str, str],
    x_title: str,
    y_title: str,
    **layout: Any,  # noqa: ANN401
) -> go.Figure:
    """One line per column, named by its value in ``columns``.

    A name that starts with 'baseline' is dotted grey.
    """
    figure = go.Figure()
    colours = iter(PALETTE)
    for number, (column, name) in enumerate(columns.items()):
        is_baseline = name.startswith("baseline")
        figure.add_scatter(
            x=frame[x], y=frame[column], mode="lines+markers", name=name, hovertemplate="%{y:,.3~g}",
            line={"color": GREY if is_baseline else next(colours), "dash": "dot" if is_baseline else "solid"},
            marker={"size": 5, "symbol": SYMBOLS[number % len(SYMBOLS)]},
        )  # fmt: skip
    return look(figure, x_title, y_title, **layout)


def coverage(frame: pd.DataFrame, x: str, value: str, promised: float, x_title: str) -> go.Figure:
    """Return a share over time beside the share that is promised."""
    figure = lines(frame, x, {value: COVERED}, x_title, "share of flights")
    figure.add_hline(
        y=promised,
        line={"color": GREY, "dash": "dash"},
        annotation_text=f"promised {promised:.0%}",
        annotation_font_color=GREY,
    )
    return figure.update_yaxes(tickformat=".0%", rangemode="normal")
