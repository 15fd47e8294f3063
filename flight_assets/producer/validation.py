"""The verdicts of a batch on messages that are not sent: staged, duplicate or rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

Check = Callable[[pa.RecordBatch], pa.RecordBatch]
CHUNK_MESSAGES = 20_000
EXAMPLES = 20
_RAW = pa.schema(
    [
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("ingestion_timestamp", pa.timestamp("us", "UTC")),
        ("batch_id", pa.int64()),
    ]
)


@dataclass
class Verdicts:
    """Counts of messages by their outcome: messages = staged + duplicate + rejected.

    ``examples`` are the first rejected ones as (line, reason, detail); ``line`` counts the messages where
    they are not lines.
    """

    messages: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unknown_codes: Counter[str] = field(default_factory=Counter)
    unknown_fields: Counter[str] = field(default_factory=Counter)
    cleaned: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def staged(self) -> int:
        """Return how many would be staged."""
        return self.messages - self.duplicate - sum(self.rejected.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the output of ``flights validate --json``."""
        counted = {
            name: dict(getattr(self, name).most_common())
            for name in ("rejected", "unknown_codes", "unknown_fields", "cleaned")
        }
        examples = [
            dict(zip(("line", "reason", "detail"), example, strict=True)) for example in self.examples
        ]
        return {
            "messages": self.messages,
            "staged": self.staged,
            "duplicate": self.duplicate,
            **counted,
            "examples": examples,
        }


def verdicts(messages: Iterable[tuple[int, bytes | None, bytes]], check: Check) -> Verdicts:
    """Return the outcome of messages, given as line number, key and value, if Kafka took them now."""
    found, hashes = Verdicts(), [np.zeros(0, dtype=np.int64)]
    remaining = iter(messages)
    while chunk := list(islice(remaining, CHUNK_MESSAGES)):
        checked = check(_raw(chunk, found.messages))
        found.messages += len(chunk)
        reasons, details = checked.column("reason").to_pylist(), checked.column("detail").to_pylist()
        wrong = [
            (line, reason, detail)
            for (line, _, _), reason, detail in zip(chunk, reasons, details, strict=True)
            if reason
        ]
        found.rejected.update(reason for _, reason, _ in wrong)
        found.examples += wrong[: max(0, EXAMPLES - len(found.examples))]
        for name, counter in (
            ("unknown_codes", found.unknown_codes),
            ("unknown_fields", found.unknown_fields),
            ("cleaned", found.cleaned),
        ):
            counter.update(value for values in checked.column(name).to_pylist() for value in values or ())
        hashes.append(np.asarray(checked.column("event_hash").drop_null()))
    ids = np.concatenate(hashes)
    found.duplicate = len(ids) - len(np.unique(ids))
    return found


def _raw(chunk: list[tuple[int, bytes | None, bytes]], first: int) -> pa.RecordBatch:
    """Return messages in the form in which a batch lands them."""
    now = datetime.now(UTC)
    rows = [(key, value, "", 0, first + place, now, 0) for place, (_, key, value) in enumerate(chunk)]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), _RAW.types, strict=True)],
        schema=_RAW,
    )
