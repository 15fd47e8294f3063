"""Route by which programs send events."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from flight_assets.api import answers
from flight_assets.api.context import Context, Parts, Sender
from flight_assets.api.models import EventVerdicts
from flight_assets.api.parameters import responses
from flight_assets.api.problems import Problem
from flight_assets.api.sender import Verdict

router = APIRouter(prefix="/v1", tags=["events"])
MOST_MESSAGES = 5_000
_raw = msgspec.json.Decoder(list[msgspec.Raw])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"type": "object", "description": "one message of the contract"},
                        {
                            "type": "array",
                            "items": {"type": "object"},
                            "minItems": 1,
                            "maxItems": MOST_MESSAGES,
                        },
                    ]
                }
            }
        },
    }
}


@router.post(
    "/events", status_code=202, response_model=EventVerdicts, responses=responses(), openapi_extra=_BODY
)
async def send_events(request: Request, parts: Parts, caller: Sender) -> Response:
    """Send one message or a list to Kafka. Each gets its place in the topic, or the reason of its rejection.

    202 means that every in-sync replica has the accepted messages.
    An event_id that was sent before gets its first place.
    """
    messages = _messages(await request.body())
    parts.limits.take_events(caller, len(messages), datetime.now(UTC))
    verdicts = await run_in_threadpool(parts.sender.send, caller.scope, messages)
    return _answer(request, parts, verdicts)


def _messages(body: bytes) -> list[bytes]:
    """Return the bytes of each message, as they were sent."""
    text = body.strip()
    if not text.startswith(b"["):
        return [_object(text)]
    try:
        messages = [bytes(raw) for raw in _raw.decode(text)]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is no JSON list: {error}", "send a list of messages") from None
    if not 1 <= len(messages) <= MOST_MESSAGES:
        raise Problem(
            422, f"the list has {len(messages)} messages", f"send 1 to {MOST_MESSAGES}", "invalid-request"
        )
    return messages


def _object(text: bytes) -> bytes:
    if not text.startswith(b"{"):
        raise Problem(
            400, "the body is neither an object nor a list", "send a message, or a list of messages"
        )
    return text


def _answer(request: Request, parts: Context, verdicts: list[Verdict]) -> Response:
    counts = dict.fromkeys(("accepted", "repeated", "rejected"), 0)
    for verdict in verdicts:
        counts[verdict.status] += 1
    for name, count in counts.items():
        parts.metrics.events.labels(name).inc(count)
    body: dict[str, Any] = {**counts, "verdicts": [asdict(verdict) for verdict in verdicts]}
    if counts["rejected"] == len(verdicts):
        raise Problem(422, "every message is rejected", "see the reasons", "rejected", **body)
    response = answers.document(request, body)
    if response.status_code == 200:
        response.status_code = 202
    return response
