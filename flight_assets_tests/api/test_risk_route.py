"""The risk board as a route: order, columns, formats, and nothing of another tenant."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from flight_assets.queries.risk import RISK_COLUMNS
from flight_assets_tests.memory_mongo import Database
from flight_assets_tests.unit.test_risk import current, flight
from flight_assets_tests.unit.test_rotation import DEPARTED, leg

ALL, UNITED = "aaaaaaaa", "11111111"


@pytest.fixture
def board(context, as_key):
    """Ask for the board over four flights and an inbound leg of another airline."""
    late, likely = flight("UA1", 30, 0.4), flight("UA2", 60, 0.6, tail_number=None)
    late["prediction"]["predicted_mean_delay_minutes"] = 90.0
    other, tomorrow = flight("AA3", 30, 0.9, tail_number="N9"), flight("UA4", 1_500, 0.5, tail_number="N8")
    flights = [late, likely, other, tomorrow, leg("AA7", **DEPARTED)]
    told = [{**one, "ingestion_timestamp": datetime.now(UTC)} for one in flights]
    store = Database(flight_events=told, current_forecasts=[current(likely, 0.7)])
    context.clients.mongo = lambda: store

    def ask(query: str = "", prefix: str = ALL, **headers: str):
        answer = as_key(prefix, **headers).get(f"/v1/forecasts?{query}")
        assert answer.status_code == 200, answer.text
        return answer

    return ask


def names(answer) -> list[str]:
    return [row["flight_id"].split("-")[0] for row in answer.json()["data"]]


def test_flights_come_by_probability_or_by_expected_delay(board):
    assert names(board()) == ["AA3", "UA2", "UA4", "UA1"]
    assert names(board("sort=delay&airline=UA")) == ["UA1", "UA2", "UA4"]
    assert names(board("hours_ahead=3&min_probability=0.5")) == ["AA3", "UA2"]
    assert names(board("origin=JFK")) == []


def test_a_row_has_the_forecast_that_counts_with_reasons(board):
    row = board("airline=UA&limit=1").json()["data"][0]
    assert set(RISK_COLUMNS) <= set(row)
    assert (row["probability_delayed_15"], row["confidence"]) == (0.7, None)
    assert row["reasons"] == ["the inbound flight is 40 minutes late"]
    assert row["quality_score"] is not None, "the flight's own columns are there too"


def test_a_tenant_sees_neither_flights_nor_legs_of_another(board):
    answer = board(prefix=UNITED)
    assert names(answer) == ["UA2", "UA4", "UA1"]
    assert "AA" not in answer.text
    assert "AA7" in board().text, "who sees every flight sees the leg"


def test_csv_and_arrow_have_the_columns_of_json(board):
    plain = board().json()["data"]
    text = list(csv.DictReader(io.StringIO(board(Accept="text/csv").text)))
    table = pa.ipc.open_stream(board(Accept="application/vnd.apache.arrow.stream").content).read_all()
    assert set(table.column_names) == set(plain[0])
    assert set(RISK_COLUMNS) <= set(text[0])
    assert table["reasons"].to_pylist() == [row["reasons"] for row in plain]
    assert [float(row["probability_delayed_15"]) for row in text] == [0.9, 0.7, 0.5, 0.4]


@pytest.mark.parametrize("query", ["sort=luck", "hours_ahead=0", "hours_ahead=1000", "min_probability=2"])
def test_a_wrong_wish_is_refused(as_key, query):
    assert as_key(ALL).get(f"/v1/forecasts?{query}").status_code == 422
