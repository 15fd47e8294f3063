"""Collection ``current_forecasts`` of the hot store: one document per open flight, with its newest forecast.

A flight is open from its announcement until it arrives, is cancelled or is diverted. Its announced forecast
stays frozen in ``predictions``; here the forecast follows the flight.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flight_assets.contracts.departed import STAGES

COLLECTION = "current_forecasts"
# Flights planned to depart within this time of the data's clock are forecast again and again.
AHEAD = timedelta(hours=12)
# A document expires so long after the planned arrival, if the flight never ended.
KEPT_AFTER_ARRIVAL = timedelta(hours=6)
# Planned duration of a flight whose plan has no arrival.
LONGEST_FLIGHT = timedelta(hours=20)
INDEXES = ("scheduled_departure", "probability_delayed_15")
EXPIRES = "expires_at"

# Fields of the flight, and of its delay at arrival in minutes.
FLIGHT_FIELDS = (
    *("airline", "origin", "destination", "tail_number", "scheduled_departure", "scheduled_arrival"),
    "departure_delay_minutes",
)
FORECAST_FIELDS = (
    *("predicted_delay_minutes", "predicted_mean_delay_minutes"),
    *("interval_low_minutes", "interval_high_minutes", "probability_delayed_15"),
)
MAKER_FIELDS = ("model_version", "maker", "domain_mark", "domain_reasons")

_NUMBER, _TEXT, _TIME = {"bsonType": "double"}, {"bsonType": "string"}, {"bsonType": "date"}
_MAYBE_NUMBER, _MAYBE_TEXT = {"bsonType": ["double", "null"]}, {"bsonType": ["string", "null"]}
VALIDATOR: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": [
            *("_id", "flight_id", "stage", "made_at", EXPIRES, "scheduled_departure", "reasons"),
            *("predicted_delay_minutes", "interval_low_minutes", "interval_high_minutes"),
            *("probability_delayed_15", "model_version", "maker"),
        ],
        "properties": {
            "flight_id": _TEXT,
            "stage": {"enum": list(STAGES)},
            "made_at": _TIME,
            EXPIRES: _TIME,
            "scheduled_departure": _TIME,
            "scheduled_arrival": {"bsonType": ["date", "null"]},
            "tail_number": _MAYBE_TEXT,
            "departure_delay_minutes": _MAYBE_NUMBER,
            "predicted_delay_minutes": _NUMBER,
            "predicted_mean_delay_minutes": _MAYBE_NUMBER,
            "interval_low_minutes": _NUMBER,
            "interval_high_minutes": _NUMBER,
            "probability_delayed_15": {"bsonType": "double", "minimum": 0, "maximum": 1},
            "model_version": _TEXT,
            "maker": {"enum": ["model", "baseline"]},
            "domain_mark": _MAYBE_TEXT,
            "domain_reasons": _MAYBE_TEXT,
            "reasons": {"bsonType": "array", "items": _TEXT},
        },
    }
}
