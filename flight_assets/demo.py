"""The demonstration behind ``make demo``: everything that the platform does, once, on real components."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets import cli
from flight_assets.automation.runs import run_job
from flight_assets.commands.console import console
from flight_assets.commands.model import model_store
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.stores import kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message
    from flight_assets.settings import Settings

EVENTS = 20_000
FIRST_PART = 12_000
BAD_SHARE = 0.03


def run_demo(settings: Settings) -> None:
    """Start, train once, send two parts with a batch after each, and show that the counts agree."""
    began = time.monotonic()
    cli.start_platform(settings)
    if model_store(settings).champion() is None:
        with console.status("training the delay model on 336,776 real flights"):
            run_job(settings, "train_delay_model")
    # Another seed for each run of the demo, else a second one would send duplicates only.
    messages = demo_messages(seed=sum(kafka.end_offsets(settings).values()), lead_minutes=settings.scheduled_lead_minutes)
    for size in (FIRST_PART, EVENTS - FIRST_PART):
        cli.publish_with_progress(settings, _take(messages, size), 0.0, size)
        cli.process_now(settings)
    cli.print_counts(settings, as_json=False)
    cli.print_addresses(settings)
    console.print(f"done in {time.monotonic() - began:.0f} s")


def demo_messages(seed: int, lead_minutes: int) -> Iterator[Message]:
    """The last days of flights up to now, in event order, with bad messages among them: flights of the first part go on in the second."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return mixed_messages(lambda count: synthetic_messages(seed, count, now, lead_minutes), EVENTS, BAD_SHARE, seed)


def _take(messages: Iterator[Message], count: int) -> Iterator[Message]:
    for _ in range(count):
        yield next(messages)
