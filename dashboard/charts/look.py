"""Common look of all figures: palette, template, axis titles, local time on hover."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

# Okabe and Ito's palette, as in .streamlit/config.toml.
BLUE, ORANGE, GREEN, VERMILLION, PINK, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PINK, SKY)
GREY = "#8795A1"
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross")
# Early is blue, on time is grey, late is vermillion: distinct for any colour vision.
DELAY_SCALE = [[0.0, "#0072B2"], [0.3, "#7FB8D8"], [0.5, "#B8BEC4"], [0.7, "#EBA878"], [1.0, "#D55E00"]]
AMOUNT_SCALE = [[0.0, "rgba(0,114,178,0.08)"], [1.0, "#0072B2"]]
DELAY_LIMIT = 30
HEIGHT = 300


pio.templates["flights"] = go.layout.Template(
    layout={
        "colorway": PALETTE,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "separators": ".,",
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "autoexpand": True},
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0,
            "title": {"text": ""},
        },
        "xaxis": {"automargin": True, "title": {"standoff": 8}, "showgrid": False, "zeroline": False},
        "yaxis": {"automargin": True, "title": {"standoff": 8}, "zeroline": False, "rangemode": "tozero"},
        "bargap": 0.15,
    }
)


@cache
def _template() -> go.layout.Template:
    """Return our layout over Streamlit's, merged once.

    Defaults of traces are left out, because they cost more than drawing.
    """
    both = "streamlit+flights" if "streamlit" in pio.templates else "flights"
    return go.layout.Template(layout=go.Figure(layout={"template": both}).layout.template.layout)


def look(figure: go.Figure, x: str = "", y: str = "", height: int = HEIGHT, **layout: Any) -> go.Figure:  # noqa: ANN401
    """Return the figure in the common look. Zoom and hidden series survive new data."""
    return figure.update_layout(
        template=_template(), xaxis_title=x, yaxis_title=y, height=height, uirevision="kept", **layout
    )


def local_times(times: pd.Series, zone: ZoneInfo) -> list[str]:
    """Each UTC time as the viewer's local time, for hovering."""
    return [f"{moment:%d %b %H:%M %Z}" for moment in pd.to_datetime(times, utc=True).dt.tz_convert(zone)]


def local_on_hover(figure: go.Figure, trace: str, times: pd.Series, zone: ZoneInfo) -> go.Figure:
    """Return the figure with the viewer's local time on hover over one trace.

    ``times`` are its x values, UTC.
    """
    local = local_times(times, zone)
    return figure.for_each_trace(
        lambda one: one.update(customdata=local, hovertemplate=f"{one.hovertemplate}<br>%{{customdata}}"),
        selector={"name": trace},
    )
