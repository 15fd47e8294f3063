"""Tables of predictions, of challengers, and of the evaluation of models."""

from __future__ import annotations

from flight_assets.contracts.tables.columns import PREDICTED_FLIGHT, PREDICTED_IN, PREDICTION, SIDES, TRUTH
from flight_assets.contracts.tables.schema import EVENT_ORDER_TYPE, Column, Table

PREDICTIONS = Table(
    name="predictions",
    grain="prediction; a flight has one, made from its scheduled event",
    key=("prediction_id",),
    columns=(
        Column("prediction_id", "STRING", "event_id of the scheduled event that it was made from"),
        *PREDICTED_FLIGHT,
        Column(
            "prediction_timestamp",
            "TIMESTAMP",
            "the moment whose knowledge it uses: the scheduled event's timestamp",
            "UTC",
        ),
        *PREDICTION,
        *SIDES,
        *TRUTH,
        Column("outcome", "STRING", "arrived, diverted, cancelled, or null while open"),
        Column(
            "outcome_timestamp",
            "TIMESTAMP",
            "when the event happened that says so: a newer one replaces it",
            "UTC",
        ),
        Column("outcome_offset", "BIGINT", "Kafka offset of that event"),
        Column(
            "newest_event",
            EVENT_ORDER_TYPE,
            "place in the order of events of the flight's newest one, which decides the outcome",
        ),
        *PREDICTED_IN,
    ),
    partitioned_by=("prediction_date",),
)

CHALLENGER_PREDICTIONS = Table(
    name="challenger_predictions",
    grain="prediction of a challenger, made beside the champion's and not served; truth is in `predictions`",
    key=("prediction_id", "model_version"),
    columns=(
        Column("prediction_id", "STRING", "that of the champion's prediction for the same flight"),
        *PREDICTED_FLIGHT,
        Column("prediction_timestamp", "TIMESTAMP", "the moment whose knowledge it uses", "UTC"),
        *PREDICTION,
        *PREDICTED_IN,
    ),
    partitioned_by=("prediction_date",),
)

MODEL_MONITORING = Table(
    name="model_monitoring",
    grain="metric of an evaluation of a model on live flights",
    key=("timestamp", "model_version", "metric", "subject"),
    columns=(
        Column("timestamp", "TIMESTAMP", "when it was evaluated", "UTC"),
        Column("model_version", "STRING", "model that it is about"),
        Column(
            "metric",
            "STRING",
            "mae, rmse, mape, coverage_90, mae_vs_median, brier_vs_base_rate, psi or psi_share",
        ),
        Column("subject", "STRING", "feature, for psi; empty otherwise"),
        Column("value", "DOUBLE", "the figure; delays in minutes"),
        Column("threshold", "DOUBLE", "bound that it must keep; null if there is none"),
        Column("breached", "BOOLEAN", "whether it does not keep it"),
        Column("flights", "BIGINT", "flights that it was computed over", "flights"),
    ),
)
