"""Routes about flights: one, a list, the history of one, and the stream of changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from flight_assets.api import answers, cursors
from flight_assets.api.context import Parts, Reader
from flight_assets.api.models import FlightHistory, FlightPage, OneFlight, flight_row
from flight_assets.api.parameters import Asked, FlightId, FlightIds, Limit, responses
from flight_assets.api.problems import not_found
from flight_assets.queries import scoped
from flight_assets.queries.scoped import Order, Wanted

router = APIRouter(prefix="/v1", tags=["flights"])
STREAM = {
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
    "description": "events without end",
}


@router.get("/flights", response_model=FlightPage, responses=responses(is_table=True))
def list_flights(
    request: Request,
    parts: Parts,
    caller: Reader,
    wanted: Asked,
    order: Annotated[Order, Query(description="newest event first, or each flight exactly once")] = "newest",
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=400, description="from `next` of the page before")] = None,
) -> Response:
    """List flights of MongoDB. Follow `next` for more; a cursor is valid for the same key and filters."""
    question = _question(wanted, order)
    after = cursors.read(cursor, question, caller.key.hash) if cursor else None
    rows, last = scoped.list_flights(caller.scope, parts.clients, wanted, order, limit, after)
    next_url = _next(request, cursors.sign(last, question, caller.key.hash)) if last else None
    return answers.of_flights(request, rows, next_url)


def _question(wanted: Wanted, order: str) -> str:
    return json.dumps([repr(wanted), order])


def _next(request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"


@router.get("/flights/{flight_id}", response_model=OneFlight, responses=responses(404))
def one_flight(request: Request, parts: Parts, caller: Reader, flight_id: FlightId) -> Response:
    """Return the newest state of a flight, from MongoDB or else from an archive."""
    found = scoped.one_flight(caller.scope, parts.clients, flight_id)
    if found is None:
        raise not_found(f"flight {flight_id}")
    row, place = found
    return answers.document(request, {"flight": flight_row(row), "place": place})


@router.get("/flights/{flight_id}/history", response_model=FlightHistory, responses=responses(404))
def flight_history(request: Request, parts: Parts, caller: Reader, flight_id: FlightId) -> Response:
    """Return the events and forecasts of a flight in the warehouse, oldest first."""

    def ask() -> tuple[list[object], list[object]] | None:
        found = scoped.events_and_forecasts(caller.scope, parts.clients, flight_id)
        if found is None:
            return None
        events, forecasts = (answers.table_of(answer.frame).to_pylist() for answer in found)
        return events, forecasts

    found = parts.within_time("Spark", ask)
    if found is None:
        raise not_found(f"event of flight {flight_id} in the warehouse")
    return answers.document(request, {"flight_id": flight_id, "events": found[0], "forecasts": found[1]})


@router.get("/stream/flights", responses={200: STREAM, **responses(410)}, response_class=StreamingResponse)
async def stream_flights(
    parts: Parts,
    caller: Reader,
    wanted: Asked,
    flight: FlightIds = (),
    last_event_id: Annotated[str | None, Header(pattern="^[0-9A-Fa-f]{1,400}$")] = None,
) -> StreamingResponse:
    """Stream each new state of a flight as a server-sent event. `Last-Event-ID` goes on after a break."""
    narrowed = replace(wanted, flight_ids=tuple(flight))
    body = await parts.hub.open(caller.scope, narrowed, last_event_id)
    return StreamingResponse(body, media_type="text/event-stream")
