"""The risk board on its page: order, words, the chosen aircraft, and the slider. Answers are canned."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data, risk_board
from dashboard.charts.risk import later_delay, later_probability, reliability
from flight_assets.errors import StoreUnavailable
from flight_assets.queries import calibration, risk, rotation, what_if
from flight_assets.queries.cache import Answer
from flight_assets.queries.clients import Clients
from flight_assets.tenancy import EVERYTHING
from flight_assets_tests.dashboard.conftest import APP_DIR
from flight_assets_tests.unit.test_risk import current, database, flight
from flight_assets_tests.unit.test_rotation import DEPARTED, leg
from flight_assets_tests.unit.test_what_if import OnDemand, happened

OWN, INBOUND = flight("UA1", 60, 0.7), leg(**DEPARTED)
STRANGE = flight("AA2", 30, 0.4, tail_number=None)
STRANGE["prediction"] |= {"domain_mark": "out_of_domain", "domain_reasons": "origin not in training"}
STORE = database(OWN, STRANGE, INBOUND, current=(current(STRANGE, 0.4),))


class CannedCache:
    """Answers of queries by their names; any other store is down."""

    def __init__(self, answers: dict[str, pd.DataFrame]) -> None:
        self._answers = answers

    def look(self, queries):
        return [None] * len(queries)

    def missing(self, queries):
        return []

    def find(self, query):
        if query.name not in self._answers:
            raise StoreUnavailable("a store", "nowhere", "it is not of this test")
        return Answer(
            self._answers[query.name], pd.Timestamp("2026-06-01T12:00Z"), "store", f"{id(self)}:{query.name}"
        )

    ask = find

    def close(self):
        pass


@pytest.fixture
def page(monkeypatch, closed_settings):
    """Open the prediction page over canned answers; a keyword sets a part of the viewer's state."""

    def run(board: pd.DataFrame, **state) -> AppTest:
        answers = {
            "live.codes": pd.DataFrame({"field": ["airline"], "code": ["UA"], "flights": [1]}),
            "risk.board": board,
            "rotation.chain": rotation.chain(STORE, EVERYTHING, OWN["_id"]),
            "what_if.later_inbound": what_if.later_inbound(
                OnDemand(happened(OWN, INBOUND)), STORE, EVERYTHING, OWN["_id"]
            ),
        }
        known = Clients(closed_settings)
        known.cache = CannedCache(answers)
        monkeypatch.setattr(data, "clients", lambda: known)
        shown = AppTest.from_file(str(APP_DIR / "app_pages/prediction.py"), default_timeout=120)
        for name, value in state.items():
            shown.session_state[name] = value
        opened.append(known)
        return shown.run()

    opened: list[Clients] = []
    yield run
    for known in opened:
        known.close()


def metrics(shown: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in shown.metric}


def test_the_board_shows_flights_with_reasons_marks_and_rotation(page):
    shown = page(risk.board(STORE, EVERYTHING, risk.Asked(hours_ahead=3)))
    assert not shown.exception
    frame = shown.dataframe[0].value
    assert list(frame["flight_id"]) == [OWN["_id"], STRANGE["_id"]]
    first, second = frame.to_dict("records")
    assert "left 25 min late: 35 of 60 planned minutes" in first["reasons"]
    assert (first["inbound_flight_id"], first["turnaround_minutes"]) == (INBOUND["_id"], 35)
    assert second["unlike_training"] == "out of domain: origin not in training"
    assert second["reasons"] == "the inbound flight is 40 minutes late"
    assert metrics(shown)["Likely late"][0] == "1"
    assert metrics(shown)["Unlike training"][0] == "1"
    assert any("newest event 2026-06-01 12:00 UTC" in each.value for each in shown.caption)
    assert not any(each.value.startswith("Aircraft of") for each in shown.header), "nothing is chosen yet"


def test_a_chosen_flight_shows_its_aircraft_and_the_slider_moves_its_forecast(page):
    shown = page(risk.board(STORE, EVERYTHING, risk.Asked(hours_ahead=3)))
    shown.selectbox(key="risk_flight").set_value(OWN["_id"]).run()
    assert not shown.exception
    assert f"Aircraft of {OWN['_id']}" in [each.value for each in shown.header]
    before = metrics(shown)
    assert before["Ground time left"][0] == "35 min"
    shown.select_slider(key="risk_later").set_value(120).run()
    after = metrics(shown)
    assert after["Ground time left"][0] == "−85 min"
    assert number(after["Expected"][0]) > number(before["Expected"][0]) + 30
    assert number(after["≥ 15 min late"][0]) > number(before["≥ 15 min late"][0])
    assert after["≥ 15 min late"][1] == f"now {before['≥ 15 min late'][0]}"


def number(text: str) -> float:
    return float(text.replace("−", "-").split()[0])


def test_an_empty_board_says_what_to_do(page):
    shown = page(risk.board(database(), EVERYTHING, risk.Asked()))
    assert not shown.exception
    assert any("Look further ahead" in each.value for each in shown.info)


def test_a_click_chooses_the_flight_of_the_row(monkeypatch):
    ids = ["UA1-EWR-20260601", "UA2-EWR-20260601"]
    key = f"{risk_board.TABLE}_{hash(tuple(ids))}"
    state = {risk_board.ROWS: ids, key: {"selection": {"rows": [1]}}}
    monkeypatch.setattr(risk_board, "st", SimpleNamespace(session_state=state))
    risk_board._choose_row()
    assert state[risk_board.FLIGHT] == ids[1]
    state[key] = {"selection": {"rows": []}}
    risk_board._choose_row()
    assert state[risk_board.FLIGHT] == ids[1], "the choice stays when the selection is taken back"


def test_many_flights_fit_on_the_board(page):
    many = [flight(f"UA{number}", number % 170, number / 1_000) for number in range(1, 900)]
    shown = page(risk.board(database(*many), EVERYTHING, risk.Asked(hours_ahead=3, limit=risk_board.SHOWN)))
    assert len(shown.dataframe[0].value) == risk_board.SHOWN
    assert metrics(shown)["Flights"] == ("200", "the 200 of highest risk")


def bins() -> pd.DataFrame:
    counts = pd.DataFrame(
        {
            "maker": ["model", "model", "baseline"], "bin": [0, 6, 2], "flights": [900, 100, 50],
            "late": [45, 61, 9], "predicted": [0.05, 0.62, 0.25],
        }
    )  # fmt: skip
    return calibration.with_bands(counts)


def test_the_reliability_diagram_has_a_line_a_band_and_the_flights_of_each_maker():
    figure = reliability(bins())
    names = [trace.name for trace in figure.data]
    assert names == [
        *("as promised", "95 % band, model", "model", "model"),
        *("95 % band, baseline", "baseline", "baseline"),
    ]
    band, line, counts = figure.data[1:4]
    assert list(line.x) == [0.05, 0.62]
    assert list(line.y) == [0.05, 0.61]
    assert list(counts.y) == [900, 100]
    assert min(band.y) < 0.05 < 0.61 < max(band.y)


def test_the_curves_mark_the_chosen_delay():
    frame = what_if.later_inbound(OnDemand(happened(OWN, INBOUND)), STORE, EVERYTHING, OWN["_id"], (0, 60))
    for figure in (later_probability(frame, 60), later_delay(frame, 60)):
        assert figure.data[-1].name == "chosen"
        assert list(figure.data[-1].x) == [85]
