"""MongoDB's disk is full while an archive deletes, and while a restore writes: nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from pyspark.errors import PySparkException

from flight_assets.archive.record import State
from flight_assets.archive.restore import Selection, restore, verify
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo
from flight_assets_tests.faults.small_mongod import SmallMongod, reason_not, small_mongod
from flight_assets_tests.integration.cold_store import Store

pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(reason_not()), reason=reason_not())]
TRIES, PAUSE_S = 40, 3.0
FLIGHTS = 12


@pytest.fixture
def small(cold, tmp_path) -> Iterator[tuple[SmallMongod, Store]]:
    """A mongod that can be filled, and the archive's stores on it."""
    settings, house = cold
    with small_mongod(tmp_path) as mongod:
        own = settings.model_copy(update={"mongo_uri": mongod.uri, "timeout_s": 5.0})
        mongo.ensure_collection(own)
        with mongo.connect(own) as client:
            yield mongod, Store(own, house, client[own.mongo_database][mongo.FLIGHTS])


def until_done(work: Callable[[], Any]) -> Any:
    """Repeat a work until it succeeds: the lease of one that lost its store is held until it expires."""
    for _ in range(TRIES):
        try:
            return work()
        except (FlightsError, PySparkException) as error:
            problem = error
            time.sleep(PAUSE_S)
    raise problem


def test_a_disk_that_is_full_during_an_archive_and_a_restore_loses_nothing(small) -> None:
    mongod, store = small
    ids = set(store.fill(FLIGHTS))

    def fills(record) -> None:
        if record.state is State.DELETING and not record.deleted:
            mongod.fill()
            mongod.save()
            assert mongod.has_died()

    with pytest.raises((FlightsError, PySparkException)):
        store.archiver(fills).run()
    mongod.make_room()
    assert set(store.hot()) == ids, "nothing was deleted"
    record = until_done(lambda: store.archiver().run())
    assert (record.state, record.deleted, store.hot()) == (State.DONE, FLIGHTS, {})
    verify(store.archiver(), record.archive_id)

    mongod.fill()
    saver = threading.Thread(target=save_until_it_dies, args=(mongod,))
    saver.start()
    # It may be done before the store dies: a matter of milliseconds.
    with suppress(FlightsError, PySparkException):
        restore(store.archiver(), Selection(), "the disk is full")
    saver.join()
    assert mongod.has_died()
    mongod.make_room()
    found = until_done(lambda: restore(store.archiver(), Selection(), "there is room again"))
    assert found.restored + found.kept_newer == FLIGHTS
    assert set(store.hot()) == ids


def save_until_it_dies(mongod: SmallMongod) -> None:
    while not mongod.has_died(0.05):
        mongod.save()
