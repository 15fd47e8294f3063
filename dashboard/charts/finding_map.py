"""Open findings on the map of delays: a ring around each airport that has some."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.findings import SEVERITY_COLOURS
from dashboard.charts.maps import frame_of

LINE_LENGTH = 60


def findings_by_airport(frame: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """One row per airport with open findings and a known place: severity, findings, explanation, coordinates.

    Severity and explanation are those of its first finding, which is the most severe one.
    ``frame``: rows of ``events.open_findings``.
    """
    places = airports.dropna(subset=["latitude"]).drop_duplicates("code").set_index("code")
    known = frame[frame["airport"].isin(places.index)]
    grouped = known.groupby("airport", as_index=False, sort=False).agg(
        severity=("severity", "first"),
        findings=("finding_id", "size"),
        explanation=("explanation", "first"),
    )
    return grouped.join(places[["latitude", "longitude"]], on="airport")


def add_findings(figure: go.Figure, frame: pd.DataFrame, airports: pd.DataFrame) -> go.Figure:
    """Return a map of delays with open findings on it, and the part of the world that shows both."""
    shown = findings_by_airport(frame, airports)
    for severity, colour in SEVERITY_COLOURS.items():
        part = shown[shown["severity"] == severity]
        if part.empty:
            continue
        figure.add_scattergeo(
            lat=part["latitude"], lon=part["longitude"], mode="markers", name=severity, showlegend=False,
            marker={
                "symbol": "circle-open", "color": colour, "line": {"width": 3},
                "size": 18 + 6 * np.log2(part["findings"]),
            },
            customdata=np.column_stack([
                part["airport"], part["findings"],
                ["<br>".join(wrap(text, LINE_LENGTH)) for text in part["explanation"]],
            ]),
            hovertemplate=f"<b>%{{customdata[0]}}</b> {severity}, open findings: %{{customdata[1]}}<br>"
                "%{customdata[2]}<extra></extra>",
        )  # fmt: skip
    drawn = [trace for trace in figure.data if trace.mode == "markers"]
    latitudes, longitudes = (
        pd.Series(np.concatenate([np.asarray(trace[name], float) for trace in drawn]), dtype=float).dropna()
        for name in ("lat", "lon")
    )
    return figure.update_geos(frame_of(latitudes, longitudes))
