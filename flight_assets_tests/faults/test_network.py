"""A network that hangs or resets instead of refusing: every wait ends within its stated time, and nothing is
lost or doubled.
"""

from __future__ import annotations

import time

import pytest

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.settings import Settings
from flight_assets.stores import kafka, lease, mongo, mongo_writes, redis, spark_connection
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.faults.proxy import proxied

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
TIMEOUT_S = 2.0
DATABASE = "test_network"


def through(settings: Settings, **addresses: str) -> Settings:
    return settings.model_copy(update={"timeout_s": TIMEOUT_S, "mongo_database": DATABASE, **addresses})


CALLS = {
    "mongod": (
        lambda port: {"mongo_uri": f"mongodb://127.0.0.1:{port}/?directConnection=true"},
        lambda s: lease.is_held(s),
        5.0,
    ),
    "kafka": (lambda port: {"kafka_bootstrap_servers": f"127.0.0.1:{port}"}, kafka.end_offsets, 5.0),
    "namenode": (
        lambda port: {"hdfs_url": f"hdfs://127.0.0.1:{port}"},
        lambda s: Hdfs(s).exists("/metadata"),
        4.0,
    ),
    "redis": (
        lambda port: {"redis_url": f"redis://127.0.0.1:{port}/0"},
        lambda s: redis.connect(s).ping(),
        2.0,
    ),
    "spark_connect": (
        lambda port: {"spark_remote": f"sc://127.0.0.1:{port}"},
        spark_connection.refuse_unreachable,
        2.0,
    ),
}


@pytest.mark.parametrize("endpoint", CALLS)
def test_a_store_that_hangs_is_given_up_within_its_time(platform, endpoint: str):
    """The factor is what a client may add: attempts, and the wait for a server before the wait for
    an answer.
    """
    from redis.exceptions import TimeoutError as RedisTimeout

    address, call, factor = CALLS[endpoint]
    with proxied(platform.port(endpoint)) as proxy:
        proxy.freeze()
        began = time.monotonic()
        with pytest.raises((StoreUnavailable, RedisTimeout)):
            call(through(platform, **address(proxy.port)))
        assert time.monotonic() - began < factor * TIMEOUT_S + 5


@pytest.fixture
def own(platform):
    """Settings of a database of the tests' own."""
    settings = platform.model_copy(update={"mongo_database": DATABASE})
    with mongo.connect(settings) as client:
        client.drop_database(DATABASE)
        yield settings
        client.drop_database(DATABASE)


def test_a_connection_reset_in_the_middle_of_a_bulk_write_neither_loses_nor_doubles(platform, own):
    """The driver repeats the bulk once; where that fails too, the next run writes all of it again."""
    documents = [
        {"_id": f"f{number}", "version": {"timestamp_us": number}, "text": "x" * 500}
        for number in range(1_500)
    ]
    with proxied(platform.port("mongod")) as proxy:
        settings = through(
            own, mongo_uri=f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        ).model_copy(update={"timeout_s": 15.0})
        proxy.reset_after = 300_000
        with mongo.database(settings) as db:
            counts = mongo_writes.upsert_newer(db[mongo.FLIGHTS], documents)
        assert proxy.resets == 1
    assert (counts.upserted, counts.out_of_order) == (1_500, 0)
    with mongo.database(own) as db:
        assert db[mongo.FLIGHTS].count_documents({}) == 1_500
        assert mongo_writes.upsert_newer(db[mongo.FLIGHTS], documents).out_of_order == 0


def test_a_clock_that_is_set_does_not_take_a_living_runs_lease(own, monkeypatch):
    """A process's start as a time of day moves with the clock.

    The lease must not take its holder for another process.
    """
    import psutil

    with lease.hold(own, "a test", 0):
        real = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: real(process) + 3_600)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        assert lease.is_held(own)
        with pytest.raises(FlightsError, match="another run is processing"), lease.hold(own, "another", 0):
            pass
    assert not lease.is_held(own)
