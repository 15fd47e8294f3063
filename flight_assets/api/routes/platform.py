"""Routes about the platform: batches, checks, quarantine, archives, lag and freshness.

They are for operators that see every flight.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from flight_assets.api import answers
from flight_assets.api.context import Operator, Parts, Reader
from flight_assets.api.models import Document, Health, Rows
from flight_assets.api.parameters import Limit, responses
from flight_assets.api.problems import not_found
from flight_assets.contracts.message import Reason
from flight_assets.queries import scoped_platform

router = APIRouter(prefix="/v1", tags=["platform"])
Days = Annotated[int, Query(ge=1, le=366, description="newest UTC days")]


@router.get("/batches", response_model=Rows, responses=responses(is_table=True))
def batches(request: Request, parts: Parts, caller: Operator, limit: Limit = 100) -> Response:
    """List the newest batches, oldest first: messages and what became of them."""
    return answers.of_answer(
        request,
        parts.within_time("Spark", lambda: scoped_platform.batches(caller.scope, parts.clients, limit)),
    )


@router.get("/batches/{batch_id}", response_model=Document, responses=responses(404))
def batch(
    request: Request,
    parts: Parts,
    caller: Operator,
    batch_id: Annotated[int, Path(ge=0, le=2**53, description="number of the batch")],
) -> Response:
    """Return the whole record of a batch, from HDFS."""
    record = scoped_platform.batch_record(caller.scope, parts.clients, batch_id)
    if record is None:
        raise not_found(f"batch {batch_id}")
    return answers.document(request, record.model_dump(mode="json", by_alias=True))


@router.get("/checks", response_model=Rows, responses=responses(is_table=True))
def checks(request: Request, parts: Parts, caller: Operator, days: Days = 7) -> Response:
    """List the results of the asset checks, one row per check and day."""
    since = (datetime.now(UTC) - timedelta(days=days)).date()
    return answers.of_answer(
        request,
        parts.within_time("Spark", lambda: scoped_platform.check_results(caller.scope, parts.clients, since)),
    )


@router.get("/quarantine", response_model=Rows, responses=responses(is_table=True))
def quarantine(request: Request, parts: Parts, caller: Operator) -> Response:
    """Count the rejected messages by reason."""
    return answers.of_answer(
        request, parts.within_time("Spark", lambda: scoped_platform.quarantine(caller.scope, parts.clients))
    )


@router.get("/quarantine/{reason}", response_model=Rows, responses=responses(is_table=True))
def quarantine_samples(
    request: Request,
    parts: Parts,
    caller: Operator,
    reason: Annotated[Reason, Path(description="reason of the rejection")],
    limit: Annotated[int, Query(ge=1, le=100, description="messages at most")] = 20,
) -> Response:
    """List the newest rejected messages of a reason, with their text."""
    return answers.of_answer(
        request,
        parts.within_time(
            "Spark",
            lambda: scoped_platform.quarantine_samples(caller.scope, parts.clients, reason.value, limit),
        ),
    )


@router.get("/archives", response_model=Rows, responses=responses(is_table=True))
def archives(request: Request, parts: Parts, caller: Operator, limit: Limit = 50) -> Response:
    """List the archives of MongoDB's documents, newest first."""
    return answers.of_answer(
        request,
        parts.within_time("Spark", lambda: scoped_platform.archives(caller.scope, parts.clients, limit)),
    )


@router.get("/archives/status", response_model=Document, responses=responses())
def archive_status(request: Request, parts: Parts, caller: Operator) -> Response:
    """Return the size of MongoDB against its threshold, and what archiving does next."""
    return answers.document(request, scoped_platform.archive_status(caller.scope, parts.clients))


@router.get("/freshness", response_model=Rows, responses=responses(is_table=True))
def freshness(request: Request, parts: Parts, caller: Operator) -> Response:
    """Return rows and newest moment of each table."""
    return answers.of_answer(
        request, parts.within_time("Spark", lambda: scoped_platform.freshness(caller.scope, parts.clients))
    )


@router.get("/lag", response_model=Rows, responses=responses(is_table=True))
def lag(request: Request, parts: Parts, caller: Operator) -> Response:
    """Return the messages of the topic that no batch has taken, by partition."""
    frame = parts.within_time("Kafka", lambda: scoped_platform.lag(caller.scope, parts.clients))
    return answers.rows(request, answers.table_of(frame))


@router.get("/hot-store", response_model=Rows, responses=responses(is_table=True))
def hot_store(request: Request, parts: Parts, caller: Operator) -> Response:
    """Return documents, size and newest ingestion of MongoDB."""
    return answers.of_answer(request, scoped_platform.hot_store(caller.scope, parts.clients))


@router.get("/health", response_model=Health, responses=responses())
def health(request: Request, parts: Parts, caller: Reader) -> Response:
    """Return which stores answer, and so which routes."""
    stores = scoped_platform.stores_up(caller.scope, parts.clients)
    is_up = all(state == "up" for state in stores.values())
    if not caller.scope.is_everything:
        stores = {name: state.partition(":")[0] for name, state in stores.items()}
    return answers.document(request, {"status": "up" if is_up else "degraded", "stores": stores})


@router.get(
    "/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses()}
)
def metrics(parts: Parts, caller: Operator) -> Response:
    """Return the API's own metrics for Prometheus: requests and seconds by route."""
    scoped_platform.refuse_part(caller.scope)
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
