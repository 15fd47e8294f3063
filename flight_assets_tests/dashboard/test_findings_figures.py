"""Figures and frames of complex events: bars from start to end, legs with delays, situations by place."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard.charts.findings import findings_over_time, legs
from flight_assets.queries.events import history_of, situations_of


def at(minute: int) -> pd.Timestamp:
    return pd.Timestamp("2026-06-01T12:00Z") + pd.Timedelta(minutes=minute)


def found(**changes) -> dict:
    row = {
        "finding_id": "0" * 16,
        "pattern": "ground_stop",
        "severity": "critical",
        "key": "airport:ORD",
        "group": "ORD",
        "explanation": "One. Two.",
        "started": at(0),
        "raised": at(30),
        "cleared": pd.NaT,
        "change_timestamp": at(60),
    }
    return row | changes


def test_a_bar_reaches_from_start_to_end_and_an_open_one_to_the_newest_change() -> None:
    figure = findings_over_time(
        pd.DataFrame([found(), found(severity="warning", pattern="slow_down", cleared=at(45))])
    )
    assert [(bar.name, bar.y[0], bar.x[0]) for bar in figure.data] == [
        ("critical", "ground stop  airport:ORD", 3_600_000),
        ("warning", "slow down  airport:ORD", 2_700_000),
    ]
    assert "One. Two." in str(figure.data[0].customdata)


def test_the_most_severe_findings_are_shown_when_there_are_too_many() -> None:
    many = [found(severity="warning", key=f"F{number}") for number in range(100)]
    figure = findings_over_time(pd.DataFrame([*many, found()]))
    assert [len(bar.y) for bar in figure.data] == [1, 39]


def test_legs_show_plan_and_actual_times_with_the_delay() -> None:
    frame = pd.DataFrame(
        {
            "flight_id": ["UA1-EWR-20260601", "UA2-IAH-20260601"],
            "origin": ["EWR", "IAH"],
            "destination": ["IAH", "EWR"],
            "scheduled_departure": [at(0), at(200)],
            "scheduled_arrival": [at(120), at(320)],
            "departure": [at(60), at(200)],
            "arrival": [at(190), at(320)],
            "departure_delay_minutes": [60.0, None],
            "arrival_delay_minutes": [70.0, None],
        }
    )
    planned, actual = legs(frame).data
    assert list(planned.x) == [7_200_000, 7_200_000]
    assert list(actual.x) == [7_800_000, 7_200_000]
    assert list(actual.text) == ["+70 min", ""]


def test_situations_have_their_leading_finding_first() -> None:
    members = [found(), *(found(pattern="overdue", severity="warning", started=at(-9)) for _ in range(3))]
    shown = situations_of(pd.DataFrame(members))
    assert shown.to_dict("records") == [
        {
            "severity": "critical",
            "group": "ORD",
            "pattern": "ground_stop",
            "findings": 4,
            "since": at(-9),
            "explanation": "One. Two.",
        }
    ]
    assert situations_of(pd.DataFrame(columns=list(found()))).empty


@pytest.mark.parametrize("text", ["", "0" * 15, "0" * 15 + "'", "x" * 16])
def test_an_id_that_is_none_never_reaches_the_warehouse(text) -> None:
    with pytest.raises(Exception, match="no id of a finding"):
        history_of(None, text)
