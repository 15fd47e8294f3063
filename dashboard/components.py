"""Elements that all pages share: head, live parts, stamps, sections, charts, metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from dashboard import data
from flight_assets.errors import StoreUnavailable
from flight_assets.queries.cache import Answer, Query
from flight_assets.stores import outage

if TYPE_CHECKING:
    import plotly.graph_objects as go

PAUSED = "paused"
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


def now() -> datetime:
    """Return the present moment, UTC."""
    return datetime.now(UTC)
