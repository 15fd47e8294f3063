"""The application: routes, middleware, problems, and the schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware

from flight_assets.api import problems
from flight_assets.api.context import Context
from flight_assets.api.manners import Manners
from flight_assets.api.problems import ProblemDocument
from flight_assets.api.routes import (
    aggregates,
    events,
    findings,
    flights,
    forecasts,
    platform,
    subscriptions,
)
from flight_assets.contracts.units import BYTES_PER_MB

ROUTERS = (
    flights.router,
    forecasts.router,
    aggregates.router,
    platform.router,
    events.router,
    findings.router,
    subscriptions.router,
)
# Smaller answers fit into one packet anyway.
GZIP_FROM_BYTES = 1_400
DESCRIPTION = (
    "Flights, delay forecasts and the state of the platform. Every request has a key; docs/api.md shows how."
)


def create_app(context: Context) -> FastAPI:
    """Return the API over the parts of a platform."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        context.close()

    app = _with_routes(lifespan=lifespan)
    app.state.context = context
    problems.install(app)
    app.add_api_route("/alive", alive, include_in_schema=False, response_class=PlainTextResponse)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=5)
    app.add_middleware(
        Manners, metrics=context.metrics, body_bytes=int(context.settings.api_body_mb * BYTES_PER_MB)
    )
    app.openapi = lambda: schema(app)  # type: ignore[method-assign]
    return app


def schema_text() -> str:
    """Return the OpenAPI schema as the text of ``docs/reference/openapi.json``. It needs no platform."""
    return json.dumps(schema(_with_routes()), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _with_routes(**options: Any) -> FastAPI:  # noqa: ANN401
    app = FastAPI(
        title="Flight tracking",
        version=version("flight-tracking-platform"),
        # Pages that show the schema load their scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        **options,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


async def alive() -> str:
    """Return ``ok``: the process answers. It says nothing about stores or data, and needs no key."""
    return "ok"


def schema(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI schema, in which every error is a problem document."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        components = made["components"]["schemas"]
        components["ProblemDocument"] = ProblemDocument.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        problem = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
        for operations in made["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if status >= "400":
                        answer["content"] = problem
        app.openapi_schema = made
    return app.openapi_schema
