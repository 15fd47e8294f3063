"""Filters that pages share: codes of airlines and airports, routes and dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.components import gather
from flight_assets.contracts import dimensions
from flight_assets.queries import history, reference
from flight_assets.queries.cache import Answer, Query
from flight_assets.queries.filters import Filters
from flight_assets.settings import get_settings

DEFAULT_DAYS = 90


@st.cache_data(ttl=60, show_spinner=False)
def _airline_names() -> Mapping[str, str]:
    return reference.airline_names(get_settings())


def airline_names() -> Mapping[str, str]:
    """Return the name of each airline by IATA code, a user's own included; read again every minute."""
    return _airline_names()


@st.cache_data(show_spinner=False)
def airport_cities() -> Mapping[str, str]:
    """Return the city of each airport by IATA code, where it is known."""
    rows = dimensions.airports()
    return {code: city for code, city in zip(rows["code"], rows["city"], strict=True) if city}


def code_filters(key: str, occurring: Query) -> Filters:
    """Show the pickers of airline, origin, destination and route, and return the filters.

    The pickers list the codes of ``occurring``: field, code, flights; most flights first. If its store is
    down, codes can be typed. The choice stays when the viewer changes the page. A text that is not a route is
    left out.
    """
    names = airline_names()
    found = gather(codes=occurring)["codes"]
    frame = found.frame if isinstance(found, Answer) else pd.DataFrame(columns=["field", "code", "flights"])
    places = airport_cities()

    def pick(label: str, field: str, described: Mapping[str, str]) -> tuple[str, ...]:
        state = f"{key}_{field}"
        listed = list(frame.loc[frame["field"] == field.removesuffix("s"), "code"])
        # A code chosen before may have left the data since; it stays in the list as long as it is chosen.
        listed += [code for code in st.session_state.get(state, ()) if code not in listed]
        picked = st.multiselect(
            label,
            listed,
            key=state,
            format_func=lambda code: f"{code} · {described[code]}" if code in described else code,
            placeholder="all",
            persist_state="session",
            accept_new_options=not listed,
        )
        return tuple(code.upper() for code in picked)

    picked = sum(
        bool(st.session_state.get(f"{key}_{field}"))
        for field in ("airlines", "origins", "destinations", "routes")
    )
    with st.popover(
        f"Filters: {picked} set" if picked else "Filters", icon=":material/filter_alt:", width="content"
    ):
        airlines = pick("Airline", "airlines", names)
        origins = pick("Origin", "origins", places)
        destinations = pick("Destination", "destinations", places)
        text = st.text_input("Route", key=f"{key}_routes", placeholder="EWR-IAH", persist_state="session")
    routes = tuple(route for route in text.upper().replace(" ", "").split(",") if route)
    try:
        return Filters(airlines=airlines, origins=origins, destinations=destinations, routes=routes)
    except ValueError:
        st.warning(f"{text} is no route; one looks like EWR-IAH.", icon=":material/error:")
        return Filters(airlines=airlines, origins=origins, destinations=destinations)


def history_filters(key: str, first: date, last: date, days: int = DEFAULT_DAYS) -> Filters | None:
    """Show the filters above historical charts, at first for the last ``days``.

    Return None while the range has no end.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        default = (max(first, last - timedelta(days=days - 1)), last)
        picked = st.date_input(
            "Dates",
            default,
            min_value=first,
            max_value=last,
            key=f"{key}_dates",
            persist_state="session",
            width=230,
            format="YYYY-MM-DD",
        )
        codes = code_filters(key, data.history(history.codes))
    if not isinstance(picked, tuple) or len(picked) != 2:
        st.info("Pick the last day of the range, too.", icon=":material/date_range:")
        return None
    return replace(codes, first=picked[0], until=picked[1])
