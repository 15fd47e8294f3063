"""Drill-down of page 3: ranked bars in any order of levels, down to the flights of a route and to one."""

from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, data, data_tables, filter_bar, render_cache, texts
from dashboard import components as ui
from dashboard.charts import history as figures
from flight_assets.queries import flight_rows, history
from flight_assets.queries.cache import Query
from flight_assets.queries.filters import Filters

LEVELS: tuple[history.Dimension, ...] = ("airline", "origin", "destination")
PATH = "history_path"
LEVEL = "history_level"
BARS = 20
Measure = tuple[str, str]


def path() -> list[tuple[history.Dimension, str]]:
    """Return the levels drilled into: dimension and code of each."""
    found: list[tuple[history.Dimension, str]] = st.session_state.setdefault(PATH, [])
    return found


def prefetched(filters: Filters, measure: Measure) -> list[Query]:
    """Return the queries of the level that shows first."""
    left = levels_left()
    return [_ranking(narrowed(filters), chosen_level(left), measure)] if left else []


def levels_left() -> tuple[history.Dimension, ...]:
    """Return the levels that have not been drilled into."""
    taken = {dimension for dimension, _ in path()}
    return tuple(level for level in LEVELS if level not in taken)


def chosen_level(left: tuple[history.Dimension, ...]) -> history.Dimension:
    """Return the level that the viewer chose, or the first that is left."""
    chosen = st.session_state.get(LEVEL)
    return chosen if chosen in left else left[0]


def drilled() -> str:
    """Return the codes drilled into, as the beginning of a sentence; empty text at the top."""
    return "".join(f"{dimension} {code} · " for dimension, code in path())


def narrowed(filters: Filters) -> Filters:
    """Return the filters narrowed to the codes drilled into."""
    codes: dict[str, Any] = {f"{dimension}s": (code,) for dimension, code in path()}
    return replace(filters, **codes)


def show(filters: Filters, measure: Measure) -> None:
    """Show the bars of one level, ranked by the measure.

    A click on a bar, or the picker, goes one level down. Every chart of the page follows.
    """
    with ui.section(
        "Drill down",
        "Click a bar, or choose from the list, to go one level down, in any order, to a route's flights.",
    ):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if st.button("All flights", icon=":material/home:", key="history_home", disabled=not path()):
                climb(0)
            for number, (_, name) in enumerate(path()):
                if st.button(
                    name,
                    key=f"history_crumb_{number}",
                    icon=":material/chevron_right:",
                    disabled=number == len(path()) - 1,
                ):
                    climb(number + 1)
        left = levels_left()
        if left:
            # A level that is left over from an earlier choice is no option any more.
            if st.session_state.get(LEVEL) not in left:
                st.session_state[LEVEL] = left[0]
            st.segmented_control("By", left, key=LEVEL)
            _level(narrowed(filters), chosen_level(left), measure)
        else:
            _route(narrowed(filters))


def _ranking(filters: Filters, dimension: history.Dimension, measure: Measure) -> Query:
    return data.history(history.by, filters, dimension, BARS, measure[0])


def _level(filters: Filters, dimension: history.Dimension, measure: Measure) -> None:
    """Show the bars of one level, which can be clicked."""
    found = ui.answer(ui.gather(rows=_ranking(filters, dimension, measure))["rows"])
    if found.frame.empty:
        ui.empty("No flight matches. Go one level up, or widen the filters.")
        return
    depth = len(path())
    event = ui.chart(
        render_cache.figure(ranked, found, dimension, measure),
        f"history_drill_{depth}",
        f"Bars: {measure[1]} by {dimension}",
        on_select="rerun",
        selection_mode="points",
    )
    picked = st.selectbox(
        f"One {dimension}",
        [None, *found.frame[dimension]],
        key=f"history_pick_{depth}",
        width=260,
        format_func=lambda code: code or "choose …",
    )
    note = "" if measure[0] == "flights" else f"fewer than {history.FEW_FLIGHTS} flights come last"
    ui.stamp(found, source="flights_daily", note=note)
    points = event["selection"]["points"] if event else []
    target = picked or (points[0]["y"] if points else None)
    if target:
        st.session_state[PATH] = [*path(), (dimension, target)]
        st.rerun()


def ranked(frame: pd.DataFrame, dimension: str, measure: Measure) -> go.Figure:
    """Return the bars of a level, with names and delays on hover."""
    names = filter_bar.airline_names() if dimension == "airline" else filter_bar.airport_cities()
    hover = [
        f"{names.get(row[dimension], '')} {row['flights']:,} flights, "
        f"{texts.number(row['mean_arrival_delay'], 1)} min late"
        for row in frame.to_dict("records")
    ]
    title = f"{measure[1]} (blue: early, red: late)"
    return charts.ranking(frame.assign(hover=hover), dimension, measure[0], title, "hover")


def _route(filters: Filters) -> None:
    """Show the days and the flights of one route; a chosen flight shows its whole row."""
    found = ui.gather(
        days=data.history(history.by, filters, "day", 400),
        flights=data.history(flight_rows.flights, filters, 200),
    )
    by_day = ui.answer(found["days"])
    ui.chart(
        render_cache.figure(figures.route_days, by_day),
        "history_route",
        "Line: mean arrival delay of the route by day",
    )
    flights = ui.answer(found["flights"])
    event = data_tables.table(
        flights.frame, key="history_flights", height=300, on_select="rerun", selection_mode="single-row"
    )
    picked = event["selection"]["rows"] if event else []
    ui.stamp(
        by_day,
        flights,
        source="flights_daily and fact_flight_events",
        note=f"the newest {len(flights.frame)} flights",
    )
    if picked:
        flight = flights.frame.iloc[picked[0]]
        st.subheader(flight["flight_id"], anchor=False)
        whole = ui.answer(ui.gather(flight=data.history(flight_rows.flight, flight["flight_id"]))["flight"])
        shown = whole.frame.iloc[0].map(str).rename_axis("field").rename("value").reset_index()
        data_tables.table(shown, key="history_flight", height=320)
        ui.stamp(whole, source="fact_flight_events")


def climb(depth: int) -> None:
    """Go up to a level."""
    st.session_state[PATH] = path()[:depth]
    for number in range(len(LEVELS)):
        st.session_state.pop(f"history_pick_{number}", None)
        st.session_state.pop(f"history_drill_{number}", None)
    st.rerun()
