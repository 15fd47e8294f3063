"""Parts of a running API, and the dependencies by which routes get them and their caller."""

from __future__ import annotations

from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from flight_assets.api.callers import Caller, KeyRing, Limits, identify, refuse_without
from flight_assets.api.manners import ApiMetrics
from flight_assets.api.models import flight_row
from flight_assets.api.problems import Problem
from flight_assets.api.sender import EventSender
from flight_assets.api.stream import Hub
from flight_assets.api.webhooks.worker import Worker
from flight_assets.queries.clients import Clients
from flight_assets.queries.forecast_now import Forecaster

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings

Found = TypeVar("Found")


@dataclass
class Context:
    """Connections and state of one API process."""

    settings: Settings
    clients: Clients
    keys: KeyRing
    sender: EventSender
    hub: Hub
    forecaster: Forecaster
    webhooks: Worker
    limits: Limits = field(default_factory=Limits)
    metrics: ApiMetrics = field(default_factory=ApiMetrics)

    def within_time(self, store: str, ask: Callable[[], Found]) -> Found:
        """Return an answer of a slow store, or give up after ``api_timeout_s``.

        The query goes on for the cache.

        Raises:
            Problem: 503 that names the store.
        """
        asked = self.clients.pool.submit(ask)
        try:
            return asked.result(self.settings.api_timeout_s)
        except Late:
            asked.cancel()
            raise Problem(
                503,
                f"{store} did not answer within {self.settings.api_timeout_s:g} s",
                "ask again soon: the answer is on its way to the cache; or ask for less",
                "store-timeout",
                {"Retry-After": "10"},
                store=store,
            ) from None

    def close(self) -> None:
        """End streams and webhooks, and give the connections back."""
        self.webhooks.close()
        self.hub.close()
        self.sender.close()
        self.clients.close()


def open_context(settings: Settings) -> Context:
    """Return the context for a platform. Each part connects when it is first used."""
    # The API changes nothing but its own collections and the topic, so its Spark session stays read-only.
    clients = Clients(settings.model_copy(update={"role": "dashboard"}))
    metrics = ApiMetrics()
    return Context(
        settings=settings,
        clients=clients,
        keys=KeyRing(settings, clients.mongo),
        sender=EventSender(clients),
        hub=Hub(clients, flight_row, settings.api_streams),
        forecaster=Forecaster(clients),
        webhooks=Worker(settings, clients.mongo, lambda outcome: metrics.webhooks.labels(outcome).inc()),
        metrics=metrics,
    )


def context_of(request: Request) -> Context:
    """Return the context of the application that serves a request."""
    found: Context = request.app.state.context
    return found


_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="a key of `flights api key create`")
Parts = Annotated[Context, Depends(context_of)]


async def caller_of(
    request: Request,
    parts: Parts,
    _credentials: Annotated[object, Security(_bearer)],
) -> Caller:
    """Return the caller of a request. Raises Problem 401, 429 or 503."""
    caller = await identify(parts.keys, parts.limits, request.headers.get("authorization"))
    request.state.key = caller.key.prefix
    return caller


def _with(right: str) -> Callable[[Caller], Caller]:
    def checked(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        refuse_without(right, caller)
        return caller

    return checked


Reader = Annotated[Caller, Depends(_with("read"))]
Sender = Annotated[Caller, Depends(_with("send"))]
Operator = Annotated[Caller, Depends(_with("operate"))]
