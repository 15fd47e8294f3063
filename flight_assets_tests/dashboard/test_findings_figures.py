"""Figures and frames of complex events: bars from start to end, legs with delays, situations by place."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import charts, data
from dashboard import components as ui
from dashboard.charts.findings import SEVERITY_COLOURS, findings_over_time, legs
from flight_assets.contracts import dimensions
from flight_assets.errors import StoreUnavailable
from flight_assets.queries.cache import Answer
from flight_assets.queries.events import history_of, situations_of
from flight_assets_tests.dashboard.conftest import APP_DIR


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


def waiting(airport: str, severity: str = "warning", **changes) -> dict:
    return found(airport=airport, severity=severity, flight_ids=[], **changes)


STOP = waiting("IAH", "critical", group="IAH", explanation="Nothing has departed from IAH. 3 wait.")
ROUTES = pd.DataFrame({"route": ["EWR-BOS"], "flights": [3], "mean_delay": [12.0]})


def on_map(*members):
    airports = dimensions.airports()
    return charts.add_findings(charts.delay_map(ROUTES, airports), pd.DataFrame(members), airports)


def rings_of(traces) -> dict:
    return {trace["name"]: trace for trace in traces if trace["marker"]["symbol"] == "circle-open"}


def test_open_findings_are_rings_around_their_airports_by_the_most_severe_one() -> None:
    rings = rings_of(on_map(STOP, waiting("IAH"), waiting("BOS"), waiting(""), waiting("QQQ")).data)
    assert set(rings) == {"critical", "warning"}
    assert list(rings["critical"].customdata[0]) == ["IAH", 2, "Nothing has departed from IAH. 3 wait."]
    assert [row[0] for row in rings["warning"].customdata] == ["BOS"]
    assert rings["critical"].marker.color == SEVERITY_COLOURS["critical"]


def test_the_map_reaches_to_airports_that_only_have_findings() -> None:
    far = on_map(waiting("SEA")).layout.geo.lonaxis.range
    near = on_map(waiting("BOS")).layout.geo.lonaxis.range
    assert far[0] < -122 < near[0]


@pytest.fixture
def overview(monkeypatch, closed_settings):
    """Page 1 with the given routes and open findings; every other store is down."""

    def page(routes, members) -> str:
        known = {"routes": routes, "open": pd.DataFrame(members)}

        def gather(**asked):
            return {
                name: Answer(known[name], datetime.now(UTC), "store")
                if name in known
                else StoreUnavailable("MongoDB", "nowhere", "start it")
                for name in asked
            }

        monkeypatch.setattr(data, "get_settings", lambda: closed_settings)
        monkeypatch.setattr(ui, "gather", gather)
        shown = AppTest.from_file(str(APP_DIR / "app_pages/overview.py"), default_timeout=120).run()
        assert not shown.exception
        return "\n".join(each.proto.spec for each in shown.get("plotly_chart"))

    yield page
    data._clients.clear()


@pytest.mark.parametrize("routes", [ROUTES, ROUTES.head(0)], ids=["with delays", "without"])
def test_page_1_has_the_open_findings_on_its_map(overview, routes) -> None:
    assert "Nothing has departed from IAH" in overview(routes, [STOP])


def test_page_1_without_findings_has_the_map_of_delays_only(overview) -> None:
    assert "circle-open" not in overview(ROUTES, [STOP][:0])
