"""Routes about webhooks: subscriptions and the log of their deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from flight_assets.api import answers
from flight_assets.api.context import Context, Operator, Parts, Reader
from flight_assets.api.parameters import responses
from flight_assets.api.problems import Problem, not_found
from flight_assets.api.subscription_models import (
    Asked,
    Deliveries,
    NewSubscription,
    OneSubscription,
    Subscriptions,
    subscription_row,
)
from flight_assets.api.webhooks import signing
from flight_assets.api.webhooks.targets import Refused, addresses_of, target_of
from flight_assets.stores import mongo, subscriptions
from flight_assets.stores.subscriptions import Subject

router = APIRouter(prefix="/v1", tags=["subscriptions"])
Id = Annotated[
    str,
    Path(pattern=f"^[0-9a-f]{{{subscriptions.ID_CHARACTERS}}}$", description="id of the subscription"),
]
_QUOTA: dict[int | str, dict[str, Any]] = {
    409: {"description": "the tenant has as many subscriptions as it may"}
}
_GONE: dict[int | str, dict[str, Any]] = {204: {"description": "deleted, with its deliveries"}}


@contextmanager
def _stored(parts: Context) -> Iterator[Any]:
    with mongo.answering(parts.clients.settings):
        yield parts.clients.mongo()


@router.post(
    "/subscriptions", status_code=201, response_model=NewSubscription, responses={**responses(), **_QUOTA}
)
def create_subscription(request: Request, parts: Parts, caller: Operator, asked: Asked) -> Response:
    """Make a subscription. The answer has the secret that signs its deliveries; it is not shown again."""
    if answers.wanted_format(request) != answers.JSON:
        raise Problem(406, "a subscription is given as JSON only", f"accept {answers.JSON}", "not-acceptable")
    if asked.subject == Subject.AIRLINE and not caller.scope.allows(asked.value):
        raise not_found(f"airline {asked.value} in the scope of this key")
    key = signing.key_of(parts.settings)
    try:
        addresses_of(parts.settings, caller.scope.tenant, target_of(asked.url))
    except Refused as refused:
        raise Problem(422, str(refused), "give another url", "url-refused") from None
    most = parts.settings.api_subscriptions
    try:
        with _stored(parts) as db:
            made = subscriptions.create(caller.scope, db, asked.wish(), most)
    except subscriptions.TooMany as error:
        raise Problem(409, str(error), "delete a subscription", "too-many-subscriptions") from None
    body = {**subscription_row(made, 0), "secret": signing.secret_of(key, made.id)}
    # Not by ``answers``: an answer with a secret is never 304.
    return Response(
        msgspec.json.encode(body), 201, {"Location": f"/v1/subscriptions/{made.id}"}, answers.JSON
    )


@router.get("/subscriptions", response_model=Subscriptions, responses=responses())
def list_subscriptions(request: Request, parts: Parts, caller: Reader) -> Response:
    """List the subscriptions of the caller's tenant, newest first; the default tenant sees all."""
    with _stored(parts) as db:
        found = subscriptions.find(caller.scope, db)
        waiting = subscriptions.waiting(caller.scope, db, [each.id for each in found])
    rows = [subscription_row(each, waiting.get(each.id, 0)) for each in found]
    return answers.document(request, {"data": rows})


@router.get("/subscriptions/{subscription}", response_model=OneSubscription, responses=responses(404))
def one_subscription(request: Request, parts: Parts, caller: Reader, subscription: Id) -> Response:
    """Return a subscription, its state and how many deliveries wait."""
    with _stored(parts) as db:
        found = subscriptions.one(caller.scope, db, subscription)
        waiting = subscriptions.waiting(caller.scope, db, [subscription])
    if found is None:
        raise not_found(f"subscription {subscription}")
    return answers.document(request, subscription_row(found, waiting.get(subscription, 0)))


@router.delete("/subscriptions/{subscription}", status_code=204, responses={**responses(404), **_GONE})
def delete_subscription(parts: Parts, caller: Operator, subscription: Id) -> Response:
    """Delete a subscription with its deliveries, also those that wait."""
    with _stored(parts) as db:
        if not subscriptions.delete(caller.scope, db, subscription):
            raise not_found(f"subscription {subscription}")
    return Response(status_code=204)


@router.post("/subscriptions/{subscription}/resume", response_model=OneSubscription, responses=responses(404))
def resume_subscription(request: Request, parts: Parts, caller: Operator, subscription: Id) -> Response:
    """Let a paused subscription deliver again, at once, beginning with what waits."""
    with _stored(parts) as db:
        found = subscriptions.resume(caller.scope, db, subscription)
        waiting = subscriptions.waiting(caller.scope, db, [subscription])
    if found is None:
        raise not_found(f"subscription {subscription}")
    return answers.document(request, subscription_row(found, waiting.get(subscription, 0)))


@router.get("/subscriptions/{subscription}/deliveries", response_model=Deliveries, responses=responses(404))
def list_deliveries(
    request: Request,
    parts: Parts,
    caller: Reader,
    subscription: Id,
    limit: Annotated[int, Query(ge=1, le=1_000, description="deliveries at most")] = 100,
) -> Response:
    """List the deliveries of a subscription with their attempts, newest first."""
    with _stored(parts) as db:
        found = subscriptions.deliveries(caller.scope, db, subscription, limit)
    if found is None:
        raise not_found(f"subscription {subscription}")
    return answers.document(request, {"data": found})
