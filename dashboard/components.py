"""Elements that all pages share: head, live parts, stamps, sections, filters, charts, numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from dashboard import data, exports
from flight_assets.contracts import dimensions
from flight_assets.errors import StoreUnavailable
from flight_assets.queries import history, reference
from flight_assets.queries.cache import Answer, Query
from flight_assets.queries.filters import Filters
from flight_assets.settings import get_settings
from flight_assets.stores import outage

if TYPE_CHECKING:
    import plotly.graph_objects as go

PAUSED = "paused"
DEFAULT_DAYS = 90
AT_ONCE_S = 0.15  # answers that are there by then need no sign of waiting
NOTHING_YET = "No flight is here yet. Run `flights produce`, then `flights process`."
CHART_CONFIG = {
    "displaylogo": False,
    "displayModeBar": False,
    "scrollZoom": False,
    "topojsonURL": "app/static/topojson/",
}
_log = logging.getLogger(__name__)


def page(title: str, purpose: str) -> None:
    """Show the head of a page: title, purpose, and the button that pauses its refreshing."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.title(title, anchor=False)
            st.caption(purpose)
        st.toggle(
            "Pause updates",
            key=PAUSED,
            persist_state="session",
            width="content",
            help="Live parts refresh by themselves until paused.",
        )


def live(part: Callable[[], None], key: str) -> None:
    """Show a part of the page and refresh it every ``dashboard_refresh_s`` seconds, unless paused.

    The rest of the page stays.
    """
    every = None if st.session_state.get(PAUSED) else data.clients().settings.dashboard_refresh_s
    st.fragment(run_every=every, key=key)(part)()


@contextmanager
def section(title: str = "", caption: str = "") -> Iterator[None]:
    """Return a part of a page that fails alone: an error inside shows as one sentence in its place.

    It is as high as its neighbour.
    """
    with st.container(border=True, height="stretch"):
        if title:
            st.header(title, anchor=False, help=caption or None)
        try:
            yield
        except Exception as error:
            show_error(error)


@contextmanager
def section_if_failing() -> Iterator[None]:
    """Return a whole page whose error shows as one sentence."""
    try:
        yield
    except Exception as error:
        show_error(error)


@contextmanager
def cell() -> Iterator[None]:
    """Return a number that fails alone: its error shows as a dash with a sentence."""
    try:
        yield
    except Exception as error:
        name = error.store if isinstance(error, StoreUnavailable) else "a store"
        _log.warning("a number could not be shown", exc_info=error)
        metric(
            "Not known",
            "–",
            f"{name} is not reachable"
            if isinstance(error, StoreUnavailable)
            else "see the log of the dashboard",
        )


def show_error(error: Exception) -> None:
    """Show one sentence for an error: the store that is down, or the problem."""
    _log.warning("a part of a page could not be shown", exc_info=error)
    sentence = outage.explain(data.clients().settings, error)
    if isinstance(error, StoreUnavailable):
        st.warning(
            f"**{error.store} is not reachable.** {sentence} This part comes back by itself.",
            icon=":material/cloud_off:",
        )
    else:
        st.warning(sentence, icon=":material/error:")


def answer(found: Answer | Exception) -> Answer:
    """Return the answer, or raise its error."""
    if isinstance(found, Exception):
        raise found
    return found


def gather(**queries: Query) -> dict[str, Answer | Exception]:
    """Make several queries together. A spinner shows if they take a moment."""
    asked = data.begin(queries)
    if not data.are_answered(asked, AT_ONCE_S):
        with st.spinner("Reading the stores …", show_time=True):
            data.are_answered(asked)
    return {name: future.result() for name, future in asked.items()}


def empty(sentence: str) -> None:
    """Show why a section is empty, and the remedy."""
    st.info(sentence, icon=":material/inbox:")


def stamp(*answers: Answer, source: str, note: str = "") -> None:
    """Show the "data as of" of answers: UTC, local time on hover. The oldest of several counts."""
    moment = min(found.as_of for found in answers)
    through = " via Redis" if any(found.source == "redis" for found in answers) else ""
    text = f"Data as of {moment:%H:%M:%S} UTC · {source}{through}{' · ' + note if note else ''}"
    st.caption(text, help=f"{moment:%Y-%m-%d} {moment:%H:%M:%S} UTC is {local(moment)} in your time zone.")


def local(moment: datetime) -> str:
    """Return a moment in the viewer's time zone, as the browser reports it."""
    return f"{moment.astimezone(time_zone()):%Y-%m-%d %H:%M:%S %Z}"


def time_zone() -> ZoneInfo:
    """Return the viewer's time zone; UTC if the browser does not report one."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def chart(figure: go.Figure, key: str, alt: str, **options: Any) -> Any:  # noqa: ANN401 - Streamlit's selection state
    """Show a figure under a stable key, so that zoom survives a refresh. ``alt`` describes it in words."""
    return st.plotly_chart(figure, key=key, alt=alt, config=CHART_CONFIG, **options)


def metric(
    label: str, value: str, note: str = "", trend: Sequence[float] | None = None, *, help: str = ""
) -> None:
    """Show one number with its label and a note; ``trend`` is a line of its past."""
    st.metric(
        label, value, note or None, delta_color="off", delta_arrow="off", help=help or None, border=True
    )


# How columns read in tables: label and format, by name.
_COLUMNS: dict[str, Any] = {
    "timestamp": st.column_config.DatetimeColumn(
        "event time (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
    ),
    "scheduled_departure": st.column_config.DatetimeColumn(
        "scheduled (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
    ),
    "ingestion_timestamp": st.column_config.DatetimeColumn(
        "ingested (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
    ),
    "flight_id": "flight",
    "flight_date": st.column_config.DateColumn("date", format="YYYY-MM-DD"),
    "event_type": "state",
    "departure_delay_minutes": st.column_config.NumberColumn("dep. delay (min)", format="%.0f"),
    "arrival_delay_minutes": st.column_config.NumberColumn("arr. delay (min)", format="%.0f"),
    "actual_delay_minutes": st.column_config.NumberColumn("actual (min)", format="%.0f"),
    "predicted_delay_minutes": st.column_config.NumberColumn("predicted (min)", format="%.1f"),
    "interval_low_minutes": st.column_config.NumberColumn("from (min)", format="%.0f"),
    "interval_high_minutes": st.column_config.NumberColumn("to (min)", format="%.0f"),
    "error_minutes": st.column_config.NumberColumn("error (min)", format="%.1f"),
    "confidence": st.column_config.NumberColumn("confidence", format="%.2f"),
    "quality_score": st.column_config.NumberColumn("quality", format="%.2f"),
    "mean_departure_delay": st.column_config.NumberColumn("mean dep. delay (min)", format="%.1f"),
    "mean_arrival_delay": st.column_config.NumberColumn("mean arr. delay (min)", format="%.1f"),
    "sd_arrival_delay": st.column_config.NumberColumn("sd arr. delay (min)", format="%.1f"),
    "late_share": st.column_config.NumberColumn("late ≥ 15 min", format="percent"),
    "cancelled_share": st.column_config.NumberColumn("cancelled", format="percent"),
    "missing_share": st.column_config.NumberColumn("missing", format="percent"),
    "mean_quality": st.column_config.NumberColumn("quality", format="%.3f"),
    "first": st.column_config.DatetimeColumn("first (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "last": st.column_config.DatetimeColumn("last (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "newest": st.column_config.DatetimeColumn("newest (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
    "begin": st.column_config.DatetimeColumn("begin (local)", format="YYYY-MM-DD HH:mm"),
}


def _plain_column(values: pd.Series) -> Any:  # noqa: ANN401 - a label or a column's configuration
    label = str(values.name).replace("_", " ")
    return st.column_config.NumberColumn(label, format="localized") if values.dtype.kind in "iu" else label


def table(frame: pd.DataFrame, key: str, **options: Any) -> Any:  # noqa: ANN401 - Streamlit's selection state
    """Show a frame with labels, units and number formats by the names of its columns.

    A viewer can download what is shown as CSV, so no cell of it can run as a formula.
    """
    labels = {name: _COLUMNS.get(name) or _plain_column(frame[name]) for name in frame.columns} | options.pop(
        "column_config", {}
    )
    return st.dataframe(
        exports.without_formulas(frame),
        key=key,
        hide_index=True,
        column_config=labels,
        placeholder="–",
        **options,
    )


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """Return a number such as 1,234.5 with its unit; a dash for an unknown one."""
    if value is None or value != value:
        return "–"
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share 0–1 as a text such as 12.3 %."""
    return number(None if value is None else 100 * value, digits, "%")


def duration(seconds: float | None) -> str:
    """Return seconds as a text such as 0.4 s, 42 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None or seconds != seconds:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for length, name, smaller_length, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= length:
            rest = whole % length // smaller_length
            return f"{whole // length} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


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


def now() -> datetime:
    """Return the present moment, UTC."""
    return datetime.now(UTC)
