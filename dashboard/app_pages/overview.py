"""Real-Time Overview: incoming messages, sizes, latency, and late flights on a map."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, data, data_tables, filter_bar, findings, render_cache, texts
from dashboard import components as ui
from dashboard.live_latency import live_latency_metric
from flight_assets.contracts import dimensions
from flight_assets.queries import events, flight_latency, live
from flight_assets.queries.cache import Answer
from flight_assets.queries.filters import Filters

WINDOWS = {"15 minutes": 15, "1 hour": 60, "6 hours": 360, "24 hours": 1_440, "7 days": 10_080}
PAGE_SIZE = 25
PAGE = "overview_page"
CHART_HEIGHT = 220
MAP_HEIGHT = 440
COLUMNS = ("flight_id", "event_type", "route", "scheduled_departure", "departure_delay_minutes",
           "arrival_delay_minutes", "predicted_delay_minutes", "maker", "domain_mark", "quality_score",
           "ingestion_timestamp")  # fmt: skip

ui.page("Real-Time Overview", "Incoming messages, their latency, and late flights.")

with st.container(horizontal=True, vertical_alignment="bottom"):
    label = st.selectbox(
        "Window", list(WINDOWS), index=1, key="overview_window", persist_state="session", width=160
    )
    filters = filter_bar.code_filters("overview", data.live(live.codes))
minutes = WINDOWS[label]


def now() -> None:
    """Show the headline numbers, incoming messages over time, latency, and the map."""
    found = ui.gather(
        incoming=data.other(live.incoming, lambda known: (known.kafka(),), minutes),
        messages=data.other(live.messages_taken, lambda known: (known.kafka(),)),
        store=data.live(live.hot_store),
        latency=data.other(flight_latency.latency, lambda known: (known.mongo(), known.hdfs())),
        seconds=data.live(flight_latency.live_latency),
        routes=data.live(live.by_route, minutes, filters, 500),
        open=data.live(events.open_findings),
    )
    with st.container(horizontal=True):
        incoming_metric(found)
        totals_metric(found)
        size_metric(found)
        latency_metric(found)
        live_latency_metric(found["seconds"])
    if answers := [
        answer
        for name, answer in found.items()
        if name not in ("routes", "open") and isinstance(answer, Answer)
    ]:
        ui.stamp(*answers, source="Kafka, MongoDB and HDFS")
    left, right = st.columns(2)
    with left:
        incoming_chart(found)
        latency_chart(found)
    with right:
        delays(found)


def incoming_chart(found: dict[str, Answer | Exception]) -> None:
    """Messages over the window."""
    with ui.section(
        "Messages taken by Kafka", "Counted by the topic's offsets, so bad messages and duplicates count too."
    ):
        incoming = ui.answer(found["incoming"])
        if incoming.frame["messages"].sum() == 0:
            ui.empty(
                f"Kafka took no message in the last {label}. Send some with `flights produce`, or choose a"
                " longer window."
            )
        else:
            ui.chart(
                render_cache.figure(charts.messages_over_time, incoming, ui.time_zone(), CHART_HEIGHT),
                "overview_incoming",
                f"Bars: {incoming.frame['messages'].sum():,} messages that Kafka took in the last {label}",
            )  # fmt: skip
        ui.stamp(incoming, source="Kafka")


def latency_chart(found: dict[str, Answer | Exception]) -> None:
    """Latency of the newest batches."""
    with ui.section(
        "End-to-end latency", "From Kafka taking a flight's newest event until its batch is in every store."
    ):
        latency = ui.answer(found["latency"])
        if latency.frame.empty:
            ui.empty("No batch has been finished yet. Run `flights process`.")
        else:
            ui.chart(
                render_cache.figure(charts.latency_over_batches, latency, ui.time_zone(), CHART_HEIGHT),
                "overview_latency",
                f"Lines: latency p50 and p95 of the last {len(latency.frame)} batches, in seconds",
            )  # fmt: skip
        ui.stamp(latency, source="MongoDB and HDFS")


def incoming_metric(found: dict[str, Answer | Exception]) -> None:
    """Messages per second in the last whole minute."""
    with ui.cell():
        frame = ui.answer(found["incoming"]).frame
        last = frame.iloc[-1]
        ui.metric(
            "Incoming rate", f"{last.messages / last.seconds:,.1f} /s",
            f"{last.messages:,} messages in {texts.duration(last.seconds)}",
            help="Messages that Kafka took in the last whole interval, per second.",
        )  # fmt: skip


def totals_metric(found: dict[str, Answer | Exception]) -> None:
    """Flights in the hot store, messages in all."""
    with ui.cell():
        messages = int(ui.answer(found["messages"]).frame["messages"].iloc[0])
        store = ui.answer(found["store"]).frame.iloc[0]
        ui.metric(
            "Total records",
            f"{messages:,}",
            f"messages; {store.documents:,} flights in MongoDB",
            help="Messages that Kafka ever took.",
        )


def size_metric(found: dict[str, Answer | Exception]) -> None:
    """Size of MongoDB against the size at which it is archived."""
    with ui.cell():
        threshold = data.clients().settings.archive_threshold_mb
        size = float(ui.answer(found["store"]).frame["size_mb"].iloc[0])
        ui.metric(
            "MongoDB size", f"{size:,.1f} MB", f"{size / threshold:.1%} of {threshold:,.0f} MB",
            help="Against the size at which archiving begins: dataSize + indexSize of dbStats, in MB.",
        )  # fmt: skip


def latency_metric(found: dict[str, Answer | Exception]) -> None:
    """Latency of the newest batch."""
    with ui.cell():
        frame = ui.answer(found["latency"]).frame
        newest = frame.iloc[-1] if len(frame) else None
        if newest is None:
            ui.metric("End-to-end latency", "–", "no batch yet")
            return
        ui.metric(
            "End-to-end latency p50", texts.duration(newest.p50_s),
            f"p95 {texts.duration(newest.p95_s)}, batch {newest.batch_id}",
            help="Of the newest finished batch: from Kafka taking the event until every store has it.",
        )  # fmt: skip


def delays(found: dict[str, Answer | Exception]) -> None:
    """Show the map of routes and airports, with open complex events around their airports."""
    with ui.section(
        "Delays by airport and route",
        "Mean arrival delay, before arrival the departure delay; flights of the window. "
        "A ring is an airport with open complex events.",
    ):
        routes, open_ones = ui.answer(found["routes"]), found["open"]
        placed, shown = render_cache.value(placed_and_shown, routes)
        # Without an answer about complex events, the map shows delays; the situation below tells why.
        rings = render_cache.value(rings_of, open_ones) if isinstance(open_ones, Answer) else 0
        if not placed and not rings:
            ui.empty(f"No flight with a known delay came in during the last {label}.")
        else:
            ui.chart(
                render_cache.figure(delay_map, routes, *([open_ones] if rings else [])), "overview_map",
                f"Map: {shown} routes and their airports coloured by mean delay; "
                f"{rings} airports with open complex events"
            )  # fmt: skip
        beyond = placed - shown
        note = f"{int(routes.frame['flights'].sum()):,} flights in the window"
        ui.stamp(
            routes,
            source="MongoDB",
            note=f"{note}; {beyond} routes have an airport without a known place" if beyond else note,
        )


def placed_and_shown(routes: pd.DataFrame) -> tuple[int, int]:
    """Return the number of routes that have a delay, and of those on the map."""
    placed = routes[routes["mean_delay"].notna()]
    return len(placed), len(charts.on_the_map(placed, dimensions.airports()))


def rings_of(open_ones: pd.DataFrame) -> int:
    """Return the number of airports on the map that have open findings."""
    return len(charts.findings_by_airport(open_ones, dimensions.airports()))


def delay_map(routes: pd.DataFrame, open_ones: pd.DataFrame | None = None) -> go.Figure:
    """Return the map of the routes that have a delay, and of airports with open findings."""
    airports = dimensions.airports()
    figure = charts.delay_map(routes[routes["mean_delay"].notna()], airports, MAP_HEIGHT)
    return figure if open_ones is None else charts.add_findings(figure, open_ones, airports)


def records() -> None:
    """Show the newest records with search, one page at a time."""
    with ui.section("Latest records", "Newest state of each flight, in the order in which Kafka took it."):
        search = st.text_input(
            "Search", key="overview_search", placeholder="UA1545…, EWR, EWR-IAH", persist_state="session",
            width=300,
            help="The begin of a flight id, an airline, an airport or a route.", on_change=first_page,
        )  # fmt: skip
        page = int(st.session_state.get(PAGE, 1)) - 1
        found = ui.answer(
            ui.gather(latest=data.live(live.latest, filters, search, page, PAGE_SIZE))["latest"]
        )
        if found.frame.empty:
            ui.empty(
                "No flight matches."
                if search or page or filters != Filters()
                else "MongoDB holds no flight yet. Run `flights produce`, then `flights process`."
            )
        else:
            data_tables.table(found.frame[list(COLUMNS)], key="overview_latest", height=360)
        # A full page may have another one behind it.
        st.pagination(
            min(page + 1 + (len(found.frame) == PAGE_SIZE), live.SKIP_AT_MOST // PAGE_SIZE), key=PAGE
        )
        ui.stamp(found, source="MongoDB")


def first_page() -> None:
    """Go back to the first page, because another search begins with its newest flights."""
    st.session_state[PAGE] = 1


ui.live(now, "overview_now")
ui.live(findings.situation, "overview_situation_part")
ui.live(records, "overview_records")
