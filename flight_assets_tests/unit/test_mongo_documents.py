"""Documents of MongoDB made of rows of the fact table."""

from __future__ import annotations

from datetime import date

from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.stores import mongo_documents
from flight_assets_tests.factories import HAPPENED, WEATHER, fact, utc

PREDICTION = dict.fromkeys(PREDICTED_COLUMNS, 1.5) | {"model_version": "v1"}


def test_a_document_has_the_flight_its_prediction_and_its_version():
    made = mongo_documents.document(
        fact(
            event_type="arrived", kafka_offset=7, actual_delay_minutes=-7.0, error_minutes=-8.5, **PREDICTION
        )
    )
    assert made["_id"] == made["flight_id"] == "UA1545-EWR-20130612"
    assert made["prediction"] == PREDICTION
    assert (made["timestamp"], made["version"]["kafka_offset"]) == (utc(HAPPENED["arrived"]), 7)
    assert (made["actual_delay_minutes"], made["error_minutes"]) == (-7.0, -8.5)
    assert made["weather"] == WEATHER
    assert not set(PREDICTED_COLUMNS) & set(made)


def test_dates_are_text_and_times_are_times():
    made = mongo_documents.document(fact())
    assert made["flight_date"] == "2013-06-12"
    assert made["timestamp"] == utc(HAPPENED["scheduled"])
    assert not any(type(value) is date for value in made.values())


def test_a_flight_without_prediction_has_null():
    assert mongo_documents.document(fact())["prediction"] is None


def test_making_a_document_leaves_the_row_alone():
    row = fact(**PREDICTION)
    before = dict(row)
    mongo_documents.document(row)
    assert row == before
