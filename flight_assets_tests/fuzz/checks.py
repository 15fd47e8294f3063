"""Fuzz the checks of messages in this process: every message gets one right verdict, in bounded time.

Usage: python -m flight_assets_tests.fuzz.checks [--minutes M] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.contracts.message import CHECKED_REASONS, MAX_MESSAGE_BYTES
from flight_assets.contracts.tables import STAGING
from flight_assets.pipeline.write_hot import rows_of
from flight_assets.stores import mongo, mongo_documents
from flight_assets.transforms import messages
from flight_assets.transforms.check import check
from flight_assets.transforms.flights import flight_of, with_prediction
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import raw_batch, reference
from flight_assets_tests.fuzz.content import ALL, values
from flight_assets_tests.fuzz.events import FIRST_DAY
from flight_assets_tests.unit.test_transforms_any_message import is_json

BATCH = 500
# CPU time of one message, far above the slowest seen and far below what holds a batch up.
SLOWEST_S = 0.25
LONGEST_DETAIL = 2_000
FAILURES_SHOWN = 50
REASONS = {reason.value for reason in CHECKED_REASONS}
TAKEN_AT = FIRST_DAY + timedelta(days=ALL.days + 2)


@dataclass
class Outcome:
    """Figures of a campaign: messages by kind, verdicts by reason or ``valid``, failures as sentences."""

    kinds: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    read_fast: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """Return how many messages were checked."""
        return self.kinds.total()


def play(seed: int, seconds: float = math.inf, count: int | None = None) -> Outcome:
    """Check messages of a seed for so long, or so many of them, and compare every verdict."""
    outcome, source = Outcome(), islice(values(seed), count)
    checks = (Checks(reference()), Checks(reference(), reject_unknown=True))
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and (chunk := list(islice(source, BATCH))):
        first = outcome.messages
        outcome.kinds.update(kind for kind, _, _ in chunk)
        sent = [value for _, _, value in chunk]
        for place, problem in _problems(sent, checks[first // BATCH % 2], outcome):
            kind, value = chunk[place][0], sent[place]
            outcome.failures.append(
                f"seed {seed} message {first + place} ({kind}): {problem}: {value!r:.300}"
            )
        if len(outcome.failures) > FAILURES_SHOWN:
            break
    return outcome


def _problems(sent: list[bytes | None], checks: Checks, outcome: Outcome) -> Iterable[tuple[int, str]]:
    began = time.process_time()
    try:
        found = check(raw_batch(sent, taken_at=TAKEN_AT), checks)
    except Exception:  # which message it was is what the campaign is to say
        return _raising(sent, checks)
    is_slow = time.process_time() - began > SLOWEST_S
    rows = found.to_pylist()
    outcome.verdicts.update(row["reason"] or "valid" for row in rows)
    problems = [
        (place, problem)
        for place, (row, value) in enumerate(zip(rows, sent, strict=True))
        for problem in (*_of_verdict(row, value, place), *_of_readers(value, outcome))
    ]
    if is_slow:
        # Measured twice: a pause of this process is not the message's.
        problems += [
            (place, f"took {seconds:.3f} s")
            for place, value in enumerate(sent)
            if _seconds(value, checks) > SLOWEST_S and (seconds := _seconds(value, checks)) > SLOWEST_S
        ]
    return [*problems, *_of_documents(found)]


def _raising(sent: list[bytes | None], checks: Checks) -> Iterable[tuple[int, str]]:
    for place, value in enumerate(sent):
        try:
            check(raw_batch([value], taken_at=TAKEN_AT), checks)
        except Exception as error:  # any is a finding
            yield place, f"raises {type(error).__name__}: {error}"


def _seconds(value: bytes | None, checks: Checks) -> float:
    began = time.process_time()
    check(raw_batch([value], taken_at=TAKEN_AT), checks)
    return time.process_time() - began


def _of_verdict(row: dict[str, Any], value: bytes | None, place: int) -> Iterable[str]:
    """Problems of one verdict, found without the code that gave it."""
    reason, detail = row["reason"], row["detail"]
    if row["kafka_offset"] != place or row["value"] != value:
        yield "its place or its bytes are not kept"
    if (reason in REASONS) != bool(detail) or (reason is None) != (row["event_id"] is not None):
        yield f"verdict {reason} with detail {detail!r} and event {row['event_id']!r}"
    if detail is not None and (len(detail) > LONGEST_DETAIL or not detail.isprintable()):
        yield f"the detail is no short printable text: {detail[:200]!r}"
    if (reason == "too_large") != (len(value or b"") > MAX_MESSAGE_BYTES):
        yield f"verdict {reason} for {len(value or b'')} bytes"
    if reason not in ("too_large", "not_json") and not (value is not None and is_json(value)):
        yield f"verdict {reason}, and it is no JSON"
    if reason == "not_an_object" and isinstance(json.loads(value or b"0"), dict):
        yield "verdict not_an_object, and it is one"


def _of_readers(value: bytes | None, outcome: Outcome) -> Iterable[str]:
    """Problems of the fast reader: it gives what the exact one gives, or nothing."""
    if value is None or len(value) > MAX_MESSAGE_BYTES:
        return
    fast = messages._read_fast(value)
    if fast is None:
        return
    outcome.read_fast += 1
    try:
        exact = messages._read_exactly(value)
    except messages.Rejected as error:
        yield f"the fast reader takes what the exact one refuses: {error}"
        return
    if repr(fast) != repr(exact):
        yield "the two readers differ"


def _of_documents(found: pa.RecordBatch) -> Iterable[tuple[int, str]]:
    """Problems of the documents that valid events become: none may break the collection's validator."""
    staged = found.filter(pc.is_null(found["reason"])).select(STAGING.column_names)
    for row in rows_of(staged):
        document = mongo_documents.document(with_prediction(flight_of([row], None), None))
        if problem := _invalid(document):
            yield row["kafka_offset"], problem


def _invalid(document: dict[str, Any]) -> str:
    rules = mongo.VALIDATOR["$jsonSchema"]
    for name, rule in rules["properties"].items():
        pattern = rule.get("pattern")
        if pattern and not re.search(pattern, document[name]):
            return f"the document's {name} is {document[name]!r}"
    score = document["quality_score"]
    if not 0 <= score <= 1 or any(document.get(name) is None for name in rules["required"]):
        return f"the document breaks the validator: score {score}"
    numbers = [value for value in document.values() if isinstance(value, float)]
    return "" if all(map(math.isfinite, numbers)) else "the document has a number that is not finite"


def main() -> int:
    """Exit code 0 if no message failed."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=5.0, help="how long")
    words.add_argument("--seed", type=int, default=1, help="the same seed gives the same messages")
    given = words.parse_args()
    began = time.monotonic()
    found = play(given.seed, 60 * given.minutes)
    seconds = time.monotonic() - began
    lines = [f"  {count:>12,} {name}" for name, count in (found.kinds + found.verdicts).most_common()]
    lines += [f"FAILED {line}" for line in found.failures]
    lines.append(
        f"{found.messages:,} messages in {seconds:.0f} s ({found.messages / seconds:,.0f}/s, "
        f"seed {given.seed}), "
        f"{found.read_fast:,} by both readers, {len(found.failures)} failures"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
