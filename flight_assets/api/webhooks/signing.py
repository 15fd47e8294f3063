"""Secrets and signatures of webhooks, in the form of Standard Webhooks (https://www.standardwebhooks.com).

A secret is stored nowhere. It is derived from the platform's webhook key and the id of the subscription, so a
copy of MongoDB cannot sign.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from flight_assets.api.problems import Problem

if TYPE_CHECKING:
    from flight_assets.settings import Settings

MARK = "whsec_"


def key_of(settings: Settings) -> bytes:
    """Return the platform's webhook key, from its setting or else from its file.

    Raises Problem 503 without one.
    """
    given = settings.webhook_key.get_secret_value()
    if not given and settings.webhook_key_file.exists():
        given = settings.webhook_key_file.read_text().strip()
    if not given:
        detail = "this platform has no key to sign webhooks with"
        raise Problem(503, detail, "set FLIGHTS_WEBHOOK_KEY, or run `flights up`", "no-webhook-key")
    return given.encode()


def secret_of(key: bytes, subscription: str) -> str:
    """Return the secret of a subscription: ``whsec_`` and 32 bytes in base64."""
    return MARK + b64encode(hmac.digest(key, f"webhook secret {subscription}".encode(), sha256)).decode()


def signature(secret: str, delivery: str, timestamp: int, body: bytes) -> str:
    """Return ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``; timestamp in seconds."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    digest = hmac.digest(b64decode(secret.removeprefix(MARK)), signed, sha256)
    return f"v1,{b64encode(digest).decode()}"


def headers(secret: str, delivery: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "flight-tracking-webhooks",
        "Webhook-Id": delivery,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature(secret, delivery, timestamp, body),
    }
