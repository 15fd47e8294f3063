"""Middleware around every route: request id, size limit, time, metrics and one line in the log."""

from __future__ import annotations

import re
import time
from traceback import format_exception
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Histogram

from flight_assets import logs
from flight_assets.api.problems import Problem, of_error, response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_log = logs.get_logger("api")
BUCKETS_S = (0.005, 0.01, 0.015, 0.025, 0.04, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ApiMetrics:
    """Metrics of the API by route, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "flights_api_requests",
            "requests by route and status",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "flights_api_request_seconds",
            "time to the last byte, streams left out",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.events = Counter(
            "flights_api_events",
            "messages that were sent to POST /v1/events",
            ("verdict",),
            registry=self.registry,
        )
        self.webhooks = Counter(
            "flights_api_webhook_attempts",
            "attempts to deliver a webhook by outcome",
            ("outcome",),
            registry=self.registry,
        )


class _TooLarge(Exception):
    """Body with more bytes than are allowed."""


class Manners:
    """ASGI middleware that wraps each request."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, body_bytes: int) -> None:
        self._app, self._metrics, self._body_bytes = app, metrics, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, has_begun = time.perf_counter(), 500, False

        async def answer(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                message["headers"] = [*message["headers"], *_headers(request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if _length(request) > self._body_bytes:
                    raise _TooLarge
                await self._app(scope, self._counted(receive), answer)
            except Exception as error:
                if has_begun:
                    raise
                await response(request, self._problem(request, error))(scope, receive, answer)
            finally:
                self._note(scope, status, time.perf_counter() - began)

    def _counted(self, receive: Receive) -> Receive:
        """Return ``receive`` that ends a request with too large a body."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._body_bytes:
                raise _TooLarge
            return message

        return counted

    def _problem(self, request: Request, error: Exception) -> Problem:
        if isinstance(error, _TooLarge):
            detail = f"the body has more than {self._body_bytes} bytes"
            return Problem(413, detail, "send less at once", "too-large")
        _log.error("request failed", path=request.url.path, trace="".join(format_exception(error)))
        return of_error(error)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if route != "unknown" else "any"
        self._metrics.requests.labels(method, route, str(status)).inc()
        if not route.startswith("/v1/stream"):
            self._metrics.seconds.labels(method, route).observe(seconds)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            key=scope["state"].get("key"),
        )


def _length(request: Request) -> int:
    """Return the length that the request states.

    It is 0 if it states none or nonsense, since bytes are counted anyway.
    """
    stated = request.headers.get("content-length", "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else 0


def _headers(request_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"private, no-cache"),
    ]
