"""Routes about complex events: a list of findings, and one."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import urlencode

import pyarrow as pa
from fastapi import APIRouter, Path, Query, Request, Response

from flight_assets.api import answers, cursors
from flight_assets.api.context import Parts, Reader
from flight_assets.api.finding_models import FINDING_SCHEMA, FindingPage, FindingRow
from flight_assets.api.parameters import MOST_VALUES, Airlines, Airports, Limit, Moment, responses
from flight_assets.api.problems import not_found
from flight_assets.events.model import Severity
from flight_assets.queries import scoped
from flight_assets.queries.scoped import FINDING_ID, PATTERN_NAME, WantedFindings

router = APIRouter(prefix="/v1", tags=["findings"])
Patterns = Annotated[
    list[Annotated[str, Query(pattern=f"^{PATTERN_NAME}$")]],
    Query(max_length=MOST_VALUES, description="names of patterns"),
]
Severities = Annotated[list[Severity], Query(max_length=3, description="severities")]


@router.get("/events", response_model=FindingPage, responses=responses(is_table=True))
def list_findings(
    request: Request,
    parts: Parts,
    caller: Reader,
    state: Annotated[Literal["open", "all"], Query(description="open ones, or also cleared ones")] = "open",
    pattern: Patterns = (),  # type: ignore[assignment]
    severity: Severities = (),  # type: ignore[assignment]
    airport: Airports = (),
    airline: Airlines = (),
    since: Annotated[Moment | None, Query(description="raised at this time or later, RFC 3339")] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=400, description="from `next` of the page before")] = None,
) -> Response:
    """List complex events, newest first. Follow `next` for more; a cursor is valid for the same filters."""
    wanted = WantedFindings(state, tuple(pattern), tuple(severity), tuple(airport), tuple(airline), since)
    question = json.dumps(["findings", repr(wanted)])
    after = cursors.read(cursor, question, caller.key.hash) if cursor else None
    rows, last = parts.within_time(
        "MongoDB" if state == "open" else "Spark",
        lambda: scoped.list_findings(caller.scope, parts.clients, wanted, limit, after),
    )
    signed = cursors.sign(last, question, caller.key.hash) if last else None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    next_url = f"{request.url.path}?{urlencode([*kept, ('cursor', signed)])}" if signed else None
    return answers.of_rows(request, rows, pa.schema(FINDING_SCHEMA), next_url)


@router.get("/events/{finding_id}", response_model=FindingRow, responses=responses(404))
def one_finding(
    request: Request,
    parts: Parts,
    caller: Reader,
    finding_id: Annotated[str, Path(pattern=f"^{FINDING_ID}$", description="id of the finding")],
) -> Response:
    """Return a complex event: from MongoDB while it is open, else its newest change in the warehouse."""
    found = parts.within_time("Spark", lambda: scoped.one_finding(caller.scope, parts.clients, finding_id))
    if found is None:
        raise not_found(f"finding {finding_id}")
    return answers.document(request, found)
