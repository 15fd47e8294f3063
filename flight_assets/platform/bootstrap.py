"""Creation of what the first batch needs: topic, tables, dimensions, collection, delay model. Idempotent."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING

from flight_assets.archive.files import create_views
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.delay_model.errors import ModelError
from flight_assets.pipeline import event_dedup
from flight_assets.platform.access import make_hdfs_permissions
from flight_assets.provenance import Ledger
from flight_assets.stores import access, dimensions, kafka, mongo, subscriptions
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import open_warehouse
from flight_assets.tenancy import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings


def bootstrap(settings: Settings, say: Callable[[str], None]) -> None:
    """Create what is missing in each store.

    This is also what warms Spark: its first statements cost most of their time once.
    """
    kafka.ensure_topic(
        settings, settings.kafka_topic, settings.kafka_partitions, settings.kafka_retention_days
    )
    for warning in kafka.topic_warnings(settings):
        say(f"warning: {warning}")
    make_hdfs_permissions(settings)
    mongo.ensure_collection(settings)
    access.ensure_collections(settings)
    subscriptions.ensure_collections(settings)
    if settings.embedded:
        make_local_key(settings)
        make_webhook_key(settings)
    else:
        _tell_of_first_key(settings, say)
    warehouse = open_warehouse(settings)
    warehouse.create_tables()
    event_dedup.fill_once(warehouse, Ledger(Hdfs(settings)).last_done("staged_events") + 1)
    create_views(warehouse, settings)
    say(f"tables of {settings.warehouse_database} are there")
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        rows, changed = dimensions.load(warehouse, table)
        in_redis = dimensions.publish(settings, table, rows)
        say(
            f"{table.name}: {len(rows)}"
            f" rows{', written' if changed else ''}{', published to Redis' if in_redis else ''}"
        )
    dimensions.load_contract(warehouse)
    _install_model(settings, say)


def _install_model(settings: Settings, say: Callable[[str], None]) -> None:
    """Make the package's model the champion, if there is none. Everything else works without a model."""
    try:
        installed = ModelStore(Hdfs(settings)).install_shipped()
    except ModelError as error:
        say(f"warning: no delay model is installed: {error}")
        return
    if installed:
        say(f"delay model {installed.version}: {installed.reason}")


def make_local_key(settings: Settings) -> None:
    """Make an API key for this machine, unless its file holds one that is valid.

    Only the file's owner may read it. The file is written first: no crash leaves a valid key that nobody
    has.
    """
    path = settings.api_key_file
    with mongo.database(settings) as db:
        text = path.read_text().strip() if path.exists() else ""
        known = {key.prefix: key for key in access.keys(db)}
        key = known.get(access.prefix_of(text) or "")
        if key and key.matches(text) and key.is_valid(datetime.now(UTC)):
            return
        text = access.new_text()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = path.with_name(f"{path.name}.{os.getpid()}")
        begun.unlink(missing_ok=True)
        begun.touch(mode=0o600)
        begun.write_text(text + "\n")
        begun.replace(path)
        access.create_key(db, "this machine", Role.ADMIN, text=text)


def _tell_of_first_key(settings: Settings, say: Callable[[str], None]) -> None:
    """Say how to make the first API key. A container's output is kept, so no key is shown in it."""
    with mongo.database(settings) as db:
        if not access.keys(db):
            say("the API has no key yet: `flights api key create NAME --role admin` makes one")


def make_webhook_key(settings: Settings) -> None:
    """Make the key that webhooks' secrets are derived from, unless there is one.

    Only the file's owner may read it.
    """
    path = settings.webhook_key_file
    if (path.exists() and path.read_text().strip()) or settings.webhook_key.get_secret_value():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(token_hex(32) + "\n")
