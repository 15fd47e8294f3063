"""Routes about forecasts: the risk board, one flight with reasons, and forecasts on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from fastapi import APIRouter, Query, Request, Response

from flight_assets.api import answers
from flight_assets.api.context import Context, Parts, Reader
from flight_assets.api.models import (
    FlightForecast,
    Forecasts,
    PredictRequest,
    RiskPage,
)
from flight_assets.api.parameters import Asked, FlightId, Limit, responses
from flight_assets.api.problems import Problem, not_found
from flight_assets.api.sender import OTHER_TENANT, raw_table
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.queries import scoped
from flight_assets.queries.current_forecasts import current_forecast
from flight_assets.queries.forecast_now import message_of
from flight_assets.tenancy import Scope
from flight_assets.transforms.check import check

router = APIRouter(prefix="/v1", tags=["forecasts"])
Least = Annotated[float, Query(ge=0, le=1, description="least probability of 15 minutes late or more")]
Hours = Annotated[float, Query(gt=0, le=8_760, description="flights that Kafka told of in these last hours")]
Ahead = Annotated[
    float | None,
    Query(gt=0, le=168, description="planned to leave so many hours after the newest event, or overdue"),
]
Sort = Annotated[scoped.RiskOrder, Query(description="what the greatest risk is")]


@router.get("/forecasts", response_model=RiskPage, responses=responses(is_table=True))
def risk_board(
    request: Request,
    parts: Parts,
    caller: Reader,
    wanted: Asked,
    min_probability: Least = 0.0,
    hours: Hours = 24.0,
    hours_ahead: Ahead = None,
    sort: Sort = "probability",
    limit: Limit = 100,
) -> Response:
    """List flights that have not departed, likeliest to be late or with the longest expected delay first.

    Each has its reasons in words and the leg that brings its aircraft. A current forecast takes the place of
    the announcement's; it has no confidence.
    """
    since = datetime.now(UTC) - timedelta(hours=hours)
    asked = scoped.Asked(wanted, hours_ahead, since, min_probability, sort, limit)
    return answers.of_risk(request, scoped.risk_board(caller.scope, parts.clients, asked))


@router.get("/forecasts/{flight_id}", response_model=FlightForecast, responses=responses(404))
def one_forecast(
    request: Request,
    parts: Parts,
    caller: Reader,
    flight_id: FlightId,
    reasons: Annotated[bool, Query(description="what moved the forecast; read from the warehouse")] = False,
) -> Response:
    """Return a flight's frozen forecast, and the current one until it ends.

    With `reasons`, each feature's share in the frozen one, in minutes.
    """
    found = scoped.one_flight(caller.scope, parts.clients, flight_id)
    if found is None or found[0].get("model_version") is None:
        raise not_found(f"forecast of flight {flight_id}")
    forecast = {name: found[0].get(name) for name in ("flight_id", *PREDICTED_COLUMNS)}
    rows, refusal = None, None
    if reasons:
        answer = parts.within_time("Spark", lambda: scoped.reasons(caller.scope, parts.clients, flight_id))
        refusal = (
            answer.frame.attrs.get("refusal")
            if answer
            else "the flight's events are not in the warehouse yet"
        )
        rows = None if answer is None or refusal else answers.table_of(answer.frame).to_pylist()
    current = current_forecast(caller.scope, parts.clients, flight_id)
    answer_of = {"forecast": forecast, "current": current, "reasons": rows, "reasons_refused": refusal}
    return answers.document(request, answer_of)


@router.post("/predict", response_model=Forecasts, responses=responses(404, 409))
def predict(request: Request, parts: Parts, caller: Reader, asked: PredictRequest) -> Response:
    """Forecast flights now: `scheduled` messages, or a known flight with changes. Nothing is stored."""
    messages = asked.flights or [_changed(parts, caller.scope, asked)]
    events = _checked(parts, caller.scope, messages)
    said = parts.within_time("Spark", lambda: parts.forecaster.forecast(events))
    return answers.document(request, {"forecasts": said})


def _changed(parts: Context, scope: Scope, asked: PredictRequest) -> dict[str, Any]:
    """Return the message of a known flight with the changes of the request."""
    if not asked.flight_id:
        raise Problem(422, "neither flights nor a flight_id is given", "give one of them", "invalid-request")
    found = scoped.one_flight(scope, parts.clients, asked.flight_id)
    if found is None:
        raise not_found(f"flight {asked.flight_id}")
    return message_of(found[0], asked.changes or {})


def _checked(parts: Context, scope: Scope, messages: list[dict[str, Any]]) -> pa.Table:
    """Return the checked events. Raises Problem 422 with the verdict on the first that is wrong."""
    raw = [msgspec.json.encode(message) for message in messages]
    events = check(raw_table(raw), parts.sender.checks())
    for number, row in enumerate(events.select(["reason", "detail", "airline", "event_type"]).to_pylist()):
        reason, detail = row["reason"], row["detail"]
        if not reason and not scope.allows(row["airline"]):
            reason, detail = OTHER_TENANT, f"the airline {row['airline']} is not of the tenant {scope.tenant}"
        if not reason and row["event_type"] != EventType.SCHEDULED.value:
            reason, detail = "not_scheduled", "a forecast is made from a scheduled event"
        if reason:
            raise Problem(
                422, f"flight {number}: {reason}: {detail}", "correct the message", "rejected", reason=reason
            )
    return pa.Table.from_batches([events])
