"""``flights demo``, behind ``make demo``: everything that the platform does, once, on real components."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import console, example
from flight_assets.commands.platform import print_addresses, start_platform
from flight_assets.commands.process import print_counts, process_now
from flight_assets.commands.produce import publish_with_progress
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message

EVENTS = 20_000
FIRST_PART = 12_000
BAD_SHARE = 0.03
PAGES = (
    ("", "flights as they come in, their latency, and a map of delays that moves every minute"),
    ("history", "delays of any days, down to one flight, airlines side by side, with export"),
    ("quality", "every message accounted for, what was rejected and why, and quality by source"),
)


@click.command(epilog=example("flights demo"))
def demo() -> None:
    """Start the platform, send 20,000 events in two parts, process them, and count every store."""
    run_demo(get_settings())


def run_demo(settings: Settings) -> None:
    """Start, send two parts with a batch after each, and show that the counts agree."""
    from flight_assets.stores import kafka

    began = time.monotonic()
    start_platform(settings)
    # Another seed for each run: with the same one, all events of a second run would be duplicates.
    messages = demo_messages(
        seed=sum(kafka.end_offsets(settings).values()), lead_minutes=settings.scheduled_lead_minutes
    )
    for size in (FIRST_PART, EVENTS - FIRST_PART):
        publish_with_progress(settings, islice(messages, size), 0.0, size)
        process_now(settings)
    print_counts(settings, as_json=False)
    print_addresses(settings)
    show_the_way(settings)
    console.print(f"done in {time.monotonic() - began:.0f} s")


def show_the_way(settings: Settings) -> None:
    """Start the feed, and name three pages with what they show."""
    from flight_assets.platform import feed

    feed.start(settings)
    console.print("A feed goes on sending flights; `flights feed stop` ends it. Three pages to begin with:")
    for path, what in PAGES:
        console.print(f"  {settings.dashboard_url}/{path:8} {what}", soft_wrap=True, highlight=False)


def demo_messages(seed: int, lead_minutes: int) -> Iterator[Message]:
    """Return messages of the last days up to now, in event order, bad ones among them.

    Flights of the first part go on in the second.
    """
    from flight_assets.producer.corrupt import mixed_messages
    from flight_assets.producer.synthetic import synthetic_messages

    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return mixed_messages(
        lambda count: synthetic_messages(seed, count, now, lead_minutes), EVENTS, BAD_SHARE, seed
    )
