"""``flights produce``: synthetic or real flights, sent to Kafka."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import console, example
from flight_assets.errors import FlightsError
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message
    from flight_assets.producer.pool import Pool

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
@click.option(
    "--like",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of real flights, in any layout, whose days synthetic ones are drawn from.",
)
def produce(
    source: str, events: int, rate: float, seed: int, bad_share: float, forever: bool, like: Path | None
) -> None:
    """Send flight events to Kafka."""
    settings = get_settings()
    if (forever or like) and source == "replay":
        raise click.UsageError("--forever and --like go with --source synthetic")
    pool = _pool(settings, like) if like else None
    messages = (
        _live(settings, rate or 1.0, seed, bad_share, pool)
        if forever
        else _finite(settings, source, events, seed, bad_share, pool)
    )
    publish_with_progress(settings, messages, 0.0 if forever else rate, None if forever else events)


def _pool(settings: Settings, like: Path) -> Pool:
    """Return the days of a file. What was read is kept, so that it is read once."""
    from flight_assets.commands.load import recognised
    from flight_assets.producer.load_job import open_job
    from flight_assets.producer.pool import file_pool
    from flight_assets.stores.dimensions import present_reference

    reference = present_reference(settings)
    job = open_job(settings.home, [like], ["pool", reference.fingerprint], reference)
    with console.status(f"reading {like.name}"):
        job.survey(recognised((like,), "", None), lambda _: None, False)
        return file_pool(job.spool, reference)


def _live(
    settings: Settings, rate: float, seed: int, bad_share: float, pool: Pool | None
) -> Iterator[Message]:
    from flight_assets.producer.corrupt import with_bad_messages
    from flight_assets.producer.live import live_messages
    from flight_assets.producer.pace import when_due

    good = live_messages(seed, rate, datetime.now(UTC), settings.scheduled_lead_minutes, pool)
    return when_due(with_bad_messages(good, bad_share, seed))


def _finite(
    settings: Settings, source: str, events: int, seed: int, bad_share: float, pool: Pool | None
) -> Iterator[Message]:
    from flight_assets.producer.corrupt import mixed_messages
    from flight_assets.producer.replay import replay_messages
    from flight_assets.producer.synthetic import synthetic_messages

    lead = settings.scheduled_lead_minutes
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def good(count: int) -> Iterator[Message]:
        return (
            replay_messages(count, lead_minutes=lead)
            if source == "replay"
            else synthetic_messages(seed, count, today, lead, pool)
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
