"""Routes about sums over flights, and reference data. Answers are cached in Redis until the next batch."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response

from flight_assets.api import answers
from flight_assets.api.context import Parts, Reader
from flight_assets.api.models import Rows
from flight_assets.api.parameters import Limit, OfDays, responses
from flight_assets.queries import scoped

router = APIRouter(prefix="/v1", tags=["aggregates"])
By = Annotated[scoped.By, Path(description="what a row stands for")]
Kind = Annotated[Literal["airlines", "airports"], Path(description="which table")]


@router.get("/aggregates/{by}", response_model=Rows, responses=responses(is_table=True))
def aggregate(
    request: Request, parts: Parts, caller: Reader, by: By, filters: OfDays, limit: Limit = 100
) -> Response:
    """Return flights, delays and shares by hour, day, airline, airport or route, over the warehouse."""
    answer = parts.within_time(
        "Spark", lambda: scoped.aggregate(caller.scope, parts.clients, by, filters, limit)
    )
    return answers.of_answer(request, answer)


@router.get("/reference/{kind}", response_model=Rows, responses=responses(is_table=True), tags=["reference"])
def reference(request: Request, parts: Parts, caller: Reader, kind: Kind) -> Response:
    """Return the airlines or airports that the platform knows, with the days on which a code was theirs."""
    one: Literal["airline", "airport"] = "airline" if kind == "airlines" else "airport"
    answer = parts.within_time("Spark", lambda: scoped.reference(caller.scope, parts.clients, one))
    return answers.of_answer(request, answer)
