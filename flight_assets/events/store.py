"""Durable state of complex events on HDFS: numbered files, and a head that says which one is published.

The order: save the state with its changes, publish the changes, mark the number as published. After a crash
between two of them the next run publishes the saved changes again, and every write is idempotent.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import msgspec

from flight_assets.events.model import Change  # not only for type checkers: msgspec reads the annotations
from flight_assets.provenance import METADATA_ROOT

if TYPE_CHECKING:
    from flight_assets.stores.hdfs import Hdfs

ROOT = f"{METADATA_ROOT}/events"
HEAD = f"{ROOT}/head.json"


class Saved(msgspec.Struct):
    """State after some batches: number of the file, newest batch, broker time reached, changes to publish."""

    number: int
    batch_id: int
    now: int
    engine: bytes
    changes: list[Change]


@dataclass(frozen=True)
class Head:
    """Progress: number of the newest published state, its batch, when work is due, and totals.

    ``next_due`` is broker time in seconds, None if nothing waits. ``raised`` counts findings by pattern.
    ``failures`` has the error of each pattern that failed.
    """

    number: int
    batch_id: int
    next_due: int | None = None
    raised: dict[str, int] = field(default_factory=dict)
    open_findings: int = 0
    late: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class EventStore:
    """Files of the states below ``ROOT``."""

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    def head(self) -> Head | None:
        """Return the progress; None before the first state."""
        try:
            return Head(**json.loads(self._hdfs.read(HEAD)))
        except FileNotFoundError:
            return None

    def load(self, number: int) -> Saved | None:
        """Return a saved state; None if there is none of that number."""
        try:
            return msgspec.msgpack.decode(self._hdfs.read(path(number)), type=Saved)
        except FileNotFoundError:
            return None

    def save(self, saved: Saved) -> None:
        """Write a state, and replace one that an earlier attempt wrote but never published."""
        self._hdfs.write(path(saved.number), msgspec.msgpack.encode(saved))

    def mark(self, head: Head) -> None:
        """Mark a state as published, and delete the one before the last."""
        self._hdfs.write(HEAD, json.dumps(asdict(head)).encode())
        self._hdfs.delete(path(head.number - 2))


def path(number: int) -> str:
    """Return the HDFS path of a state."""
    return f"{ROOT}/state_{number:08d}.msgpack"
