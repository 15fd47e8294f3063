"""``flights tenant …``: organisations that see and send the flights of their airlines only."""

from __future__ import annotations

import json

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

_COLUMNS = (
    Column("tenant"), Column("airlines", folds=True), number("keys"), number("events/day", optional=True),
    number("requests/min", optional=True), Column("created", optional=True),
)  # fmt: skip


@click.group(cls=Group, epilog=example("flights tenant create united --airline UA"))
def tenant() -> None:
    """Manage tenants of the REST API. The default tenant sees every flight."""


@tenant.command(epilog=example("flights tenant create united --airline UA --events-per-day 100000"))
@click.argument("name")
@click.option("--airline", "airlines", multiple=True, required=True, help="Code of an airline; repeat it.")
@click.option("--events-per-day", type=click.IntRange(1), help="Events that it may send in a UTC day.")
@click.option("--requests-per-minute", type=click.IntRange(1), help="Limit of each of its keys.")
def create(
    name: str, airlines: tuple[str, ...], events_per_day: int | None, requests_per_minute: int | None
) -> None:
    """Make a tenant. Give it keys with `flights api key create --tenant`."""
    from flight_assets.stores import access, mongo

    with mongo.database(get_settings()) as db:
        made = access.create_tenant(db, name, airlines, events_per_day, requests_per_minute)
    console.print(f"tenant {made.name} sees and sends flights of {', '.join(made.airlines)}")


@tenant.command("list", epilog=example("flights tenant list"))
@wide_option
@json_option
def list_tenants(wide: bool, as_json: bool) -> None:
    """List the tenants with their airlines, keys and quotas."""
    from flight_assets.stores import access, mongo

    with mongo.database(get_settings()) as db:
        found, keys = access.tenants(db), access.keys(db)
    rows = [
        (
            each.name,
            ", ".join(each.airlines),
            sum(key.tenant == each.name and key.revoked is None for key in keys),
            each.events_per_day,
            each.requests_per_minute,
            f"{each.created:%Y-%m-%d}",
        )
        for each in found
    ]
    if as_json:
        names = ("tenant", "airlines", "keys", "events_per_day", "requests_per_minute", "created")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    print_table(_COLUMNS, rows, wide=wide)


@tenant.command(epilog=example("flights tenant views united"))
@click.argument("name")
@click.option("--drop", is_flag=True, help="Drop them, also those of a tenant that is gone.")
def views(name: str, drop: bool) -> None:
    """Make a database of views that show a tenant's flights only, for clients of HiveServer2.

    They are no protection: a client that may read them may read the tables.
    """
    from flight_assets.pipeline import tenant_views
    from flight_assets.queries.filters import Filters
    from flight_assets.stores import access, mongo
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    if drop:
        is_gone = tenant_views.drop(open_warehouse(settings), name)
        console.print(f"the views of {name} are dropped" if is_gone else f"{name} has no views")
        return
    with mongo.database(settings) as db:
        known = access.tenant_named(db, name)
    condition = Filters(scope=known.scope).sql()
    database, made = tenant_views.create(open_warehouse(settings), name, condition)
    console.print(f"database {database}: {', '.join(made)}", soft_wrap=True)


@tenant.command(epilog=example("flights tenant delete united"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete a tenant with its keys, subscriptions and deliveries, and tell where its flights remain.

    The flights stay: they belong to the default tenant as well.
    """
    from flight_assets.pipeline import tenant_views
    from flight_assets.queries.remains import remains_of
    from flight_assets.stores import access, mongo
    from flight_assets.stores.mongo_expiry import DELIVERIES
    from flight_assets.stores.subscriptions import SUBSCRIPTIONS
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    with mongo.database(settings) as db:
        known = access.tenant_named(db, name)
        if not yes:
            click.confirm(f"Delete the tenant {name}, its keys and its subscriptions?", abort=True)
        gone = access.delete_tenant(db, name)
    told = f"{gone[access.KEYS]} keys, {gone[SUBSCRIPTIONS]} subscriptions and {gone[DELIVERIES]} deliveries"
    console.print(f"tenant {name} is deleted with {told}; none is left", soft_wrap=True)
    if tenant_views.drop(open_warehouse(settings), name):
        console.print("its views are dropped")
    console.print(f"rows of {', '.join(known.airlines)} remain:", soft_wrap=True)
    for place, rows, until in remains_of(settings, known.scope):
        console.print(f"  {place}: {'not counted' if rows is None else rows}, {until}", soft_wrap=True)
