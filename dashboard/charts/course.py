"""Figures of the operations page over a day: state and memory of services, and how full disks are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.charts.look import GREY, PALETTE, SKY, VERMILLION, local_times, look

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

ROW_HEIGHT = 18
# Further services are one line together.
LINES = len(PALETTE)
OTHERS = "all others"
BYTES_PER_MB = 1e6


def states(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Return one row per service and one cell per five minutes of ``monitoring.course``.

    A cell is vermillion if the service did not work at some moment of them.
    """
    up = frame[frame["kind"] == "up"]
    table = up.pivot_table(index="name", columns="at", values="value", aggfunc="min").iloc[::-1]
    local = local_times(table.columns.to_series(), zone)
    figure = go.Figure()
    figure.add_heatmap(
        x=table.columns, y=table.index, z=table.to_numpy(), zmin=0, zmax=1, showscale=False, ygap=2,
        colorscale=[[0, VERMILLION], [1, SKY]], hoverongaps=False,
        customdata=[local] * len(table), text=[["works" if v else "does not" for v in row]
                                               for row in table.to_numpy()],
        hovertemplate="%{y} %{text}<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(showgrid=False, type="category")
    return look(figure, "time (UTC)", "", height=90 + ROW_HEIGHT * len(table), hovermode="closest")


def memory(frame: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Return lines of memory in MB: the services that used most, and the sum of all others."""
    used = frame[frame["kind"] == "memory_bytes"]
    table = used.pivot_table(index="at", columns="name", values="value", aggfunc="max") / BYTES_PER_MB
    largest = list(table.max().nlargest(LINES).index)
    local = local_times(table.index.to_series(), zone)
    lines = {name: table[name] for name in largest}
    rest = table.drop(columns=largest)
    if len(rest.columns):
        lines[OTHERS] = rest.sum(axis=1)
    figure = go.Figure()
    for (name, values), colour in zip(lines.items(), (*PALETTE, GREY), strict=False):
        figure.add_scatter(
            x=table.index, y=values, name=name, mode="lines", line={"color": colour, "width": 2},
            customdata=local, hovertemplate="%{y:,.0f} MB<br>%{customdata}",
        )  # fmt: skip
    return look(figure, "time (UTC)", "memory (MB)", yaxis_tickformat=",")


def disks(frame: pd.DataFrame, zone: ZoneInfo, limit_ratio: float) -> go.Figure:
    """Return lines of the full share of each disk, and the limit of the alert."""
    used = frame[frame["kind"] == "disk_used_ratio"]
    table = used.pivot_table(index="at", columns="name", values="value", aggfunc="max")
    local = local_times(table.index.to_series(), zone)
    figure = go.Figure()
    for number, name in enumerate(table.columns):
        figure.add_scatter(
            x=table.index, y=table[name], name=name, mode="lines",
            line={"color": PALETTE[number % LINES], "width": 2,
                  "dash": ("solid", "dot", "dash")[number // LINES % 3]},
            customdata=local, hovertemplate="%{y:.1%}<br>%{customdata}",
        )  # fmt: skip
    figure.add_hline(y=limit_ratio, line_color=VERMILLION, line_dash="dash")
    return look(figure, "time (UTC)", "used (line: alert)", yaxis_tickformat=".0%", yaxis_range=[0, 1.02])
