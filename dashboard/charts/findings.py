"""Figures of complex events: findings over time, and the legs of an aircraft."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import BLUE, GREY, ORANGE, VERMILLION, look

SEVERITY_COLOURS = {"critical": VERMILLION, "warning": ORANGE, "info": BLUE}
ROWS = 40
ROW_HEIGHT, LEAST_HEIGHT = 24, 200
MILLISECOND = pd.Timedelta(milliseconds=1)


def findings_over_time(frame: pd.DataFrame) -> go.Figure:
    """Return one bar per finding from its start to its end, in a row of its own, the most severe on top.

    Open findings end at the newest change. More than ROWS findings would be unreadable: the first ones are
    shown. ``frame``: rows of ``events.timeline``.
    """
    newest = frame["change_timestamp"].max()
    order = frame["severity"].map({name: number for number, name in enumerate(SEVERITY_COLOURS)})
    shown = frame.assign(_order=order).sort_values(["_order", "started"], kind="stable").head(ROWS)
    named = shown["pattern"].str.replace("_", " ") + "  " + shown["key"]
    figure = go.Figure()
    for severity, colour in SEVERITY_COLOURS.items():
        part = shown[shown["severity"] == severity]
        if part.empty:
            continue
        ends = pd.to_datetime(part["cleared"], utc=True).fillna(newest)
        lengths = (ends - part["started"]).clip(lower=pd.Timedelta(minutes=5))
        figure.add_bar(
            base=part["started"], x=lengths / MILLISECOND, y=named[part.index], orientation="h",
            name=severity, marker_color=colour, customdata=part[["explanation"]],
            hovertemplate="%{y}<br>%{customdata[0]}<extra></extra>",
        )  # fmt: skip
    height = max(LEAST_HEIGHT, 80 + ROW_HEIGHT * named.nunique())
    figure = look(figure, "event time (UTC)", "", height, barmode="overlay", hovermode="closest")
    return figure.update_xaxes(type="date").update_yaxes(autorange="reversed")


def legs(frame: pd.DataFrame) -> go.Figure:
    """Return the legs of an aircraft, planned above actual, with the arrival delay of each in minutes.

    ``frame``: rows of ``events.legs_of``.
    """
    figure = go.Figure()
    named = frame["flight_id"] + "  " + frame["origin"] + "–" + frame["destination"]
    shapes = (
        ("planned", "scheduled_departure", "scheduled_arrival", GREY, [""] * len(frame)),
        ("actual or expected", "departure", "arrival", VERMILLION, _late(frame)),
    )
    for name, begin, end, colour, texts in shapes:
        figure.add_bar(
            base=frame[begin], x=(frame[end] - frame[begin]) / MILLISECOND, y=named,
            orientation="h",
            name=name, marker_color=colour, text=texts, textposition="outside", cliponaxis=False,
            hovertemplate=f"{name}: %{{base|%H:%M}}<extra></extra>",
        )  # fmt: skip
    height = max(LEAST_HEIGHT, 80 + 2 * ROW_HEIGHT * len(frame))
    figure = look(figure, "UTC", "", height, barmode="group", hovermode="closest")
    return figure.update_xaxes(type="date").update_yaxes(autorange="reversed")


def _late(frame: pd.DataFrame) -> list[str]:
    delays = frame["arrival_delay_minutes"].fillna(frame["departure_delay_minutes"])
    return ["" if pd.isna(delay) else f"{delay:+.0f} min" for delay in delays]
