"""Risk board of the prediction page: flights likely to be late, an aircraft's legs, a later inbound leg."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, filter_bar, render_cache, texts
from dashboard.charts import findings as leg_figures
from dashboard.charts import risk as figures
from flight_assets.queries import live, risk, rotation, what_if
from flight_assets.queries.cache import Answer
from flight_assets.queries.flight_list import Wanted
from flight_assets.tenancy import EVERYTHING

HOURS = (1, 2, 3, 6, 12, 24)
ORDERS: tuple[risk.RiskOrder, ...] = ("probability", "delay")
SHOWN = 200
LIKELY = 0.5
FLIGHT, TABLE, ROWS = "risk_flight", "risk_board", "risk_rows"
MARKS = {"borderline": "borderline", "out_of_domain": "out of domain"}
_COLUMNS: dict[str, Any] = {
    "minutes_to_departure": st.column_config.NumberColumn("leaves in (min)", format="%.0f"),
    "probability_delayed_15": st.column_config.ProgressColumn(
        "≥ 15 min late", format="percent", min_value=0, max_value=1, color="primary"
    ),
    "predicted_mean_delay_minutes": st.column_config.NumberColumn("expected (min)", format="%.0f"),
    "inbound_flight_id": "inbound leg",
    "inbound_state": "its state",
    "inbound_delay_minutes": st.column_config.NumberColumn("its delay (min)", format="%.0f"),
    "turnaround_minutes": st.column_config.NumberColumn("ground time left (min)", format="%.0f"),
    "reasons": st.column_config.TextColumn("reasons", width="medium"),
    "unlike_training": "unlike training",
    "tail_number": "aircraft",
    "maker": "made by",
    "forecast_stage": "stage",
}


def sections() -> None:
    """Show the controls, the board, and the aircraft and the what-if of the chosen flight."""
    with ui.section(
        "Risk board",
        "Flights that have not departed, likeliest to arrive 15 minutes late or more first. The hours count "
        "from the newest event, so that replayed flights have a board too. Click a row for its aircraft.",
    ):
        asked = _controls()
        answer = ui.answer(ui.gather(board=data.live(risk.board, EVERYTHING, asked))["board"])
        _board(answer, asked)
    chosen = st.session_state.get(FLIGHT)
    if chosen:
        _details(chosen)


def _controls() -> risk.Asked:
    """Show the controls, and return what they ask for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hours = st.segmented_control(
            "Hours ahead", HOURS, default=HOURS[2], key="risk_hours", persist_state="session"
        )
        order = st.segmented_control(
            "By", ORDERS, default=ORDERS[0], key="risk_order", persist_state="session"
        )
        least = st.slider(
            "Least probability",
            0,
            95,
            0,
            5,
            format="%d%%",
            key="risk_least",
            persist_state="session",
            width=200,
        )
        filters = filter_bar.code_filters("risk", data.live(live.codes))
    return risk.Asked(
        Wanted(filters),
        hours_ahead=hours or HOURS[2],
        least=least / 100,
        order=order or ORDERS[0],
        limit=SHOWN,
    )


def _board(answer: Answer, asked: risk.Asked) -> None:
    """Show the board as a table; a click chooses a flight."""
    if answer.frame.empty:
        ui.empty("No announced flight with a forecast matches. Look further ahead, or widen the filters.")
        ui.stamp(answer, source="MongoDB")
        return
    frame = render_cache.value(shown, answer)
    with st.container(horizontal=True):
        likely = int((answer.frame["probability_delayed_15"] >= LIKELY).sum())
        marked = int(answer.frame["domain_mark"].isin(list(MARKS)).sum())
        ui.metric(
            "Flights", texts.number(len(frame)), f"the {SHOWN} of highest risk" if len(frame) == SHOWN else ""
        )
        ui.metric("Likely late", texts.number(likely), f"{texts.percent(LIKELY, 0)} or more")
        ui.metric("Unlike training", texts.number(marked), "see the mark")
    ids = list(frame["flight_id"])
    st.session_state[ROWS] = ids
    # A new order is a new table: a kept selection would mark another flight.
    key = f"{TABLE}_{hash(tuple(ids))}"
    data_tables.table(
        frame, key=key, height=420, column_config=_COLUMNS,
        on_select=_choose_row, selection_mode="single-row",
    )  # fmt: skip
    kept = st.session_state.get(FLIGHT)
    st.selectbox(
        "Flight", ids if kept in ids or kept is None else [kept, *ids], index=None, key=FLIGHT,
        placeholder="choose one, or click a row", width=300, persist_state="session",
    )  # fmt: skip
    ui.stamp(
        answer, source="MongoDB", note=f"newest event {answer.frame.attrs['now'][:16].replace('T', ' ')} UTC"
    )


def _choose_row() -> None:
    """Choose the flight of the selected row."""
    key = f"{TABLE}_{hash(tuple(st.session_state[ROWS]))}"
    picked = st.session_state[key]["selection"]["rows"]
    if picked:
        st.session_state[FLIGHT] = st.session_state[ROWS][picked[0]]


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the table: mark and its reasons in one, most telling columns first."""
    marks = frame["domain_mark"].map(MARKS)
    why = frame["domain_reasons"].map(lambda text: f": {text}" if isinstance(text, str) and text else "")
    columns = [
        *("flight_id", "origin", "destination", "scheduled_departure", "minutes_to_departure"),
        *("probability_delayed_15", "predicted_mean_delay_minutes", "interval_low_minutes"),
        *("interval_high_minutes", "unlike_training", "reasons", "tail_number", "inbound_flight_id"),
        *("inbound_state", "inbound_delay_minutes", "turnaround_minutes", "maker", "forecast_stage"),
    ]
    return frame.assign(unlike_training=marks + why)[columns]


def _details(flight_id: str) -> None:
    """Show the legs of the flight's aircraft, and its forecast by the delay of the inbound leg."""
    found = ui.gather(
        legs=data.live(rotation.chain, EVERYTHING, flight_id),
        later=data.on_demand(what_if.later_inbound, EVERYTHING, flight_id),
    )
    left, right = st.columns(2)
    with (
        left,
        ui.section(f"Aircraft of {flight_id}", "Its legs in the day before and after, planned and actual."),
    ):
        legs = ui.answer(found["legs"])
        if legs.frame.empty:
            ui.empty("MongoDB does not hold this flight any more.")
        else:
            ui.chart(
                render_cache.figure(leg_figures.legs, legs),
                "risk_legs",
                f"Bars: {len(legs.frame)} legs of the aircraft of {flight_id}, planned and actual",
            )
        ui.stamp(legs, source="MongoDB")
    with (
        right,
        ui.section(
            "If the inbound leg were later",
            "Forecasts of the model for a later inbound leg. All else stays as it is known now.",
        ),
    ):
        _later(ui.answer(found["later"]), flight_id)


def _later(later: Answer, flight_id: str) -> None:
    """Show the slider, the numbers of the chosen delay, and the curves."""
    if refusal := later.frame.attrs.get("refusal"):
        ui.empty(f"Nothing to change: {refusal}.")
        ui.stamp(later, source="the model")
        return
    minutes = st.select_slider(
        "Inbound leg later than known now, minutes", list(later.frame["later_minutes"]), key="risk_later",
        persist_state="session",
    )  # fmt: skip
    row = later.frame[later.frame["later_minutes"] == minutes].iloc[0]
    known = later.frame.iloc[0]
    with st.container(horizontal=True):
        ui.metric(
            "≥ 15 min late",
            texts.percent(row.probability_delayed_15, 0),
            f"now {texts.percent(known.probability_delayed_15, 0)}",
        )
        interval = (
            f"{texts.number(row.interval_low_minutes)} to {texts.number(row.interval_high_minutes, 0, 'min')}"
        )
        ui.metric("Expected", texts.number(row.predicted_mean_delay_minutes, 0, "min"), f"90 %: {interval}")
        ui.metric("Ground time left", texts.number(row.turnaround_minutes, 0, "min"), f"made by {row.maker}")
    for draw, key, what in (
        (figures.later_probability, "risk_later_probability", "probability of a late arrival"),
        (figures.later_delay, "risk_later_delay", "expected delay with its interval"),
    ):
        ui.chart(
            render_cache.figure(draw, later, int(minutes)),
            key,
            f"Line: {what} of {flight_id} by inbound delay",
        )
    ui.stamp(later, source="the model", note=later.frame.attrs["inbound"])
