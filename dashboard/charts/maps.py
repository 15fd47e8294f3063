"""Map of delays: routes and airports, anywhere in the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import DELAY_LIMIT, DELAY_SCALE, GREY, HEIGHT, look

# Degrees of margin around what is drawn, and the least size of the map.
MARGIN, LEAST_SPAN = 4.0, 12.0
# A wider span shows the whole world, on a projection made for it.
WORLD_SPAN, MERCATOR_SPAN = 200.0, 100.0
BORDER = "rgba(135,149,161,0.45)"
# Outlines of land and countries.
LAND: dict[str, Any] = {
    "resolution": 110,
    "bgcolor": "rgba(0,0,0,0)",
    "showland": True,
    "landcolor": "rgba(135,149,161,0.14)",
    "showlakes": False,
    "showframe": False,
    "showcountries": True,
    "countrycolor": BORDER,
    "showsubunits": True,
    "subunitcolor": BORDER,
    "coastlinecolor": "rgba(135,149,161,0.6)",
}


def delay_map(routes: pd.DataFrame, airports: pd.DataFrame, height: int = HEIGHT + 60) -> go.Figure:
    """Return a map that fits its airports: routes as lines, airports as dots, coloured by mean delay.

    Routes to airports that nobody knows are left out, see ``on_the_map``.
    """
    places = airports.set_index("code")
    known = _placed(routes, places)
    figure = go.Figure()
    for low, high, colour in (
        (-np.inf, -5, "#0072B2"),
        (-5, 5, "#B8BEC4"),
        (5, 20, "#EBA878"),
        (20, np.inf, "#D55E00"),
    ):
        band = known[(known["mean_delay"] >= low) & (known["mean_delay"] < high)]
        gaps = np.full(len(band), np.nan)
        figure.add_scattergeo(
            lat=np.column_stack([band["origin_lat"], band["destination_lat"], gaps]).ravel(),
            lon=np.column_stack([band["origin_lon"], band["destination_lon"], gaps]).ravel(),
            mode="lines", line={"width": 1.2, "color": colour}, opacity=0.55, hoverinfo="skip",
            showlegend=False,
        )  # fmt: skip
    dots = airport_delays(known)
    dots = dots.join(places, on="airport")
    figure.add_scattergeo(
        lat=dots["latitude"], lon=dots["longitude"], mode="markers", showlegend=False,
        customdata=np.column_stack([dots["airport"], dots["name"], dots["flights"],
            dots["mean_delay"].fillna(0)]),
        marker={
            "size": 6 + 22 * np.sqrt(dots["flights"] / max(1, dots["flights"].max() if len(dots) else 1)),
            "color": dots["mean_delay"], "colorscale": DELAY_SCALE, "cmin": -DELAY_LIMIT, "cmax": DELAY_LIMIT,
            "line": {"width": 1, "color": GREY}, "opacity": 0.95,
            "colorbar": {"title": {"text": "mean delay (min)", "side": "bottom"}, "orientation": "h",
                "thickness": 8, "len": 0.6,
                         "y": -0.02, "yanchor": "top", "tickvals": [-30, -15, 0, 15, 30],
                         "ticktext": ["≤ −30", "−15", "0", "15", "≥ 30"]},
        },
        hovertemplate="<b>%{customdata[0]}</b> %{customdata[1]}<br>%{customdata[2]:,} flights<br>"
            "%{customdata[3]:+.1f} min<extra></extra>",
    )  # fmt: skip
    geo = {**LAND, **frame_of(dots["latitude"], dots["longitude"])}
    return look(figure, height=height, geo=geo, hovermode="closest", margin={"l": 0, "r": 0, "t": 0, "b": 40})


def frame_of(latitudes: pd.Series, longitudes: pd.Series) -> dict[str, Any]:
    """Return the part of the world to show, as Plotly's ``geo``: all of the places, with a margin.

    Across the date line the map is turned, so that Guam lies beside Honolulu.
    """
    if not len(longitudes):
        return {"projection": {"type": "natural earth"}}
    west, span = _arc(np.sort(longitudes.to_numpy(float) % 360))
    if span > WORLD_SPAN:
        return {"projection": {"type": "natural earth"}}
    half = max(LEAST_SPAN, span + 2 * MARGIN) / 2
    middle = (west + span / 2 + 180) % 360 - 180
    south, north = latitudes.min() - MARGIN, latitudes.max() + MARGIN
    missing = max(0.0, LEAST_SPAN / 2 - (north - south)) / 2
    kind = "mercator" if span <= MERCATOR_SPAN else "natural earth"
    return {
        "projection": {"type": kind, "rotation": {"lon": middle}},
        "lonaxis": {"range": [middle - half, middle + half]},
        "lataxis": {"range": [max(-85.0, south - missing), min(85.0, north + missing)]},
    }


def _arc(longitudes: np.ndarray) -> tuple[float, float]:
    """Return the western end and the length of the shortest arc that has all of these sorted degrees east."""
    gaps = np.diff(longitudes, append=longitudes[0] + 360)
    widest = int(gaps.argmax())
    return float(longitudes[(widest + 1) % len(longitudes)]), float(360 - gaps[widest])


def on_the_map(routes: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Return the routes whose two airports are known, so that they have a place."""
    known = airports.loc[airports["latitude"].notna(), "code"]
    ends = routes["route"].str.split("-", expand=True).reindex(columns=[0, 1])
    return routes[ends[0].isin(known) & ends[1].isin(known)]


def _placed(routes: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return the routes with a delay whose two airports are known, with coordinates of both."""
    ends = routes["route"].str.split("-", expand=True).reindex(columns=[0, 1])
    frame = routes.assign(origin=ends[0], destination=ends[1])
    frame = frame[
        frame["origin"].isin(places.index)
        & frame["destination"].isin(places.index)
        & frame["mean_delay"].notna()
    ]
    for end in ("origin", "destination"):
        frame[f"{end}_lat"] = frame[end].map(places["latitude"])
        frame[f"{end}_lon"] = frame[end].map(places["longitude"])
    return frame


def airport_delays(routes: pd.DataFrame) -> pd.DataFrame:
    """One row per airport at either end of a route: airport, flights, mean_delay.

    ``mean_delay`` is in minutes, weighted by flights.
    """
    ends = [
        routes[[end, "flights", "mean_delay"]].rename(columns={end: "airport"})
        for end in ("origin", "destination")
    ]
    both = pd.concat(ends)
    both = both.assign(minutes=both["mean_delay"] * both["flights"])
    summed = both.groupby("airport", as_index=False)[["flights", "minutes"]].sum()
    return summed.assign(mean_delay=summed["minutes"] / summed["flights"])[
        ["airport", "flights", "mean_delay"]
    ]
