"""``flights api …``: keys for the REST API, and its schema."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    number,
    print_table,
    wide_option,
)
from flight_assets.settings import get_settings
from flight_assets.tenancy import DEFAULT, Role

_COLUMNS = (
    Column("prefix"), Column("name", folds=True), Column("role"), Column("tenant"), Column("state"),
    Column("last used", optional=True), Column("expires", optional=True),
    number("requests/min", optional=True),
)  # fmt: skip


@click.group(cls=Group, epilog=example("flights api key list"))
def api() -> None:
    """Manage the REST API: its keys and its schema."""


@api.group(cls=Group, epilog=example("flights api key create reports --role reader"))
def key() -> None:
    """Create, list and revoke API keys."""


@key.command(epilog=example("flights api key create reports --role reader --days 90"))
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.READER.value)
@click.option("--tenant", default=DEFAULT, show_default=True, help="Whose flights the key sees and sends.")
@click.option("--days", type=click.IntRange(1), help="Days until it expires; without it, never.")
@click.option("--requests-per-minute", type=click.IntRange(1), help="Limit of this key.")
@json_option
def create(
    name: str, role: str, tenant: str, days: int | None, requests_per_minute: int | None, as_json: bool
) -> None:
    """Make a key and print it. It is shown once: only its hash is kept."""
    from flight_assets.stores import access, mongo

    with mongo.database(get_settings()) as db:
        made, text = access.create_key(db, name, Role(role), tenant, days, requests_per_minute)
    if as_json:
        click.echo(json.dumps({**_plain(made), "key": text}))
        return
    console.print(
        f"key {made.prefix} of the role {made.role} for the tenant {made.tenant}; it is not shown again:"
    )
    console.print(text, soft_wrap=True)


@key.command("list", epilog=example("flights api key list"))
@wide_option
@json_option
def list_keys(wide: bool, as_json: bool) -> None:
    """List the keys with role, tenant, expiry and last use; never their secrets."""
    from flight_assets.stores import access, mongo

    with mongo.database(get_settings()) as db:
        found = access.keys(db)
    if as_json:
        click.echo(json.dumps([_plain(each) for each in found]))
        return
    rows = [
        (
            each.prefix,
            each.name,
            each.role.value,
            each.tenant,
            _plain(each)["state"],
            each.last_used and f"{each.last_used:%Y-%m-%d %H:%M}",
            each.expires and f"{each.expires:%Y-%m-%d}",
            each.requests_per_minute,
        )
        for each in found
    ]
    print_table(_COLUMNS, rows, wide=wide)


@key.command(epilog=example("flights api key revoke 1a2b3c4d"))
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Revoke the key with this PREFIX. The API refuses it within seconds."""
    from flight_assets.stores import access, mongo

    with mongo.database(get_settings()) as db:
        gone = access.revoke_key(db, prefix)
    console.print(f"key {gone.prefix} ({gone.name}) is revoked since {gone.revoked:%Y-%m-%d %H:%M} UTC")


@api.command(epilog=example("flights api schema"))
def schema() -> None:
    """Print the OpenAPI schema, which describes every route."""
    from flight_assets.api.app import schema_text

    click.echo(schema_text(), nl=False)


def _plain(each: Any) -> dict[str, Any]:  # noqa: ANN401 - an ApiKey
    """Return a key for JSON, without its hash."""
    from datetime import UTC, datetime

    state = "revoked" if each.revoked else "valid" if each.is_valid(datetime.now(UTC)) else "expired"
    found = {name: value for name, value in asdict(each).items() if name != "hash"}
    times = {
        name: value.isoformat(timespec="seconds")
        for name, value in found.items()
        if hasattr(value, "isoformat")
    }
    return {**found, **times, "state": state}
