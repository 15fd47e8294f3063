"""``flights contract``: the message contract, for people and for other programs."""

from __future__ import annotations

import json

import click

from flight_assets.commands.console import example
from flight_assets.settings import get_settings


@click.command(epilog=example("flights contract --json-schema > flight_event.schema.json"))
@click.option("--json-schema", "form", flag_value="json-schema", help="As JSON Schema (draft 2020-12).")
@click.option("--asyncapi", "form", flag_value="asyncapi", help="As an AsyncAPI 3.0 document.")
@click.option("--examples", "form", flag_value="examples", help="An example of each event, one a line.")
def contract(form: str | None) -> None:
    """Print the message contract: its fields, or a document for other programs."""
    from flight_assets.contracts.message import MESSAGE_FIELDS, EventType
    from flight_assets.contracts.published import asyncapi, example, json_schema

    if form == "examples":
        for kind in EventType:
            click.echo(json.dumps(example(kind)))
    elif form:
        click.echo(
            json.dumps(
                json_schema() if form == "json-schema" else asyncapi(get_settings().kafka_topic), indent=2
            )
        )
    else:
        for field in MESSAGE_FIELDS:
            since = f", from version {field.since}" if field.since > 1 else ""
            click.echo(
                f"{field.name:26}{field.json_type:9}{'required' if field.required else 'optional'}{since}"
            )
            click.echo(f"    {field.description}{f' [{field.unit}]' if field.unit else ''}")
