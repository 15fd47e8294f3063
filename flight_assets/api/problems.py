"""Errors as problem documents (RFC 9457): what is wrong, and what to do about it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.exceptions import HTTPException

from flight_assets.delay_model.errors import ModelError
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.queries.scoped_platform import OutOfScope

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
METHOD_NOT_ALLOWED = 405


class ProblemDocument(BaseModel):
    """Answer to a request that failed."""

    type: str = Field(description="name of the kind of problem")
    title: str
    status: int
    detail: str = Field(description="what is wrong with this request")
    remedy: str = Field(description="what to do about it")
    instance: str | None = Field(description="id of the request, which the server's log has as well")
    store: str | None = Field(default=None, description="store that does not answer")
    errors: list[dict[str, Any]] | None = Field(default=None, description="each wrong value of a request")


class Problem(Exception):
    """Refusal of a request, with the status and the sentences of its problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        remedy: str,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.remedy = status, detail, remedy
        self.kind = kind or HTTPStatus(status).phrase.lower().replace(" ", "-")
        self.headers, self.more = dict(headers or {}), more


def response(request: Request, problem: Problem) -> Response:
    """Return the problem document of a request."""
    document = {
        "type": f"/problems/{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "remedy": problem.remedy,
        "instance": request.scope.get("state", {}).get("request_id"),
        **problem.more,
    }
    return Response(msgspec.json.encode(document), problem.status, problem.headers, MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """Return the problem of something that does not exist, or that the caller may not see."""
    return Problem(404, f"there is no {what}", "check the id, and the airlines of the key's tenant")


def of_error(error: Exception) -> Problem:
    """Return the problem that an error of a query is. Any other error is a fault of the server."""
    wait = {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreUnavailable):
        return Problem(
            503,
            f"{error.store} does not answer",
            "try again later",
            "store-unavailable",
            wait,
            store=error.store,
        )
    if isinstance(error, ExecutionTimeout):
        detail = "MongoDB did not answer in time"
        return Problem(503, detail, "ask for less at once", "store-timeout", wait, store="MongoDB")
    if isinstance(error, PyMongoError):
        return Problem(
            503, "MongoDB does not answer", "try again later", "store-unavailable", wait, store="MongoDB"
        )
    if isinstance(error, OutOfScope):
        return Problem(403, str(error), "use a key of the default tenant", "out-of-scope")
    if isinstance(error, ModelError):
        return Problem(409, str(error), "see `flights model list`", "model-unusable")
    if isinstance(error, FlightsError):
        return Problem(422, str(error), "correct the request", "refused")
    return Problem(500, "the server failed", "report the id of the request", "server-error")


def _allowed(request: Request) -> str:
    """Return the methods of a path by the schema. The framework names those of its first route only."""
    paths = request.app.openapi()["paths"]
    found = {
        method.upper()
        for path, methods in paths.items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)
        for method in methods
    }
    return ", ".join(sorted(found)) or "GET"


def install(app: FastAPI) -> None:
    """Turn every error of a route into a problem document."""

    async def on_error(request: Request, error: Exception) -> Response:
        return response(request, of_error(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the type it is installed for
        remedies = {404: "see the paths in /openapi.json", 405: "see the methods in /openapi.json"}
        remedy = remedies.get(error.status_code, "correct the request")
        detail = f"{request.method} {request.url.path}: {error.detail}"
        headers = {"Allow": _allowed(request)} if error.status_code == METHOD_NOT_ALLOWED else error.headers
        return response(request, Problem(error.status_code, detail, remedy, headers=headers))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - the type it is installed for
        wrong = [{"where": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
        detail = "; ".join(f"{each['where']}: {each['what']}" for each in wrong[:5])
        return response(
            request, Problem(422, detail, "correct these values", "invalid-request", errors=wrong)
        )

    # Every other error reaches the middleware.
    for kind in (Problem, FlightsError, PyMongoError):
        app.add_exception_handler(kind, on_error)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
