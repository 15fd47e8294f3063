"""Health score, headline numbers and alerts."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache, texts
from dashboard.charts import operations as charts
from dashboard.live_latency import live_latency_metric
from dashboard.operations_page.common import (
    _BOARD,
    Answers,
    batches_query,
    board_query,
    lag_query,
    of,
    redis_query,
    runs_query,
    services_query,
    stamped,
    times_column,
    typed,
)
from flight_assets.monitoring import history
from flight_assets.queries import flight_latency, operations
from flight_assets.queries.cache import Answer

STATUS_ICONS = {
    "firing": "● firing",
    "pending": "◐ pending",
    "silenced": "⊘ silenced",
    "resolved": "○ resolved",
}


def overview() -> None:
    """Show the health score, its parts and the headline numbers."""
    found = ui.gather(
        services=services_query(),
        runs=runs_query(),
        lag=lag_query(),
        batches=batches_query(),
        redis=redis_query(),
        board=board_query(),
        live=data.live(flight_latency.live_latency),
    )
    asked = found.pop("board")
    board = asked if isinstance(asked, Exception) else render_cache.value(read_board, asked)
    age, succeeded = of(found["runs"], lambda frame: operations.pipeline_runs(frame, datetime.now(UTC))) or (
        None,
        None,
    )
    lag = of(found["lag"], lambda frame: float(frame["lag"].sum()))
    works = of(found["services"], lambda frame: float(frame["works"].mean()))
    parts = operations.health_parts(
        data.clients().settings,
        works=works,
        data_age_s=age,
        succeeded=succeeded,
        lag=lag,
        rejected=of(found["batches"], rejected),
    )
    score = operations.health_score(parts)
    weakest = min(parts, key=lambda name: parts[name])
    with st.container(horizontal=True):
        note = (
            "every part at its best"
            if parts[weakest] > 0.999
            else f"weakest: {weakest}, {parts[weakest]:.0%}"
        )
        ui.metric("Pipeline health", texts.percent(score, 0), note, help=FORMULA)
        _alert_count(board)
        _headline_numbers(found, age)
        live_latency_metric(found["live"])
    stamped(found)
    left, right = st.columns([3, 2])
    with left:
        alerts(board)
    with right, ui.section("Health score", FORMULA):
        alt = f"Bars: parts of the health score, {score:.0%} in all"
        ui.chart(render_cache.figure(charts.health_parts, parts), "operations_health", alt)
        st.caption(FORMULA)
        stamped(found)


def _alert_count(board: history.Board | Exception) -> None:
    with ui.cell():
        firing = raised(board).firing
        loud = [alert for alert in firing if not raised(board).silence_of(alert.rule)]
        ui.metric(
            "Alerts",
            str(len(loud)),
            f"{len(firing) - len(loud)} more silenced" if len(firing) > len(loud) else "firing now",
        )


def _headline_numbers(found: Answers, age: float | None) -> None:
    with ui.cell():
        frame = ui.answer(found["services"]).frame
        broken = ", ".join(frame.loc[~frame["works"], "service"])
        ui.metric(
            "Services that work",
            f"{int(frame['works'].sum())} of {len(frame)}",
            f"not: {broken}" if broken else "all of them",
        )
    with ui.cell():
        waiting = ui.answer(found["lag"]).frame["lag"]
        ui.metric("Topic lag", f"{int(waiting.sum()):,}", "messages that no batch has taken")
    with ui.cell():
        ui.answer(found["runs"])
        ui.metric(
            "Data age",
            texts.duration(age),
            "since a run last succeeded" if age is not None else "no run has succeeded yet",
        )
    with ui.cell():
        row = ui.answer(found["redis"]).frame.iloc[0]
        counted = ", ".join(f"{row[name]:,.0f} {name}" for name in ("hits", "misses", "errors"))
        ui.metric("Cache hit ratio", texts.percent(row["hit_ratio"]), counted)


def read_board(frame: pd.DataFrame) -> history.Board:
    """Return the board of an answer."""
    return _BOARD.validate_json(frame["board"].iloc[0])


def raised(board: history.Board | Exception) -> history.Board:
    """Return the board, or raise its error."""
    if isinstance(board, Exception):
        raise board
    return board


def rejected(frame: pd.DataFrame) -> float:
    """Return the quarantined share of the messages of recent batches."""
    return float(frame["quarantined"].sum() / max(1, frame["messages"].sum()))


FORMULA = (
    " + ".join(f"{weight:.2f} × {part}" for part, weight in operations.HEALTH_WEIGHTS.items())
    + ". services: share whose check passes; freshness: age limit ÷ data age, at most 1; runs: share of"
    " recent runs that succeeded; lag: lag limit ÷ lag, at most 1; quality: 1 − quarantined share ÷ its"
    " limit. What cannot be read counts 0."
)


def alerts(board: history.Board | Exception) -> None:
    """Show the firing alerts with their remedies, then the resolved ones."""
    with ui.section(
        "Alerts",
        "Evaluated each minute by the sensor `watch`. To silence one: `flights alerts silence RULE --reason"
        " TEXT`.",
    ):
        found = raised(board)
        if not found.firing:
            st.success("No alert is firing.", icon=":material/notifications_off:")
        rows = [
            (
                STATUS_ICONS[
                    "silenced" if alert.status == "firing" and found.silence_of(alert.rule) else alert.status
                ],
                *(alert.severity, alert.summary, alert.since, alert.resolved_at, alert.remedy, alert.key),
            )
            for alert in sorted(
                found.alerts, key=lambda alert: (alert.status == "resolved", -alert.since.timestamp())
            )
        ]
        if rows:
            frame = pd.DataFrame(
                rows, columns=["status", "severity", "summary", "since", "resolved", "remedy", "alert"]
            )
            times = {name: times_column(name) for name in ("since", "resolved")}
            data_tables.table(
                typed(frame, "since", "resolved"),
                key="operations_alerts",
                height=min(320, 38 + 36 * len(frame)),
                column_config=times,
            )
        for silence in found.silences:
            st.caption(
                f"{silence.rule} is silenced until {silence.until:%Y-%m-%d %H:%M} UTC, by {silence.by}:"
                f" {silence.reason}"
            )
        for name, problem in found.problems.items():
            st.warning(f"{name}: {problem}", icon=":material/report:")
        if found.as_of is None:
            st.warning(
                "The rules have not been evaluated yet. See whether the sensor `watch` runs.",
                icon=":material/report:",
            )
        else:
            ui.stamp(Answer(pd.DataFrame(), found.as_of, "store"), source=found.source)
