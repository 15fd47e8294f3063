"""Figures of the operations page: pure functions from frames, in the common look of ``charts``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.charts.look import BLUE, GREEN, GREY, ORANGE, PALETTE, VERMILLION, local_times, look
from flight_assets.provenance import STEPS
from flight_assets.queries.operations import HEALTH_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    import pandas as pd

ROW_HEIGHT = 34
RUN_COLOURS = {
    "SUCCESS": (BLUE, "circle"),
    "FAILURE": (VERMILLION, "x"),
    "CANCELED": (GREY, "square"),
    "unfinished": (ORANGE, "diamond-open"),
}


def health_parts(parts: Mapping[str, float]) -> go.Figure:
    """Bars of each part of the health score: weight × part, in front of the whole weight."""
    names = list(HEALTH_WEIGHTS)[::-1]
    weights = [HEALTH_WEIGHTS[name] for name in names]
    given = [HEALTH_WEIGHTS[name] * parts[name] for name in names]
    figure = go.Figure()
    figure.add_bar(
        x=weights,
        y=names,
        orientation="h",
        marker_color="rgba(135,149,161,0.28)",
        name="could give",
        hoverinfo="skip",
    )
    figure.add_bar(
        x=given, y=names, orientation="h", name="gives", cliponaxis=False, textposition="none",
        marker_color=[BLUE if parts[name] > 0.99 else VERMILLION for name in names],
        customdata=[parts[name] for name in names],
        hovertemplate="%{y}: %{x:.1%} of the score (part %{customdata:.0%})<extra></extra>",
    )  # fmt: skip
    for name, weight, value in zip(names, weights, given, strict=True):
        figure.add_annotation(
            x=weight,
            y=name,
            text=f" {value:.0%} of {weight:.0%}",
            xanchor="left",
            showarrow=False,
            font_size=12,
        )
    figure.update_yaxes(showgrid=False, type="category").update_xaxes(
        range=[0, 0.6], tickvals=[0, 0.1, 0.2, 0.3], tickformat=".0%"
    )
    return look(
        figure,
        "share of the score",
        "",
        height=70 + ROW_HEIGHT * len(names),
        barmode="overlay",
        hovermode="closest",
        showlegend=False,
    )


def capacity(frame: pd.DataFrame) -> go.Figure:
    """Bars of used shares, 0–100 %, one per row of ``frame``.

    Columns: ``name``, ``ratio``, ``text`` beside the bar, and ``limit_ratio``, the limit of an alert (null:
    none).
    """
    shown = frame.iloc[::-1]
    near = [
        limit == limit and ratio > limit
        for ratio, limit in zip(shown["ratio"], shown["limit_ratio"], strict=True)
    ]
    figure = go.Figure()
    figure.add_bar(
        x=[1.0] * len(shown),
        y=shown["name"],
        orientation="h",
        marker_color="rgba(135,149,161,0.18)",
        hoverinfo="skip",
    )
    figure.add_bar(
        x=shown["ratio"].clip(upper=1), y=shown["name"], orientation="h",
        marker_color=[VERMILLION if is_near else BLUE for is_near in near],
        customdata=shown["text"], hovertemplate="%{y}: %{customdata}<extra></extra>",
    )  # fmt: skip
    for name, text in zip(shown["name"], shown["text"], strict=True):
        figure.add_annotation(x=1.02, y=name, text=text, xanchor="left", showarrow=False, font_size=12)
    limits = shown[shown["limit_ratio"].notna()]
    figure.add_scatter(
        x=limits["limit_ratio"], y=limits["name"], mode="markers",
        hovertemplate="alert above %{x:.0%}<extra></extra>",
        marker={"symbol": "line-ns-open", "size": 18, "color": VERMILLION, "line_width": 2},
    )  # fmt: skip
    figure.update_yaxes(showgrid=False, type="category").update_xaxes(
        range=[0, 1.75], tickvals=[0, 0.5, 1], tickformat=".0%"
    )
    height = 70 + ROW_HEIGHT * len(shown)
    return look(
        figure,
        "used (mark: alert)",
        "",
        height=height,
        barmode="overlay",
        hovermode="closest",
        showlegend=False,
    )


def runs(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """One mark per started run, by its start and duration.

    Shape and colour show how it ended. ``frame``: columns of ``dagster.runs``.
    """
    figure = go.Figure()
    ended = frame["status"].where(frame["status"].isin(list(RUN_COLOURS)), "unfinished")
    for status, (colour, symbol) in RUN_COLOURS.items():
        part = frame[(ended == status) & frame["started"].notna()]
        if part.empty:
            continue
        local = local_times(part["started"], zone)
        figure.add_scatter(
            x=part["started"], y=part["seconds"].fillna(0), mode="markers", name=status.lower(),
            marker={"color": colour, "symbol": symbol, "size": 9},
            customdata=list(zip(part["job"], part["run_id"].str[:8], local, strict=True)),
            hovertemplate="%{customdata[0]} %{customdata[1]}: %{y:,.0f} s<br>%{customdata[2]}<extra></extra>",
        )  # fmt: skip
    return look(figure, "run started (UTC)", "duration (s)", hovermode="closest")


def step_durations(frame: pd.DataFrame) -> go.Figure:
    """Bars per batch, the durations of its steps stacked: ``seconds_<step>`` of ``operations.batches``."""
    figure = go.Figure()
    for step, colour in zip(STEPS, (BLUE, ORANGE, GREEN, PALETTE[4], PALETTE[5]), strict=True):
        figure.add_bar(
            x=frame["batch_id"],
            y=frame[f"seconds_{step}"],
            name=step,
            marker_color=colour,
            hovertemplate="%{y:,.1f} s",
        )
    return look(figure, "batch", "duration (s)", barmode="stack", xaxis_type="category")


def landing_rate(frame: pd.DataFrame) -> go.Figure:
    """Messages a second of the landing stream per batch, of ``operations.batches``."""
    figure = go.Figure()
    figure.add_bar(
        x=frame["batch_id"], y=frame["messages_per_s"], marker_color=BLUE, customdata=frame["messages"],
        hovertemplate="%{y:,.0f} messages/s, %{customdata:,} in all<extra></extra>",
    )  # fmt: skip
    return look(figure, "batch", "messages per second", xaxis_type="category", yaxis_tickformat=",")


def lag(frame: pd.DataFrame) -> go.Figure:
    """Taken and waiting messages per partition, of ``operations.topic_lag``."""
    names = [f"partition {number}" for number in frame["partition"]]
    figure = go.Figure()
    figure.add_bar(
        x=frame["next_offset"],
        y=names,
        orientation="h",
        name="taken",
        marker_color=BLUE,
        hovertemplate="%{x:,} taken<extra></extra>",
    )
    figure.add_bar(
        x=frame["lag"],
        y=names,
        orientation="h",
        name="waiting",
        marker_color=VERMILLION,
        hovertemplate="%{x:,} waiting<extra></extra>",
    )
    figure.update_yaxes(showgrid=False)
    height = 110 + ROW_HEIGHT * max(1, len(frame))
    return look(
        figure, "messages", "", height=height, barmode="stack", hovermode="closest", xaxis_tickformat=","
    )


def archives(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """One mark per archive, by its begin and its documents.

    The colour shows whether it is done. ``frame``: columns of ``operations.archives``.
    """
    figure = go.Figure()
    for is_done, name, colour, symbol in (
        (True, "done", BLUE, "circle"),
        (False, "not done", ORANGE, "diamond-open"),
    ):
        part = frame[frame["state"].isin(["done", "expired"]) == is_done]
        if part.empty:
            continue
        figure.add_scatter(
            x=part["timestamp"], y=part["record_count"], mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": 11},
            customdata=list(zip(part["archive_id"], part["state"], local_times(part["timestamp"], zone),
                strict=True)),
            hovertemplate="%{customdata[0]}: %{y:,} documents, %{customdata[1]}<br>"
                "%{customdata[2]}<extra></extra>",
        )  # fmt: skip
    return look(
        figure, "archive begun (UTC)", "documents", height=220, hovermode="closest", yaxis_tickformat=","
    )
