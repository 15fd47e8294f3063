"""Map of delays: routes and airports of the United States."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import DELAY_LIMIT, DELAY_SCALE, GREY, HEIGHT, look

if TYPE_CHECKING:
    pass

# Parts of the map, as south, north, west, east in degrees: the contiguous states, and as insets Alaska and
# Hawaii.
MAPPED = {
    "states": (24.0, 50.0, -125.5, -66.0),
    "Alaska": (51.0, 72.0, -180.0, -129.0),
    "Hawaii": (18.5, 22.6, -161.0, -154.0),
}


def delay_map(routes: pd.DataFrame, airports: pd.DataFrame, height: int = HEIGHT + 60) -> go.Figure:
    """Return a map of the United States: routes as lines, airports as dots, coloured by mean delay.

    Routes that leave the map are left out, see ``on_the_map``.
    """
    places = airports.set_index("code")
    known = _placed(on_the_map(routes, airports), places)
    figure = go.Figure()
    # A line to an inset would run out of the frame and come in again.
    parts = [_part_of_map(known[f"{end}_lat"], known[f"{end}_lon"]) for end in ("origin", "destination")]
    drawn = known[parts[0] == parts[1]]
    for low, high, colour in (
        (-np.inf, -5, "#0072B2"),
        (-5, 5, "#B8BEC4"),
        (5, 20, "#EBA878"),
        (20, np.inf, "#D55E00"),
    ):
        band = drawn[(drawn["mean_delay"] >= low) & (drawn["mean_delay"] < high)]
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
    geo = {
        "scope": "usa", "resolution": 110, "bgcolor": "rgba(0,0,0,0)", "landcolor": "rgba(135,149,161,0.14)",
        "showlakes": False,
        "subunitcolor": "rgba(135,149,161,0.45)", "countrycolor": "rgba(135,149,161,0.45)",
        "coastlinecolor": "rgba(135,149,161,0.6)",
    }  # fmt: skip
    return look(figure, height=height, geo=geo, hovermode="closest", margin={"l": 0, "r": 0, "t": 0, "b": 40})


def on_the_map(routes: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Return the routes whose two airports lie within the map's frame, such as none to Puerto Rico."""
    places = airports.set_index("code")
    inside = places.index[_part_of_map(places["latitude"], places["longitude"]) != ""]
    ends = routes["route"].str.split("-", expand=True).reindex(columns=[0, 1])
    return routes[ends[0].isin(inside) & ends[1].isin(inside)]


def _part_of_map(latitude: pd.Series, longitude: pd.Series) -> pd.Series:
    """Return the key of ``MAPPED`` for each place; empty text for one outside."""
    part = pd.Series("", index=latitude.index)
    for name, (south, north, west, east) in MAPPED.items():
        part[latitude.between(south, north) & longitude.between(west, east)] = name
    return part


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
