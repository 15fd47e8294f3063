"""Columns that several tables share."""

from __future__ import annotations

from flight_assets.contracts.tables.schema import WEATHER_TYPE, Column

ORIGIN_OF_ROW = (
    Column("kafka_partition", "INT", "partition of the topic that the message came from"),
    Column("kafka_offset", "BIGINT", "its offset in that partition"),
    Column("ingestion_timestamp", "TIMESTAMP", "when Kafka took the message", "UTC"),
    Column("batch_id", "BIGINT", "batch that processed it"),
    Column("processing_date", "DATE", "date of ingestion_timestamp", "UTC"),
)

FLIGHT = (
    Column("flight_id", "STRING", "carrier + number + '-' + origin + '-' + scheduled local date"),
    Column("flight_date", "DATE", "scheduled date of departure, the origin's local time (from flight_id)"),
    Column("airline", "STRING", "IATA carrier code"),
    Column("flight_number", "INT", "the carrier's number of the flight"),
    Column("tail_number", "STRING", "registration of the aircraft"),
    Column("origin", "STRING", "IATA airport code"),
    Column("destination", "STRING", "IATA airport code"),
    Column("route", "STRING", "origin and destination, e.g. EWR-IAH"),
    Column("scheduled_departure", "TIMESTAMP", "planned departure", "UTC"),
    Column("scheduled_arrival", "TIMESTAMP", "planned arrival", "UTC"),
    Column("distance_miles", "DOUBLE", "great-circle distance", "miles"),
    Column("departure_delay_minutes", "DOUBLE", "negative = early; null until departed", "minutes"),
    Column("arrival_delay_minutes", "DOUBLE", "negative = early; null until arrived", "minutes"),
    Column("weather", WEATHER_TYPE, "at the origin in the scheduled hour"),
    Column("month", "INT", "month of flight_date, 1–12"),
    Column("day_of_week", "INT", "ISO day of flight_date, 1 = Monday"),
    Column("hour", "INT", "hour of the scheduled departure, the origin's local time", "hours"),
    Column("is_weekend", "BOOLEAN", "whether flight_date is a Saturday or Sunday"),
    Column("quality_score", "DOUBLE", "completeness × validity of the optional fields, 0–1"),
    Column("gate", "STRING", "gate of departure at the origin; null in messages of version 1"),
    Column(
        "flight_suffix",
        "STRING",
        "operational suffix of the flight number; null in messages before version 3",
    ),
    Column(
        "diverted_to",
        "STRING",
        "airport that a diverted flight goes to or landed at; null if it was not diverted",
    ),
    Column("source", "STRING", "who sent the message; null in messages before version 3"),
    Column(
        "low_quality", "BOOLEAN", "whether quality_score is under `low_quality_below`; null in older rows"
    ),
    Column(
        "destination_weather",
        WEATHER_TYPE,
        "at the destination, as known when the flight was announced; null before version 3",
    ),
)
FLIGHT_DATE = Column("flight_date", "DATE", "scheduled date of departure, the origin's local time")
PREDICTED_FLIGHT = (Column("flight_id", "STRING", "flight that it is for"), FLIGHT_DATE)

PREDICTED_IN = (
    Column("batch_id", "BIGINT", "batch that predicted"),
    Column("prediction_date", "DATE", "date of prediction_timestamp", "UTC"),
)

PREDICTION = (
    Column(
        "predicted_delay_minutes",
        "DOUBLE",
        "predicted arrival delay (its median), negative = early",
        "minutes",
    ),
    Column(
        "predicted_mean_delay_minutes",
        "DOUBLE",
        "predicted mean of the arrival delay, for sums over flights",
        "minutes",
    ),
    Column("interval_low_minutes", "DOUBLE", "lower end of the 90 % interval", "minutes"),
    Column("interval_high_minutes", "DOUBLE", "upper end of the 90 % interval", "minutes"),
    Column("probability_delayed_15", "DOUBLE", "probability of an arrival 15 minutes late or more, 0–1"),
    Column("confidence", "DOUBLE", "from interval width and feature completeness, 0–1"),
    Column("model_version", "STRING", "model in charge; `maker` says whether it or the baseline predicted"),
    Column("maker", "STRING", "who made the forecast: model, or baseline; null in older rows"),
    Column(
        "domain_mark",
        "STRING",
        "likeness to the training flights: in_domain, borderline or out_of_domain; null in older rows",
    ),
    Column("domain_reasons", "STRING", "why it is unlike them, in words; null if it is like them"),
)

# Forecasts of both makers for a flight, before any factor of its interval: its outcome scores both.
SIDES = tuple(
    Column(f"{maker}_{name}_minutes", "DOUBLE", f"{what} of the {maker}, before tracking", "minutes")
    for maker in ("model", "baseline")
    for name, what in (
        ("low", "lower end of the 90 % interval"),
        ("delay", "predicted arrival delay (its median)"),
        ("high", "upper end of the 90 % interval"),
    )
)

TRUTH = (
    Column("actual_delay_minutes", "DOUBLE", "arrival delay that came true; null until arrived", "minutes"),
    Column(
        "error_minutes", "DOUBLE", "actual − predicted; null until arrived or without prediction", "minutes"
    ),
)

# Prediction of a flight: the same columns in `predictions`, in the fact table and in MongoDB.
PREDICTED_COLUMNS = tuple(column.name for column in PREDICTION)

# Kept in `predictions` only.
SIDE_COLUMNS = tuple(column.name for column in SIDES)
