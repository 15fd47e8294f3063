"""Cursors: where a list goes on, signed with the hash of the caller's key, so that nobody can make one up."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from flight_assets.api.problems import Problem

if TYPE_CHECKING:
    from flight_assets.queries.scoped import Position

SIGNATURE_BYTES = 16


def sign(position: Position, question: str, key_hash: str) -> str:
    """Return the cursor of a position. It is valid for the same question and key only."""
    payload = f"{position[0].astimezone(UTC).isoformat()}|{position[1]}".encode()
    return urlsafe_b64encode(_signature(payload, question, key_hash) + payload).decode().rstrip("=")


def read(cursor: str, question: str, key_hash: str) -> Position:
    """Return the position of a cursor.

    Raises Problem 400 for one that this API has not given to this caller.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(payload, question, key_hash)):
            raise ValueError("wrong signature")
        moment, flight_id = payload.decode().split("|")
        return datetime.fromisoformat(moment), flight_id
    except ValueError:
        raise Problem(
            400,
            "the cursor does not belong to this key and these filters",
            "begin again without a cursor, and follow `next`",
            "bad-cursor",
        ) from None


def _signature(payload: bytes, question: str, key_hash: str) -> bytes:
    return hmac.digest(key_hash.encode(), question.encode() + b"\0" + payload, sha256)[:SIGNATURE_BYTES]
