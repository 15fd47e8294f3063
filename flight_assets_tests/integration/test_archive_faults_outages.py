"""An archive while stores are killed or full."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import pytest
from pyspark.errors import PySparkException

from flight_assets.archive.record import State
from flight_assets.archive.restore import verify
from flight_assets.errors import FlightsError, StoreFull, StoreUnavailable
from flight_assets.platform import launcher
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.archive_crashes import PAUSE_S, TRIES, at, crash
from flight_assets_tests.integration.cold_store import Crash

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("state", "service"),
    [(State.EXPORTED, "namenode"), (State.RECORDED, "mongod"), (State.DELETING, "datanode")],
)
def test_a_store_killed_between_two_steps_costs_and_doubles_nothing(archive_store, state, service) -> None:
    store = archive_store
    ids = store.fill(12)

    def kill(_record) -> None:
        os.kill(_pid(store.settings, service), signal.SIGKILL)

    archiver = store.archiver(at(state, kill))
    record = None
    for _ in range(TRIES):
        try:
            record = archiver.run()
            break
        except (FlightsError, PySparkException):
            time.sleep(PAUSE_S)
    assert record is not None, store.archives.unfinished().last_error
    assert (record.state, record.record_count, record.deleted) == (State.DONE, 12, 12)
    assert store.hot() == {}
    assert set(store.archived(record)) == set(ids)
    verify(store.archiver(), record.archive_id)


def _pid(settings, name: str) -> int:
    return next(row.pid for row in launcher.status(settings) if row.name == name)


@contextmanager
def full_disk(settings):
    """The DataNode says that nothing is free, as it does on a full disk: all that is free is reserved for
    others.
    """
    site = settings.home / "etc/hadoop/hdfs-site.xml"
    before = site.read_text()
    reserved = "<property><name>dfs.datanode.du.reserved</name><value>9000000000000000</value></property>"
    try:
        _restart_datanode(settings, site, before.replace("</configuration>", f"{reserved}</configuration>"))
        _wait_for(settings, StoreFull)
        yield
    finally:
        _restart_datanode(settings, site, before)
        _wait_for(settings, None)


def _restart_datanode(settings, site, configuration: str) -> None:
    site.write_text(configuration)
    os.kill(_pid(settings, "datanode"), signal.SIGKILL)


def _wait_for(settings, wanted: type[FlightsError] | None) -> None:
    """Return when a write to HDFS ends in an error of that kind, or in none."""
    found: type[FlightsError] | None = StoreUnavailable
    for _ in range(TRIES):
        time.sleep(PAUSE_S)
        try:
            Hdfs(settings).write("/metadata/full", b"x")
            found = None
        except FlightsError as error:
            found = type(error)
        if found is wanted:
            return
    raise AssertionError(f"writes to HDFS still end in {found}")


def test_a_full_disk_is_named_deletes_nothing_and_the_archive_goes_on_when_there_is_room(
    archive_store,
) -> None:
    store = archive_store
    ids = store.fill(8)
    with pytest.raises(Crash):
        store.archiver(at(State.PLANNED, crash)).run()
    with full_disk(store.settings):
        with pytest.raises(Exception, match="has no room for a file: free space"):
            store.archiver().run()
        with pytest.raises(StoreFull):
            Hdfs(store.settings).write("/metadata/full", b"x")
        assert set(store.hot()) == set(ids)
        assert store.archives.unfinished().state is State.PLANNED
    record = store.archiver().run()
    assert (record.state, record.deleted) == (State.DONE, 8)
