"""``flights produce``: synthetic or real flights, sent to Kafka."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import console, example
from flight_assets.errors import FlightsError
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message

SOURCES = click.Choice(["synthetic", "replay"])
SHARE = click.FloatRange(0, 1, max_open=True)


@click.command(
    epilog=example("flights produce --source replay --events 10000", "flights produce --forever --rate 5")
)
@click.option(
    "--source",
    type=SOURCES,
    default="synthetic",
    show_default=True,
    help="Made-up flights, or real ones of 2013.",
)
@click.option(
    "--events",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="How many messages, bad ones included.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Messages per second; 0 is as fast as it goes.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="The same seed gives the same messages.",
)
@click.option(
    "--bad-share", type=SHARE, default=0.0, show_default=True, help="Share of bad or awkward messages."
)
@click.option(
    "--forever",
    is_flag=True,
    help="Synthetic flights in real time, about --rate a second (1 by default), until Ctrl-C.",
)
def produce(source: str, events: int, rate: float, seed: int, bad_share: float, forever: bool) -> None:
    """Send flight events to Kafka."""
    settings = get_settings()
    if forever and source == "replay":
        raise click.UsageError("--forever goes with --source synthetic")
    messages = (
        _live(settings, rate or 1.0, seed, bad_share)
        if forever
        else _finite(settings, source, events, seed, bad_share)
    )
    publish_with_progress(settings, messages, 0.0 if forever else rate, None if forever else events)


def _live(settings: Settings, rate: float, seed: int, bad_share: float) -> Iterator[Message]:
    from flight_assets.producer.corrupt import with_bad_messages
    from flight_assets.producer.live import live_messages
    from flight_assets.producer.pace import when_due

    good = live_messages(seed, rate, datetime.now(UTC), settings.scheduled_lead_minutes)
    return when_due(with_bad_messages(good, bad_share, seed))


def _finite(settings: Settings, source: str, events: int, seed: int, bad_share: float) -> Iterator[Message]:
    from flight_assets.producer.corrupt import mixed_messages
    from flight_assets.producer.replay import replay_messages
    from flight_assets.producer.synthetic import synthetic_messages

    lead = settings.scheduled_lead_minutes
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def good(count: int) -> Iterator[Message]:
        return (
            replay_messages(count, lead_minutes=lead)
            if source == "replay"
            else synthetic_messages(seed, count, today, lead)
        )

    return mixed_messages(good, events, bad_share, seed)


def publish_with_progress(
    settings: Settings, messages: Iterator[Message], rate: float, total: int | None
) -> int:
    """Send messages with a progress bar. Print and return how many Kafka acknowledged.

    Raises:
        FlightsError: a message was too large for the broker.
    """
    from rich.progress import Progress

    from flight_assets.producer.publish import publish
    from flight_assets.stores.kafka import security_options

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("sending", total=total)

        def advance(acknowledged: int, _sent: int) -> None:
            progress.update(task, completed=acknowledged, description=f"acknowledged {acknowledged:,}")

        servers, topic = settings.kafka_bootstrap_servers, settings.kafka_topic
        result = publish(
            messages, servers, topic, rate, advance, settings.timeout_s, security=security_options(settings)
        )
    defects = ", ".join(f"{count} {name}" for name, count in sorted(result.by_defect.items()))
    console.print(
        f"Kafka acknowledged {result.acknowledged} of {result.sent} messages in {result.seconds:.1f} s"
    )
    console.print(f"bad or awkward among them: {defects or 'none'}", soft_wrap=True)
    if result.failed:
        raise FlightsError(f"{result.failed} messages were too large for the broker")
    return result.acknowledged
